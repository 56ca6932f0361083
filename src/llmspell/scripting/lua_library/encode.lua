-- How does a Lua value become JSON text without changing on the way?
-- Given: quote(text) -> JSON string or nil, the host's, faster for long text; float_text(float) -> its JSON text;
-- both with a second result when memory ran out; metatable_of and hide from the guard.
-- Gives: encode(value) -> text, or nil and a sentence; mark_array(table); null; the metatable that marks arrays.
-- No metamethod of a script runs in here, and no pattern class that depends on the locale is used.
local quote, float_text, metatable_of, hide = ...

local type, next, rawlen, pcall, error, tonumber, tostring = type, next, rawlen, pcall, error, tonumber, tostring
local setmetatable, rawequal, rawget = setmetatable, rawequal, rawget
local find, gsub, match, format = string.find, string.gsub, string.match, string.format
local byte, sub, char = string.byte, string.sub, string.char
local concat, utf8_length, utf8_char, number_type = table.concat, utf8.len, utf8.char, math.type
local infinity = math.huge

local MAX_DEPTH = 128
local LONG_TEXT = 128 -- from here on the host is faster than Lua
local NAMES_KEPT = 1000

local ARRAY = {} -- the metatable that marks a table as an array
hide(ARRAY)

local function is_mark(meta)
  return meta ~= nil and rawequal(meta, ARRAY)
end

local null = setmetatable({}, {
  __metatable = false,
  __tostring = function() return "null" end,
  __newindex = function() error("State.null cannot be changed", 2) end,
})

-- Encoding -------------------------------------------------------------------------------------------

local REFUSED = {} -- raised by the fast path; `explain` then finds out what was wrong, and where

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
for code = 0, 31 do
  ESCAPES[char(code)] = ESCAPES[char(code)] or format("\\u%04x", code)
end

local function text_of(value)
  if #value >= LONG_TEXT then
    local quoted, problem = quote(value)
    return quoted or error(problem or REFUSED, 0)
  end
  if not find(value, "[^0-9A-Za-z _.:/@-]") then
    return '"' .. value .. '"'
  end
  if not utf8_length(value) then
    error(REFUSED, 0)
  end
  if find(value, '[%z\1-\31"\\]') then
    return '"' .. gsub(value, '[%z\1-\31"\\]', ESCAPES) .. '"'
  end
  return '"' .. value .. '"'
end

local DECIMAL_POINT = sub(format("%.1f", 0.5), 2, -2) -- the locale's

local function float_of(value)
  if value ~= value or value == infinity or value == -infinity then
    error(REFUSED, 0)
  end
  local size = value < 0 and -value or value
  if size >= 1e15 or (size < 1e-4 and size ~= 0) then
    local text, problem = float_text(value) -- with an exponent, or near one: spelt as the host spells it
    return text or error(problem, 0)
  end
  local text = format("%.15g", value)
  if tonumber(text) ~= value then
    text = format("%.16g", value)
    if tonumber(text) ~= value then
      text = format("%.17g", value)
    end
  end
  if DECIMAL_POINT ~= "." then
    local first, last = find(text, DECIMAL_POINT, 1, true)
    text = first and sub(text, 1, first - 1) .. "." .. sub(text, last + 1) or text
  end
  return find(text, ".", 1, true) and text or text .. ".0"
end

local names, names_count = {}, 0 -- field name -> its JSON text with the colon
local function name_of(name)
  local text = text_of(name) .. ":"
  if #name >= LONG_TEXT then
    return text
  end
  if names_count >= NAMES_KEPT then
    names, names_count = {}, 0
  end
  names[name], names_count = text, names_count + 1
  return text
end

local pieces
local put_table

-- Puts the text of `value` behind piece `at`; gives the place of its last piece.
local function put(value, at, depth)
  local kind = type(value)
  if kind == "string" then
    pieces[at + 1] = text_of(value)
  elseif kind == "table" then
    return put_table(value, at, depth)
  elseif kind == "number" then
    pieces[at + 1] = number_type(value) == "integer" and value or float_of(value)
  elseif kind == "boolean" then
    pieces[at + 1] = value and "true" or "false"
  else
    error(REFUSED, 0)
  end
  return at + 1
end

local function put_object(value, at, depth, name, part)
  local pieces = pieces
  local before = "{"
  repeat
    if type(name) ~= "string" then
      error(REFUSED, 0)
    end
    pieces[at + 1] = before
    pieces[at + 2] = names[name] or name_of(name)
    before = ","
    if number_type(part) == "integer" then
      pieces[at + 3] = part
      at = at + 3
    else
      at = put(part, at + 2, depth)
    end
    name, part = next(value, name)
  until name == nil
  pieces[at + 1] = "}"
  return at + 1
end

local function put_array(value, at, depth)
  local length, count = rawlen(value), 0
  for index in next, value do
    if number_type(index) ~= "integer" or index < 1 or index > length then
      error(REFUSED, 0)
    end
    count = count + 1
  end
  if count ~= length then
    error(REFUSED, 0)
  end
  local before = "["
  for index = 1, length do
    at = at + 1
    pieces[at] = before
    before = ","
    at = put(rawget(value, index), at, depth)
  end
  pieces[at + 1] = "]"
  return at + 1
end

function put_table(value, at, depth)
  if rawequal(value, null) then
    pieces[at + 1] = "null"
    return at + 1
  end
  local name, part = next(value)
  local meta = metatable_of(value)
  local marked = is_mark(meta)
  if depth >= MAX_DEPTH or (meta and not marked and rawget(meta, "__pairs")) then
    error(REFUSED, 0)
  end
  if name == nil then
    pieces[at + 1] = marked and "[]" or "{}"
    return at + 1
  end
  if type(name) == "string" and not marked then
    return put_object(value, at, depth + 1, name, part)
  end
  return put_array(value, at, depth + 1)
end

-- Finding out what cannot be stored --------------------------------------------------------------------

local function member(name)
  if find(name, "^[A-Za-z_][0-9A-Za-z_]*$") then
    return "." .. name
  end
  return utf8_length(name) and '["' .. name .. '"]' or "[" .. format("%q", name) .. "]"
end

local function keys_problem(value, marked)
  local length, integers, others, odd = rawlen(value), 0, 0, nil
  for key in next, value do
    if number_type(key) == "integer" and key >= 1 and key <= length then
      integers = integers + 1
    else
      others = others + 1
      if type(key) ~= "string" then
        odd = key
      end
    end
  end
  if odd ~= nil and type(odd) ~= "number" then
    return "has a " .. type(odd) .. " as a key; only text keys, or exactly 1..n, can be stored"
  end
  if integers > 0 and others > 0 and odd == nil then
    return "mixes array items and named fields; keep the items in a field of their own"
  end
  if marked and others > 0 then
    return "is marked as an array but has other keys than 1..n"
  end
  if odd ~= nil or integers ~= length then
    return "has integer keys that are not exactly 1..n"
      .. "; fill the gaps with State.null, or make the keys text with tostring()"
  end
end

local explain
local function explain_part(part, path, ancestors, depth)
  local problem, inner = explain(part, ancestors, depth)
  if problem then
    return problem, path .. inner
  end
end

-- Gives what is wrong with `value` and the path to it; nothing when all is well.
function explain(value, ancestors, depth)
  local kind = type(value)
  if kind == "string" then
    if not utf8_length(value) then
      return "is text that is not valid UTF-8", ""
    end
  elseif kind == "number" then
    if value ~= value or value == infinity or value == -infinity then
      return "is " .. tostring(value) .. ", which JSON has no number for", ""
    end
  elseif kind == "table" then
    if rawequal(value, null) then
      return
    end
    if ancestors[value] then
      return "contains itself", ""
    end
    if depth >= MAX_DEPTH then
      return "is nested deeper than " .. MAX_DEPTH .. " levels", ""
    end
    local meta = metatable_of(value)
    local marked = is_mark(meta)
    if meta and not marked and rawget(meta, "__pairs") then
      return "has a __pairs metamethod, so its fields cannot be stored exactly; copy them into a plain table", ""
    end
    local problem = keys_problem(value, marked)
    if problem then
      return problem, ""
    end
    ancestors[value] = true
    for key, part in next, value do
      if type(key) == "string" and not utf8_length(key) then
        return "has a field whose name is not valid UTF-8", ""
      end
      local path = type(key) == "string" and member(key) or "[" .. key .. "]"
      local reason, where = explain_part(part, path, ancestors, depth + 1)
      if reason then
        return reason, where
      end
    end
    ancestors[value] = nil
  elseif kind ~= "boolean" then
    local what = kind == "nil" and "nil" or "a " .. kind
    return "is " .. what, ""
  end
end

local function encode(value)
  pieces = {}
  local ok, last = pcall(put, value, 0, 0)
  local mine = pieces
  pieces = nil
  if ok then
    return concat(mine, "", 1, last)
  end
  if last ~= REFUSED then
    error(last, 0)
  end
  local problem, path = explain(value, {}, 0)
  path = path == "" and "it" or path
  return nil, "the value cannot be stored: " .. path .. " " .. (problem or "cannot be written as JSON")
end

local function mark_array(array)
  local meta = metatable_of(array)
  if meta ~= nil and not is_mark(meta) then
    return nil, "the table has a metatable of its own and cannot be marked; mark a plain table"
  end
  local problem = keys_problem(array, true)
  if problem then
    return nil, "the table " .. problem
  end
  return setmetatable(array, ARRAY)
end

return encode, mark_array, null, ARRAY

-- How does a Lua value become JSON text without changing on the way?
-- Given: spell(draft, marks) -> JSON text or nil, float_text(float) -> its JSON text, the host's, both with a second
-- result when memory ran out; metatable_of and hide from the guard.
-- Gives: encode(value) -> text, or nil and a sentence; mark_array(table); null; the metatable that marks arrays;
-- draft(value) -> a draft and its marks, for calls of the host that spell it themselves, or nil and a sentence.
-- A draft is JSON text with MARK for every quotation mark and nothing escaped: the host looks at all texts at once.
-- No metamethod of a script runs in here, and no pattern class that depends on the locale is used.
local spell, float_text, metatable_of, hide = ...

local type, next, rawlen, pcall, error, tonumber, tostring = type, next, rawlen, pcall, error, tonumber, tostring
local setmetatable, rawequal, rawget = setmetatable, rawequal, rawget
local find, gsub, match, format = string.find, string.gsub, string.match, string.format
local byte, sub, char = string.byte, string.sub, string.char
local concat, utf8_length, utf8_char, number_type = table.concat, utf8.len, utf8.char, math.type
local infinity = math.huge

local MAX_DEPTH = 128
local MARK = "\127" -- a text that holds one makes the host give a draft back
local NAMES_KEPT = 2000
local LONG_NAME = 128 -- from here on it is not kept

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

local function escaped(text)
  return (gsub(text, '[%z\1-\31"\\]', ESCAPES))
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

-- What stands in an object before a value, by the field's name; what ends the field before and begins a text is in it,
-- so that there are few pieces. There are six such tables: for the first field, behind a text, behind another value;
-- each for texts and for other values.
local BEFORE, BEHIND = {}, {} -- keys that no script has: what stands in each of them on both sides of the name
local function new_fields(mark)
  local text, other = mark .. ":" .. mark, mark .. ":"
  return {
    mark = mark,
    text_end = mark .. "}",
    first_text = { [BEFORE] = "{" .. mark, [BEHIND] = text },
    first_other = { [BEFORE] = "{" .. mark, [BEHIND] = other },
    text_text = { [BEFORE] = mark .. "," .. mark, [BEHIND] = text },
    text_other = { [BEFORE] = mark .. "," .. mark, [BEHIND] = other },
    other_text = { [BEFORE] = "," .. mark, [BEHIND] = text },
    other_other = { [BEFORE] = "," .. mark, [BEHIND] = other },
  }
end

local drafts, names_count = new_fields(MARK), 0
local fields, escape = drafts, nil -- the latter makes a text ready; a draft's is left to the host
local pieces, marks

local function begin_field(kept, name)
  if type(name) ~= "string" then
    error(REFUSED, 0)
  end
  local text = kept[BEFORE] .. (escape and escape(name) or name) .. kept[BEHIND]
  if names_count < NAMES_KEPT and #name < LONG_NAME then
    kept[name], names_count = text, names_count + 1
  end
  return text
end

local put_table

-- Puts the text of `value`, which is no table, behind piece `at`; gives the place of its last piece.
local function put_plain(value, at, kind)
  local pieces = pieces
  if kind == "string" then
    local mark = fields.mark
    pieces[at + 1], pieces[at + 2], pieces[at + 3] = mark, escape and escape(value) or value, mark
    marks = marks + 2
    return at + 3
  elseif kind == "number" then
    pieces[at + 1] = number_type(value) == "integer" and value or float_of(value)
  elseif kind == "boolean" then
    pieces[at + 1] = value and "true" or "false"
  else
    error(REFUSED, 0)
  end
  return at + 1
end

local function put(value, at, depth)
  local kind = type(value)
  return kind == "table" and put_table(value, at, depth) or put_plain(value, at, kind)
end

-- An array whose parts are not found in their order.
local function put_scattered(value, at, depth)
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
    pieces[at + 1] = before
    before = ","
    at = put(rawget(value, index), at + 1, depth)
  end
  pieces[at + 1] = "]"
  return at + 1
end

local function put_array(value, at, depth)
  local pieces, length = pieces, 0
  local first, marks_before = at, marks
  local before = "["
  for index, part in next, value do
    length = length + 1
    if index ~= length then
      marks = marks_before
      return put_scattered(value, first, depth)
    end
    pieces[at + 1] = before
    before = ","
    local kind = type(part)
    if kind == "table" then
      at = put_table(part, at + 1, depth)
    else
      at = put_plain(part, at + 1, kind)
    end
  end
  pieces[at + 1] = length == 0 and "[]" or "]"
  return at + 1
end

-- Of a table with a metatable: gives what `put` gives, or nothing for one that is put as if it had none.
local function put_special(value, meta, at, depth)
  if rawequal(value, null) then
    pieces[at + 1] = "null"
    return at + 1
  end
  local marked = is_mark(meta)
  if depth >= MAX_DEPTH or (not marked and rawget(meta, "__pairs")) then
    error(REFUSED, 0)
  end
  if marked or rawget(value, 1) ~= nil then
    return put_array(value, at, depth + 1)
  end
end

function put_table(value, at, depth)
  local meta = metatable_of(value)
  if meta ~= nil then
    local last = put_special(value, meta, at, depth)
    if last then
      return last
    end
  elseif depth >= MAX_DEPTH then
    error(REFUSED, 0)
  elseif value[1] ~= nil then
    return put_array(value, at, depth + 1)
  end
  local pieces, fields, escape = pieces, fields, escape
  local texts, others, count = fields.first_text, fields.first_other, 0
  for name, part in next, value do
    local kind = type(part)
    if kind == "string" then
      pieces[at + 1] = texts[name] or begin_field(texts, name)
      at, count = at + 2, count + 4
      pieces[at] = escape and escape(part) or part
      texts, others = fields.text_text, fields.text_other
    else
      at, count = at + 1, count + 2
      pieces[at] = others[name] or begin_field(others, name)
      if kind == "number" and number_type(part) == "integer" then
        at = at + 1
        pieces[at] = part
      elseif kind == "table" then
        at = put_table(part, at, depth + 1)
      else
        at = put_plain(part, at, kind)
      end
      texts, others = fields.other_text, fields.other_other
    end
  end
  marks = marks + count
  if count == 0 then
    pieces[at + 1] = "{}"
  else
    pieces[at + 1] = texts == fields.text_text and fields.text_end or "}"
  end
  return at + 1
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

local function refusal(value)
  local problem, path = explain(value, {}, 0)
  if problem then
    return "the value cannot be stored: " .. (path == "" and "it" or path) .. " " .. problem
  end
end

-- Gives the text, and how many marks there are for texts and names.
local function write(value)
  pieces, marks = {}, 0
  local last = put(value, 0, 0)
  local mine = pieces
  pieces = nil
  return concat(mine, "", 1, last), marks
end

local function draft(value)
  if names_count >= NAMES_KEPT then
    drafts, names_count = new_fields(MARK), 0
  end
  fields, escape = drafts, nil
  local ok, text, count = pcall(write, value)
  if ok then
    return text, count
  end
  pieces = nil
  if text ~= REFUSED then
    error(text, 0)
  end
  return nil, refusal(value) or "the value cannot be stored: it cannot be written as JSON"
end

-- Gives the JSON text of a value whose draft the host gave back, or nil and a sentence.
local function write_without_host(value)
  local problem = refusal(value)
  if problem then
    return nil, problem
  end
  local kept = names_count
  fields, escape, names_count = new_fields('"'), escaped, NAMES_KEPT -- they are not kept
  local text = write(value)
  names_count = kept
  return text
end

local function encode(value)
  local text, count = draft(value)
  if not text then
    return nil, count
  end
  local json, problem = spell(text, count)
  if problem then
    error(problem, 0)
  elseif json then
    return json
  end
  return write_without_host(value)
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

return encode, mark_array, null, ARRAY, draft

-- How does one text after the other run, and how is a value shown to a person?
-- Given: guard; protected from main; State, or nil where there is none; limit_memory(), the host's.
-- Gives: evaluate(source) -> what came of it ("value", "nothing", "incomplete", "failed") and a text.
-- No metamethod of a script runs in here but __tostring and __name, as in Lua's own `print`.
local guard, protected, State, limit_memory = ...

local load, next, rawget, rawlen, rawequal, type, tostring = load, next, rawget, rawlen, rawequal, type, tostring
local pack, concat, sort = table.pack, table.concat, table.sort
local format, gsub, find, sub, byte = string.format, string.gsub, string.find, string.sub, string.byte
local number_type, utf8_length, globals = math.type, utf8.len, _G
local renew, spare, metatable_of = guard.renew, guard.spare, guard.metatable_of

-- Showing ----------------------------------------------------------------------------------------------------

local WIDTH = 78
local MOST_DEPTH = 6
local MOST_PARTS = 100 -- of one table
local MOST_PARTS_IN_ALL = 1000
local MOST_KEYS_SORTED = 10000
local LONGEST_TEXT = 10000 -- of a text inside a table or alone

local ARRAY = State and metatable_of(State.array({}))
local null = State and State.null

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true until while"):gmatch("%a+") do
  KEYWORDS[word] = true
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local function escape(character)
  return ESCAPES[character] or format("\\x%02X", byte(character))
end

local function quoted(text)
  local left_out = ""
  if #text > LONGEST_TEXT then
    left_out = " --[[ and " .. #text - LONGEST_TEXT .. " bytes more ]]"
    text = sub(text, 1, LONGEST_TEXT)
  end
  local pattern = utf8_length(text) and '[%z\1-\31\127"\\]' or '[%z\1-\31"\\\127-\255]'
  return '"' .. gsub(text, pattern, escape) .. '"' .. left_out
end

local function shown_key(key, show)
  if type(key) == "string" and find(key, "^[%a_][%w_]*$") and not KEYWORDS[key] then
    return key
  end
  return "[" .. show(key) .. "]"
end

local ORDER = { number = 1, string = 2, boolean = 3 }
local function before(one, other)
  local kind, other_kind = ORDER[type(one)] or 4, ORDER[type(other)] or 4
  if kind ~= other_kind then
    return kind < other_kind
  elseif kind <= 2 then
    return one < other
  end
  return tostring(one) < tostring(other)
end

-- The keys of a table that stand behind its sequence, in order; and how many more there are than were looked at.
local function keys_behind(value, length)
  local keys, more = {}, 0
  for key in next, value do
    if number_type(key) == "integer" and key >= 1 and key <= length then
      goto next_key
    elseif #keys < MOST_KEYS_SORTED then
      keys[#keys + 1] = key
    else
      more = more + 1
    end
    ::next_key::
  end
  sort(keys, before)
  return keys, more
end

local parts_left, streams

local show

local function shown_table(value, depth, above, indent)
  if above[value] then
    return "<cycle>"
  elseif next(value) == nil then
    return ARRAY and rawequal(metatable_of(value), ARRAY) and "State.array({})" or "{}"
  elseif depth >= MOST_DEPTH or parts_left <= 0 then
    return "{ ... }"
  end
  above[value] = true
  local length = rawlen(value)
  local keys, left_out = keys_behind(value, length)
  local parts, width, several = {}, 4, false
  for index = 1, length + #keys do
    if #parts >= MOST_PARTS or parts_left <= 0 then
      left_out = left_out + length + #keys - index + 1
      break
    end
    parts_left = parts_left - 1
    local text
    if index <= length then
      text = show(rawget(value, index), depth + 1, above, indent .. "  ")
    else
      local key = keys[index - length]
      local name = shown_key(key, function(inner)
        return show(inner, depth + 1, above, indent .. "  ")
      end)
      text = name .. " = " .. show(rawget(value, key), depth + 1, above, indent .. "  ")
    end
    parts[#parts + 1] = text
    width = width + (utf8_length(text) or #text) + 2
    several = several or find(text, "\n", 1, true) ~= nil
  end
  above[value] = nil
  if left_out > 0 then
    parts[#parts + 1] = "... and " .. left_out .. " more"
  end
  if not several and width + #indent <= WIDTH then
    return "{ " .. concat(parts, ", ") .. " }"
  end
  return "{\n" .. indent .. "  " .. concat(parts, ",\n" .. indent .. "  ") .. "\n" .. indent .. "}"
end

function show(value, depth, above, indent)
  local kind = type(value)
  if kind == "string" then
    return quoted(value)
  elseif kind ~= "table" then
    return tostring(value)
  elseif null and rawequal(value, null) then
    return "null"
  elseif type(streams) == "table" and rawequal(value, rawget(streams, "stdout")) then
    return "io.stdout" -- what every io.write gives
  end
  local meta = metatable_of(value)
  if type(meta) == "table" and rawget(meta, "__tostring") ~= nil then
    return tostring(value)
  end
  return shown_table(value, depth, above, indent)
end

local function shown(values)
  local texts, between = {}, "\t"
  parts_left, streams = MOST_PARTS_IN_ALL, rawget(globals, "io")
  for index = 1, values.n do
    texts[index] = show(values[index], 0, {}, "")
    if find(texts[index], "\n", 1, true) then
      between = "\n"
    end
  end
  return concat(texts, between)
end

-- Running ----------------------------------------------------------------------------------------------------

local NAME = "=repl"
local outcome

local function ends_early(problem)
  return find(problem, "<eof>'?$") and not find(problem, "unfinished string near", 1, true)
end

-- Runs a text and sets `outcome`. An expression gives its values, so "return" is tried before it.
local function run(source)
  outcome = "failed"
  local chunk, as_expression = load("return " .. source, NAME, "t")
  if not chunk then
    local problem
    chunk, problem = load(source, NAME, "t")
    if not chunk and ends_early(as_expression) then
      problem = as_expression -- the beginning of a table, say, which begins no statement
    end
    if not chunk then
      outcome = ends_early(problem) and "incomplete" or "failed"
      return problem
    end
  end
  local values = pack(chunk())
  spare()
  local text = shown(values)
  outcome = values.n > 0 and "value" or "nothing"
  return text
end

local function evaluate(source)
  limit_memory()
  renew()
  local ok, text = protected(run, source)
  return ok and outcome or "failed", text
end

return evaluate

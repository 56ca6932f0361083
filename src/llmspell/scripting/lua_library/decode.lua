-- How does JSON text become a Lua value? Trusts text that the encoder, or the host's codec, has made.
-- Given: unquote(raw) -> text, the host's, faster for long text, with a second result when memory ran out; null; the
-- metatable that marks arrays. Gives: decode(text, keep_nulls). A field that is null is absent, as in Lua, unless nulls
-- are kept: then it holds null.
local draft_of, unquote, null, ARRAY = ...

local next, error, tonumber, setmetatable = next, error, tonumber, setmetatable
local find, gsub, match, byte, sub = string.find, string.gsub, string.match, string.byte, string.sub
local utf8_char, infinity = utf8.char, math.huge

local LONG_TEXT = 128 -- from here on the host is faster than Lua

local text, next_slash, left_out

local UNESCAPED = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local UNESCAPED_PAIRS = {}
for letter, plain in next, UNESCAPED do
  UNESCAPED_PAIRS["\\" .. letter] = plain
end

local function unescape(raw)
  if #raw >= LONG_TEXT then
    local plain, problem = unquote(raw)
    return plain or error(problem, 0)
  end
  if not find(raw, "\\u", 1, true) then
    return (gsub(raw, "\\.", UNESCAPED_PAIRS))
  end
  raw = gsub(raw, "\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)", function(high, low)
    return utf8_char(0x10000 + (tonumber(high, 16) - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00)
  end)
  return (gsub(raw, "\\(.)(%x?%x?%x?%x?)", function(letter, hex)
    if letter == "u" then
      return utf8_char(tonumber(hex, 16))
    end
    return UNESCAPED[letter] .. hex
  end))
end

-- Reads the string whose first character stands at `from`; gives it and the place behind its closing quote.
local function read_text(from)
  local last = find(text, '"', from, true)
  if next_slash < from then
    next_slash = find(text, "\\", from, true) or infinity
  end
  if next_slash > last then
    return sub(text, from, last - 1), last + 1
  end
  -- A quote behind an odd number of backslashes belongs to the text.
  while true do
    local before = last - 1
    while byte(text, before) == 92 do
      before = before - 1
    end
    if (last - before) % 2 == 1 then
      return unescape(sub(text, from, last - 1)), last + 1
    end
    last = find(text, '"', last + 1, true)
  end
end

local read

local function read_object(at)
  local object = {}
  if byte(text, at + 1) == 125 then
    return object, at + 2
  end
  -- Text without escapes is cut out here, and not by `read_text`: a call for each field would cost a tenth of it all.
  local text = text
  repeat
    local name, value
    local from = at + 2
    local last = find(text, '"', from, true)
    if last < next_slash then
      name, at = sub(text, from, last - 1), last + 1
    else
      name, at = read_text(from)
    end
    from = at + 2
    if byte(text, from - 1) ~= 34 then
      value, at = read(from - 1)
      if value ~= left_out then
        object[name] = value
      end
    else
      last = find(text, '"', from, true)
      if last < next_slash then
        object[name], at = sub(text, from, last - 1), last + 1
      else
        object[name], at = read_text(from)
      end
    end
  until byte(text, at) == 125
  return object, at + 1
end

local function read_array(at)
  local array = setmetatable({}, ARRAY)
  if byte(text, at + 1) == 93 then
    return array, at + 2
  end
  local length = 0
  repeat
    length = length + 1
    array[length], at = read(at + 1)
  until byte(text, at) == 93
  return array, at + 1
end

-- Reads the value that begins at `at`; gives it and the place behind it.
function read(at)
  local first = byte(text, at)
  if first == 34 then
    return read_text(at + 1)
  elseif first == 123 then
    return read_object(at)
  elseif first == 91 then
    return read_array(at)
  elseif first == 116 then
    return true, at + 4
  elseif first == 102 then
    return false, at + 5
  elseif first == 110 then
    return null, at + 4
  end
  local digits = match(text, "^[%d.eE+-]+", at)
  return tonumber(digits), at + #digits
end

local function decode(json, keep_nulls)
  text, next_slash = json, find(json, "\\", 1, true) or infinity
  left_out = not keep_nulls and null or nil
  local value = read(1)
  text = nil
  return value
end

return decode

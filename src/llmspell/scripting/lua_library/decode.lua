-- How does JSON text become a Lua value? Trusts text that the encoder, or the host's codec, has made.
-- Given, of the host, each with a second result when memory ran out: draft_of(json) -> the same without escapes and with
-- MARK for quotation marks, or nil where that cannot be; unquote(raw) -> text, faster for long text. null; the metatable
-- that marks arrays. Gives: decode(text, keep_nulls). A field that is null is absent, as in Lua, unless nulls are kept:
-- then it holds null.
local draft_of, unquote, null, ARRAY = ...

local next, error, tonumber, setmetatable = next, error, tonumber, setmetatable
local find, gsub, match, byte, sub = string.find, string.gsub, string.match, string.byte, string.sub
local utf8_char, infinity = utf8.char, math.huge

local MARK = "\127"
local LONG_TEXT = 128 -- from here on the host is faster than Lua
local LONG_JSON = 1000 -- the same of a whole with escapes

local text, next_slash, quote, left_out -- of what is read: the last two are the quotation mark, and what is left out

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
  local last = find(text, quote, from, true)
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

-- Objects are alike: the same fields follow each other. So it is remembered what stood between one value and the next,
-- and one comparison tells that it stands there again. A step: `text` (from the brace or comma to where the value
-- begins, in a text behind its quotation mark), `size` (less one), `first` (its first byte), `name`, `is_text`, `next`
-- (the step that came after it last), `known` (every step that came after it, by its text).
local MOST_STEPS = 500
local MOST_STEPS_OF_OBJECT = 40
local LONGEST_STEP = 60
local LONGEST_NUMBER = 30
local LAST = { text = "}", size = 0, first = "}" }
local steps_left = MOST_STEPS
local first_steps = { ['"'] = {}, [MARK] = {} }

-- Gives the step behind `step` with that text; nil where there is none and no room for it.
local function remember(step, piece, name, is_text)
  local known = step.known
  local found = known and known[piece]
  if not found then
    if steps_left == 0 or #piece > LONGEST_STEP then
      return nil
    end
    steps_left = steps_left - 1
    found = { text = piece, size = #piece - 1, first = sub(piece, 1, 1), name = name, is_text = is_text }
    if not known then
      known = {}
      step.known = known
    end
    known[piece] = found
  end
  step.next = found
  return found
end

local read

local function read_object(at)
  local text, quote = text, quote
  local object = { a = nil, b = nil, c = nil, d = nil } -- with room for a few fields
  local before, count = first_steps[quote], 0
  local step = before.next
  while true do
    local name, is_text
    if step and sub(text, at, at + step.size) == step.text then
      name, is_text = step.name, step.is_text
      if not name then
        return object, at + 1
      end
      at = at + step.size + 1
    elseif byte(text, at) == 125 then
      if before then
        before.next = LAST
      end
      return object, at + 1
    elseif byte(text, at + 1) == 125 then -- not a comma: a brace that ends at once
      return object, at + 2
    else
      local start, from = at, at + 2
      -- Text without escapes is cut out here, and not by `read_text`: calls for each field would be felt.
      local last = find(text, quote, from, true)
      if last < next_slash then
        name, at = sub(text, from, last - 1), last + 2
      else
        name, at = read_text(from)
        at = at + 1
      end
      is_text = sub(text, at, at) == quote
      if is_text then
        at = at + 1
      end
      if before then
        count = count + 1
        step = count <= MOST_STEPS_OF_OBJECT and remember(before, sub(text, start, at - 1), name, is_text) or nil
      end
    end
    before, step = step, step and step.next
    if is_text then
      local last = find(text, quote, at, true)
      if last < next_slash then
        object[name], at = sub(text, at, last - 1), last + 1
      else
        object[name], at = read_text(at)
      end
    else
      local value
      if step and byte(text, at) <= 57 then -- a number; where it ends is guessed
        local last = find(text, step.first, at, true)
        value = last and last - at < LONGEST_NUMBER and tonumber(sub(text, at, last - 1))
        if value then
          object[name], at = value, last
        end
      end
      if not value then
        value, at = read(at)
        if value ~= left_out then
          object[name] = value
        end
      end
    end
  end
end

local function read_array(at)
  local array = setmetatable({}, ARRAY)
  local separator, first = byte(text, at, at + 1)
  if first == 93 then
    return array, at + 2
  end
  local length = 0
  repeat
    length = length + 1
    if first == 123 then
      array[length], at = read_object(at + 1)
    else
      array[length], at = read(at + 1)
    end
    separator, first = byte(text, at, at + 1)
  until separator == 93
  return array, at + 1
end

-- Reads the value that begins at `at`; gives it and the place behind it.
function read(at)
  local first = byte(text, at)
  if first <= 57 and first ~= 34 then
    local digits = match(text, "^[%d.eE+-]+", at)
    return tonumber(digits), at + #digits
  elseif first == 34 or first == 127 then
    return read_text(at + 1)
  elseif first == 123 then
    return read_object(at)
  elseif first == 91 then
    return read_array(at)
  elseif first == 116 then
    return true, at + 4
  elseif first == 102 then
    return false, at + 5
  end
  return null, at + 4
end

local function decode(json, keep_nulls)
  text, quote, left_out = json, '"', not keep_nulls and null or nil
  next_slash = find(json, "\\", 1, true) or infinity
  if next_slash < infinity and #json >= LONG_JSON then
    local draft, problem = draft_of(json)
    if draft then
      text, quote, next_slash = draft, MARK, infinity
    elseif problem then
      error(problem, 0)
    end
  end
  local value = read(1)
  text = nil
  return value
end

return decode

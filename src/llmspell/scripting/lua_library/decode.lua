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
-- begins, in a text behind its quotation mark), `size` (less one), `name`, `kind` (of the value: "text", "number" or
-- "other"; which of the latter two is only a guess), `next` (the step that came after it last), `known` (every step
-- that came after it, by its text).
local MOST_STEPS = 500
local MOST_STEPS_OF_OBJECT = 40
local LONGEST_STEP = 60
local LONGEST_NUMBER = 30
local LAST = { text = "}", size = 0 }
local VALUES_TO_WAIT = 1000 -- when there is no room for more steps, until all are forgotten and others learnt
local steps_left, values_left, first_steps = 0, 0, nil -- the last by the quotation mark: what stands behind no step

-- Gives the step behind `step` with that text; nil where there is none and no room for it.
local function remember(step, piece, name, kind)
  local known = step.known
  local found = known and known[piece]
  if not found then
    if steps_left == 0 or #piece > LONGEST_STEP then
      return nil
    end
    steps_left = steps_left - 1
    found = { text = piece, size = #piece - 1, name = name, kind = kind }
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
  local step, found = before.next, false
  while true do
    local name, kind
    if found or step and sub(text, at, at + step.size) == step.text then
      found = false
      name, kind = step.name, step.kind
      if not name then
        return object, at + 1
      end
      at = at + step.size + 1
    else
      local start, first, second = at, byte(text, at, at + 1)
      if first == 125 then
        if before then
          before.next = LAST
        end
        return object, at + 1
      elseif second == 125 then -- behind a brace, not behind a comma
        return object, at + 2
      end
      -- Text without escapes is cut out here, and not by `read_text`: calls for each field would be felt.
      local last = find(text, quote, at + 2, true)
      if last < next_slash then
        name, at = sub(text, at + 2, last - 1), last + 2
      else
        name, at = read_text(at + 2)
        at = at + 1
      end
      first = byte(text, at)
      if first == 34 or first == 127 then
        kind, at = "text", at + 1
      else
        kind = first <= 57 and "number" or "other"
      end
      if before then
        count = count + 1
        step = count <= MOST_STEPS_OF_OBJECT and remember(before, sub(text, start, at - 1), name, kind) or nil
      end
    end
    before, step = step, step and step.next
    if kind == "text" then
      local last = find(text, quote, at, true)
      if last < next_slash then
        object[name], at = sub(text, at, last - 1), last + 1
      else
        object[name], at = read_text(at)
      end
    else
      local value, last
      if kind == "number" and step then -- it ends where the next step is; if that is elsewhere, this is no number
        last = find(text, step.text, at, true)
        value = last and last - at <= LONGEST_NUMBER and tonumber(sub(text, at, last - 1))
        if not value then
          before.kind = "other" -- never again: looking for what is not there takes as long as the text is
        end
      end
      if value then
        found, object[name], at = true, value, last
      else
        value, at = read(at)
        if value ~= left_out then
          object[name] = value
        end
      end
    end
  end
end

local function read_array(at)
  local text, quote = text, quote
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
    elseif first == 34 or first == 127 then
      local last = find(text, quote, at + 2, true)
      if last < next_slash then
        array[length], at = sub(text, at + 2, last - 1), last + 1
      else
        array[length], at = read_text(at + 2)
      end
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
  if steps_left == 0 then
    values_left = values_left - 1
    if values_left < 0 then
      first_steps, steps_left, values_left = { ['"'] = {}, [MARK] = {} }, MOST_STEPS, VALUES_TO_WAIT
    end
  end
  local value = read(1)
  text = nil
  return value
end

return decode

-- How does a script start and end? Loads the text, runs it, turns what it raised into one sentence.
-- Given: begin and position from the guard; xpcall and traceback from before the sandbox.
-- Gives: run(source, name, arguments, encode); protected(fn, ...).
local begin, position, xpcall, traceback = ...
local load, type, tostring, getmetatable, rawget, error = load, type, tostring, getmetatable, rawget, error
local unpack, sub, gsub = table.unpack, string.sub, string.gsub

local function with_position(message)
  local where = position()
  return where ~= "" and where .. ": " .. message or message
end

-- After `return require("x")` Lua has forgotten the caller, and takes the library's line for it.
local function placed(message)
  local bare, taken = gsub(message, "^llmspell/%l+%.lua:%d+: ", "")
  return taken > 0 and with_position(bare) or message
end

local function sentence(problem)
  if type(problem) == "string" or type(problem) == "number" then
    return placed(tostring(problem))
  end
  local meta = getmetatable(problem)
  if type(meta) == "table" and rawget(meta, "__tostring") then
    return tostring(problem)
  end
  return with_position("the script raised an error that is no text (a " .. type(problem) .. " value)")
end

-- Gives true and the first result of fn, or false with what was raised and where.
local function protected(fn, ...)
  local trace = ""
  local ok, result = xpcall(fn, function(value)
    trace = traceback(nil, 2)
    return sentence(value)
  end, ...)
  return ok, result, trace
end

-- Gives true, or false with what was raised and where. With `encode`, the text of the script's first result stands
-- behind true (nil when it has none), and why there is no text comes last.
local function run(source, name, arguments, encode)
  local unfit
  begin(sub(name, 2))
  local ok, result, trace = protected(function(...)
    local chunk, problem = load(source, name, "t")
    if not chunk then
      error(problem, 0)
    end
    local value = chunk(...)
    if encode and value ~= nil then
      value, unfit = encode(value)
      return value
    end
  end, unpack(arguments))
  return ok, result, trace, unfit
end

return run, protected

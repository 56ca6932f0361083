-- How does a script start and end? Loads the text, runs it, turns what it raised into one sentence.
-- Given: pcall and traceback from before the sandbox. Gives: run(source, name, arguments).
local xpcall, traceback = ...
local load, type, tostring, getmetatable = load, type, tostring, getmetatable
local unpack = table.unpack

local function sentence(problem)
  if type(problem) == "string" or type(problem) == "number" then
    return tostring(problem)
  end
  local meta = getmetatable(problem)
  if type(meta) == "table" and meta.__tostring then
    return tostring(problem)
  end
  return "the script raised an error that is no text (a " .. type(problem) .. " value)"
end

-- Gives true, or false with what was raised and where.
local function run(source, name, arguments)
  local chunk, problem = load(source, name, "t")
  if not chunk then
    return false, problem, ""
  end
  local trace = ""
  local ok, raised = xpcall(chunk, function(value)
    trace = traceback(nil, 2)
    return sentence(value)
  end, unpack(arguments))
  return ok, raised, trace
end

return run

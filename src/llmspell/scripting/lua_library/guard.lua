-- How does a script end when it must? What no pcall, coroutine or finalizer of a script gets around.
-- Given: host (functions of the host), allowed (what the configuration permits), limits.
-- Gives a table: begin(name) (the limits hold from then on), renew() (count from 0 again), spare() (what
-- follows is the library's own and reaches no limit, until renew), recover() (after a script was stopped, another one
-- may run; the hook must be taken away before), on_recover(fn) (fn is called then as well), raise_halt(), check() and given() for what the host
-- answers, position() (the script's file and line), metatable_of (the true one), hide(metatable) (no script is ever
-- given that one), and under `functions` the guarded versions of Lua's own.
local host, allowed, limits = ...

local error, pcall, xpcall, type, tostring = error, pcall, xpcall, type, tostring
local load, rawget, rawequal, select = load, rawget, rawequal, select
local setmetatable, getmetatable, collectgarbage = setmetatable, getmetatable, collectgarbage
local create, resume, close, running = coroutine.create, coroutine.resume, coroutine.close, coroutine.running
local status = coroutine.status
local sethook, getinfo, metatable_of = debug.sethook, debug.getinfo, debug.getmetatable
local find, sub, least = string.find, string.sub, math.mininteger

-- Where is the script? The file and line of the innermost function that is not ours; its name where Lua forgot ---

local script_name = ""

local function position()
  local level = 2
  while true do
    local info = getinfo(level, "Sl")
    if not info then
      return script_name
    end
    if info.currentline > 0 and sub(info.source, 1, 9) ~= "=llmspell" then
      local first = sub(info.source, 1, 1)
      local name = (first == "@" or first == "=") and sub(info.source, 2) or info.short_src
      return name .. ":" .. info.currentline
    end
    level = level + 1
  end
end

-- Ending a script: once `halting` is set, no pcall, coroutine or handler gets in the way ---------------------

local HALT = setmetatable({}, { __metatable = false, __tostring = function() return "the script was stopped" end })
local halting = false
local NO_MEMORY = "not enough memory"

local function raise_halt()
  if not halting then
    halting = true
    host.note_position(position())
  end
  error(HALT, 0)
end

local function guarded(...)
  if halting then
    error(HALT, 0)
  end
  local ok, problem = ...
  if not ok and problem == NO_MEMORY then
    collectgarbage() -- here, where nothing on the stack still holds what the failed call had filled memory with
  end
  return ...
end

local function check(...)
  if host.stopping() then
    raise_halt()
  end
  return ...
end

-- What a host function gave: its result, or nil and why there is none.
local function given(result, problem)
  check()
  if problem then
    error(problem, 0)
  end
  return result
end

-- Counting instructions: every coroutine needs a hook of its own, and costs one step of the count ------------

local STEP = 1000
local counted = 0

local function hook()
  counted = counted + STEP
  if halting or counted >= limits.instructions or host.stopping() then
    if counted >= limits.instructions and not halting then
      host.exceed_instructions()
    end
    sethook(hook, "", 1) -- so that the next instruction after a pcall ends it as well
    raise_halt()
  end
end

local function count(thread)
  if limits.instructions > 0 then
    counted = counted + STEP
    sethook(thread, hook, "", STEP)
  end
  return thread
end

local function begin(name)
  script_name = name
  host.limit_memory()
  count(running())
end

local function renew()
  counted = 0
end

local function spare()
  counted = least -- a step at a time from here to the limit takes longer than any process lives
end

local recoveries = {}
local function on_recover(fn)
  recoveries[#recoveries + 1] = fn
end

local function recover()
  halting = false
  for index = 1, #recoveries do
    recoveries[index]()
  end
  collectgarbage()
  count(running())
end

-- The guarded versions of what could swallow the end of a script -------------------------------------------

-- Refuses a wrong argument in the name of the script's line; deeper in, Lua would name ours.
local function need(kind, value, place, name)
  if type(value) ~= kind then
    error("bad argument #" .. place .. " to '" .. name .. "' (" .. kind .. " expected, got " .. type(value) .. ")", 3)
  end
end

local function guarded_pcall(...)
  if select("#", ...) == 0 then
    error("bad argument #1 to 'pcall' (value expected)", 2)
  end
  return guarded(pcall(...))
end

local function guarded_xpcall(fn, handler, ...)
  need("function", handler, 2, "xpcall")
  return guarded(xpcall(fn, function(...)
    if halting then
      return ...
    end
    return handler(...)
  end, ...))
end

local function counted_create(fn)
  need("function", fn, 1, "create")
  return count(create(fn))
end

local function guarded_resume(thread, ...)
  need("thread", thread, 1, "resume")
  return guarded(resume(thread, ...))
end

-- What a wrapped coroutine gave. One that failed is closed, as Lua's own wrap does.
local function passed_on(thread, ok, ...)
  if ok then
    return ...
  end
  local problem = ...
  if status(thread) == "dead" then
    local closed, last_problem = guarded(close(thread))
    problem = closed and problem or last_problem
  end
  error(problem, 0)
end

local function counted_wrap(fn)
  need("function", fn, 1, "wrap")
  local thread = count(create(fn))
  return function(...)
    return passed_on(thread, guarded(resume(thread, ...)))
  end
end

local function guarded_close(thread)
  need("thread", thread, 1, "close")
  return guarded(close(thread))
end

local function text_load(chunk, name, mode, ...)
  if type(chunk) ~= "string" then
    need("function", chunk, 1, "load")
  end
  if mode ~= nil and not find(tostring(mode), "t", 1, true) then
    return nil, "attempt to load a binary chunk (only text is allowed)"
  end
  return guarded(load(chunk, name, "t", ...))
end

local function safe_setmetatable(table, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
    error("__gc is not allowed: a finalizer would run where no limit reaches it", 2)
  end
  return setmetatable(table, meta)
end

-- The metatable of files is not given either: a __gc put into it would run for every file.
local hidden = {}
local function hide(meta)
  hidden[meta] = true
end

local function safe_getmetatable(...)
  local meta = getmetatable(...)
  if meta == nil or type((...)) == "userdata" or hidden[meta] then
    return nil
  end
  return meta
end

local function safe_collectgarbage(option, ...)
  option = option or "collect"
  if option ~= "count" and option ~= "collect" and option ~= "step" then
    error('collectgarbage("' .. tostring(option) .. '") is not allowed; "collect", "count" and "step" are', 2)
  end
  return collectgarbage(option, ...)
end

return {
  begin = begin,
  renew = renew,
  spare = spare,
  recover = recover,
  on_recover = on_recover,
  raise_halt = raise_halt,
  check = check,
  given = given,
  guarded = guarded,
  position = position,
  metatable_of = metatable_of,
  hide = hide,
  functions = {
    pcall = guarded_pcall,
    xpcall = guarded_xpcall,
    load = text_load,
    setmetatable = safe_setmetatable,
    getmetatable = safe_getmetatable,
    collectgarbage = safe_collectgarbage,
  },
  coroutine = { create = counted_create, resume = guarded_resume, wrap = counted_wrap, close = guarded_close },
}

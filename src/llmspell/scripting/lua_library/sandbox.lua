-- What may a script reach? Takes everything else out of the global table, once, before the script runs.
-- Given: host (functions of the host), allowed (what the configuration permits), limits.
-- Gives: begin(name) (the limits hold from then on), raise_halt(), pcall (which does catch the end of a script),
-- position(), traceback, metatable_of (the true one), hide(metatable) (no script is ever given that one).
local host, allowed, limits = ...

local assert, error, next, pcall, xpcall, type, tostring = assert, error, next, pcall, xpcall, type, tostring
local load, rawget, rawequal, select = load, rawget, rawequal, select
local setmetatable, getmetatable = setmetatable, getmetatable
local create, resume, close, running = coroutine.create, coroutine.resume, coroutine.close, coroutine.running
local status = coroutine.status
local sethook, getinfo, traceback, metatable_of = debug.sethook, debug.getinfo, debug.traceback, debug.getmetatable
local concat, pack, find, sub, gsub = table.concat, table.pack, string.find, string.sub, string.gsub
local number_type, whole = math.type, math.tointeger
local collectgarbage, loadfile, globals = collectgarbage, loadfile, _G

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

-- Output ---------------------------------------------------------------------------------------------------

local function write_with(name, write, ...)
  local parts = pack(...)
  for index = 1, parts.n do
    local kind = type(parts[index])
    if kind ~= "string" and kind ~= "number" then
      error("bad argument #" .. index .. " to '" .. name .. "' (string expected, got " .. kind .. ")", 3)
    end
  end
  write(concat(parts, "", 1, parts.n))
  check()
end

local function stream(name, write)
  local self = {}
  function self.write(this, ...)
    write_with(name, write, ...)
    return this
  end
  function self.flush(this)
    host.flush_output()
    return this
  end
  function self.setvbuf()
    return true
  end
  return self
end

local function print(...)
  local parts = pack(...)
  for index = 1, parts.n do
    parts[index] = tostring(parts[index])
  end
  host.write(concat(parts, "\t", 1, parts.n) .. "\n")
  check()
end

local function read_input(format)
  if format == nil then
    format = "l"
  end
  local wanted = type(format) == "string" and gsub(format, "^%*", "") or format
  if wanted ~= "l" and wanted ~= "L" and wanted ~= "a" and number_type(wanted) ~= "integer" then
    error("bad argument #1 to 'read' (use \"l\", \"L\", \"a\" or a number of bytes)", 3)
  end
  return (given(host.read(wanted)))
end

-- Modules --------------------------------------------------------------------------------------------------

local loaded = {
  string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine, os = os, io = io, _G = _G,
}
local LOADING = {}

local function require(name)
  if type(name) ~= "string" then
    error("bad argument #1 to 'require' (string expected, got " .. type(name) .. ")", 2)
  end
  local module = loaded[name]
  if rawequal(module, LOADING) then
    error("module '" .. name .. "' is loading already: two modules require each other", 2)
  elseif module ~= nil then
    return module
  end
  local source, path = check(host.module_source(name))
  if not source then
    error("module '" .. name .. "' not found: " .. path, 2)
  end
  local chunk, problem = load(source, "@" .. path, "t")
  if not chunk then
    error("module '" .. name .. "' cannot be loaded: " .. problem, 2)
  end
  loaded[name] = LOADING
  local results = pack(pcall(chunk, name, path))
  loaded[name] = nil
  if not results[1] then
    error(results[2], 0)
  end
  module = results[2]
  if module == nil then
    module = true
  end
  loaded[name] = module
  return module, path
end

-- The global table, rebuilt in place -----------------------------------------------------------------------

local function keep(table, names)
  local kept = {}
  for name in names:gmatch("%S+") do
    kept[name] = table[name]
  end
  return kept
end

local real_os, real_io = os, io

local safe_os = keep(real_os, "clock date difftime time")
function safe_os.getenv(name)
  if type(name) ~= "string" then
    error("bad argument #1 to 'getenv' (string expected, got " .. type(name) .. ")", 2)
  end
  return (given(host.getenv(name)))
end
function safe_os.exit(code)
  if code == nil or code == true then
    code = 0
  elseif code == false then
    code = 1
  elseif type(code) ~= "number" or not whole(code) then
    error("bad argument #1 to 'exit' (a whole number expected)", 2)
  end
  host.exit(whole(code))
  raise_halt()
end

local safe_io = { stdout = stream("write", host.write), stderr = stream("write", host.write_error) }
function safe_io.write(...)
  write_with("write", host.write, ...)
  return safe_io.stdout
end
function safe_io.read(format)
  local text = read_input(format) -- no tail call, so that an error names the script's line
  return text
end
local function line_reader()
  local text = read_input("l")
  return text
end
function safe_io.lines(path, ...)
  if path ~= nil and allowed.file_access then
    return real_io.lines(path, ...)
  elseif path ~= nil then
    error("io.lines(PATH) is not allowed; [runtime.security] allow_file_access in the configuration allows it", 2)
  end
  return line_reader
end

if allowed.file_access then
  for _, name in next, { "open", "close", "type", "tmpfile" } do
    safe_io[name] = real_io[name]
  end
  for _, name in next, { "remove", "rename", "tmpname" } do
    safe_os[name] = real_os[name]
  end
end
if allowed.process_spawn then
  function safe_os.execute(...)
    host.flush_output() -- what was printed before stands before what the other process prints
    return real_os.execute(...)
  end
end

local kept = keep(globals, "_VERSION assert error ipairs next pairs rawequal rawget rawlen rawset select tonumber tostring type")
kept._G, kept.print, kept.require = globals, print, require
kept.pcall, kept.xpcall, kept.load = guarded_pcall, guarded_xpcall, text_load
kept.setmetatable, kept.getmetatable, kept.collectgarbage = safe_setmetatable, safe_getmetatable, safe_collectgarbage
kept.math, kept.table, kept.utf8 = math, table, utf8
kept.string = string
string.dump = nil
kept.coroutine = keep(coroutine, "isyieldable running status yield")
kept.coroutine.create, kept.coroutine.resume, kept.coroutine.wrap = counted_create, guarded_resume, counted_wrap
kept.coroutine.close = guarded_close
kept.os, kept.io = safe_os, safe_io
kept.debug = { traceback = traceback }
function kept.warn(...)
  write_with("warn", host.write_error, "Lua warning: ", ...)
  host.write_error("\n")
end

if allowed.full_library then
  kept.collectgarbage = collectgarbage
  function kept.debug.getinfo(level, what)
    local info = getinfo(type(level) == "number" and level + 1 or level, "Slnut")
    if info then
      info.func = nil
    end
    return info
  end
end
if allowed.full_library and allowed.file_access then
  function kept.loadfile(path, mode, ...)
    return guarded(loadfile(path, "t", ...))
  end
  function kept.dofile(path)
    return assert(kept.loadfile(path))()
  end
end

for name in next, globals do
  globals[name] = nil
end
for name, value in next, kept do
  globals[name] = value
end
for name in next, loaded do
  loaded[name] = kept[name]
end
loaded._G = globals

return begin, raise_halt, pcall, position, traceback, metatable_of, hide

-- What may a script reach? Takes everything else out of the global table, once, before the script runs.
-- Given: host (functions of the host), allowed (what the configuration permits), guard (see guard.lua).
local host, allowed, guard = ...

local assert, error, next, pcall, type, tostring = assert, error, next, pcall, type, tostring
local load, rawequal, getmetatable = load, rawequal, getmetatable
local getinfo, traceback = debug.getinfo, debug.traceback
local concat, pack, unpack, gsub = table.concat, table.pack, table.unpack, string.gsub
local number_type, whole = math.type, math.tointeger
local collectgarbage, loadfile, globals = collectgarbage, loadfile, _G
local check, given, guarded, raise_halt = guard.check, guard.given, guard.guarded, guard.raise_halt

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

-- Calls a function of Lua's own library; its errors name it, and the line of the script.
local function called(name, call, of_file, ...)
  local results = pack(pcall(call, ...))
  if not results[1] then
    error(gsub(results[2], "^bad argument #(%d+) to '[^']*'", function(number)
      return "bad argument #" .. (of_file and number ~= "1" and number - 1 or number) .. " to '" .. name .. "'"
    end), 2)
  end
  return unpack(results, 2, results.n)
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
    return called("lines", real_io.lines, false, path, ...)
  elseif path ~= nil then
    error("io.lines(PATH) is not allowed; [runtime.security] allow_file_access in the configuration allows it", 2)
  end
  return line_reader
end

-- What is seen outside waits until what was saved before it is on the disk. A file's buffer may be written later.
local function settled(name, call, of_file)
  return function(...)
    host.settle()
    check()
    return called(name, call, of_file, ...)
  end
end

if allowed.file_access then
  for _, name in next, { "close", "type" } do
    safe_io[name] = real_io[name]
  end
  for _, name in next, { "open", "tmpfile" } do
    safe_io[name] = settled(name, real_io[name])
  end
  for _, name in next, { "remove", "rename", "tmpname" } do
    safe_os[name] = settled(name, real_os[name])
  end
  local methods = getmetatable(real_io.stdout).__index
  methods.write = settled("write", methods.write, true)
end
if allowed.process_spawn then
  function safe_os.execute(...)
    host.flush_output() -- what was printed before stands before what the other process prints
    host.settle()
    check()
    return called("execute", real_os.execute, false, ...)
  end
end

local kept = keep(globals, "_VERSION assert error ipairs next pairs rawequal rawget rawlen rawset select tonumber tostring type")
kept._G, kept.print, kept.require = globals, print, require
for name, replacement in next, guard.functions do
  kept[name] = replacement
end
kept.math, kept.table, kept.utf8 = math, table, utf8
kept.string = string
string.dump = nil
kept.coroutine = keep(coroutine, "isyieldable running status yield")
for name, replacement in next, guard.coroutine do
  kept.coroutine[name] = replacement
end
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

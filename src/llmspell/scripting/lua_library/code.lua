-- How do the functions of a file answer one call after another? Loads the file, says what it has, serves to the end.
-- Given, before the sandbox is closed: exchange(kind, text) -> name, text, the host's: hands an answer over and waits
-- for the next call, nil ends it; the guard; protected from main; encode, decode, mark_array, null.
-- Gives: serve(source, name); adapt(), which changes the closed sandbox to what such a file has.
local exchange, guard, protected, encode, decode, mark_array, null = ...

local error, load, next, rawequal, rawget, type = error, load, next, rawequal, rawget, type
local sort, sub, globals = table.sort, string.sub, _G
local renew, spare, position, metatable_of = guard.renew, guard.spare, guard.position, guard.metatable_of

-- What the file has ----------------------------------------------------------------------------------------

local functions = {}

-- Runs the file; gives what its table has, as JSON text: {"names":[...],"fields":{...}}.
local function load_file(source, name)
  local chunk, problem = load(source, name, "t")
  if not chunk then
    error(problem, 0)
  end
  local made = chunk()
  local file = sub(name, 2)
  if type(made) ~= "table" or rawequal(made, null) then
    local what = rawequal(made, null) and "null" or type(made)
    error(file .. ": the file must end by returning a table of its functions, as in return { up = up }, not " .. what, 0)
  end
  local names, fields = mark_array({}), {}
  for key, value in next, made do
    if type(key) ~= "string" then
      error(file .. ": the table that the file returns must have text keys only, not a " .. type(key), 0)
    elseif type(value) == "function" then
      functions[key] = value
      names[#names + 1] = key
    else
      fields[key] = value
    end
  end
  spare()
  local names_text, names_problem = encode(names)
  local fields_text, fields_problem = encode(fields)
  problem = names_problem or fields_problem
  if problem then
    error(file .. ": the table that the file returns must hold functions and plain values: " .. problem, 0)
  end
  return '{"names":' .. names_text .. ',"fields":' .. fields_text .. "}"
end

-- Calls ----------------------------------------------------------------------------------------------------

local kind

-- Calls one function and sets `kind`: "answer", with its JSON text; "unfit", with a sentence; "nothing"; "missing".
local function call(name, text)
  local fn = functions[name]
  if not fn then
    kind = "missing"
    return ""
  end
  spare()
  local value = decode(text, true) -- what a function leaves alone must come back whole
  renew()
  local result = fn(value)
  spare()
  if result == nil then
    kind = "nothing"
    return ""
  end
  local json, problem = encode(result)
  kind = json and "answer" or "unfit"
  return json or problem
end

local function serve(source, name)
  guard.begin(sub(name, 2))
  local ok, text = protected(load_file, source, name)
  kind = ok and "loaded" or "raised"
  while true do
    local asked, argument = exchange(kind, text)
    text = nil
    if asked then
      ok, text = protected(call, asked, argument)
      if not ok then
        kind = "raised"
      end
    elseif argument then -- "not enough memory" for the argument
      kind, text = "raised", argument
    else
      return
    end
  end
end

-- What is different in such a file from a script ---------------------------------------------------------------

-- Not error's own levels: behind `return print()` Lua has forgotten the line, and would name one of ours.
local function fail(problem)
  error(position() .. ": " .. problem, 0)
end

local function refused(name)
  return function()
    fail(name .. " is not there for the functions of a migration: a value goes in, a value comes out")
  end
end

local function array(items)
  if items == nil then
    items = {}
  elseif type(items) ~= "table" then
    fail("State.array: a table is needed, not a " .. type(items))
  end
  local marked, problem = mark_array(items)
  return marked or fail("State.array: " .. problem)
end

-- In order: numbers, then texts. Lua's own order is another one in every process, so that a trial run and the real
-- one could come to different values.
local function pairs(object)
  local meta = metatable_of(object)
  local own = meta and rawget(meta, "__pairs")
  if own then
    local iterate, state, first = own(object)
    return iterate, state, first
  elseif type(object) ~= "table" then
    fail("bad argument #1 to 'pairs' (table expected, got " .. type(object) .. ")")
  end
  local keys, texts, others = {}, {}, {}
  for key in next, object do
    local group = type(key) == "number" and keys or type(key) == "string" and texts or others
    group[#group + 1] = key
  end
  sort(keys)
  sort(texts)
  for index = 1, #texts do
    keys[#keys + 1] = texts[index]
  end
  for index = 1, #others do
    keys[#keys + 1] = others[index]
  end
  local at = 0
  return function()
    while true do
      at = at + 1
      local key = keys[at]
      if key == nil then
        return nil
      end
      local value = rawget(object, key)
      if value ~= nil then -- else it was removed on the way
        return key, value
      end
    end
  end, object, nil
end

local function adapt()
  globals.State = { null = null, array = array }
  globals.pairs = pairs
  globals.print, globals.warn = refused("print"), refused("warn")
  globals.os.exit = refused("os.exit")
  local io = globals.io
  for _, stream in next, { "stdout", "stderr" } do
    for name in next, io[stream] do
      io[stream][name] = refused("io." .. stream .. ":" .. name)
    end
  end
  io.write, io.read, io.lines = refused("io.write"), refused("io.read"), refused("io.lines")
end

return serve, adapt

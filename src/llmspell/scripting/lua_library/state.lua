-- What is `State` in Lua? Checks arguments, converts values, raises errors that name the caller's line.
-- Given: host (the bindings' functions; save, rewrite and append take a draft and its marks, or text and nil, and give
-- false for a draft that they cannot spell), json functions, and the sandbox's raise_halt, pcall, position.
-- Gives: the table `State`, and the checks that other parts of it are made with.
local host, encode, draft, decode, mark_array, null, raise_halt, pcall, position = ...

local type, error, next, rawget, rawequal, tostring = type, error, next, rawget, rawequal, tostring
local gsub, gmatch, concat, pack, unpack = string.gsub, string.gmatch, table.concat, table.pack, table.unpack
local NO_MEMORY = "not enough memory"

local State = { null = null }

local function fail(call, message)
  if host.stopping() then
    raise_halt()
  elseif message == NO_MEMORY then
    error(NO_MEMORY, 0) -- as Lua raises it
  end
  local where = position()
  error("State." .. call .. ": " .. message .. (where ~= "" and " (at " .. where .. ")" or ""), 0)
end

-- What a host function gave: its result, or nil and a sentence.
local function result(call, value, problem)
  if problem then
    fail(call, problem)
  end
  return value
end

local function describe(value)
  local kind = type(value)
  if kind == "nil" then
    return "nothing"
  elseif kind == "number" or kind == "boolean" then
    return "the " .. kind .. " " .. tostring(value)
  end
  return "a " .. kind
end

local function need_text(call, what, value)
  if type(value) ~= "string" then
    local hint = ""
    if type(value) == "number" then
      hint = "; use tostring()"
    elseif rawequal(value, State) then
      hint = "; write State." .. call .. "(...), with a dot"
    end
    fail(call, "the " .. what .. " must be text, not " .. describe(value) .. hint)
  end
  return value
end

-- Checks what may be left out; whether the number makes sense is the host's to say.
local function number_or_nil(call, what, value)
  if value ~= nil and type(value) ~= "number" then
    fail(call, what .. " must be a number, not " .. describe(value))
  end
  return value
end

local function need_function(call, value)
  if type(value) ~= "function" then
    fail(call, "a function is needed, not " .. describe(value))
  end
  return value
end

-- Reads the options that `call` knows; any other one is an error.
local function options(call, given, first, second, third)
  if given == nil then
    return nil, nil, nil
  end
  if type(given) ~= "table" then
    fail(call, "the options must be a table, not " .. describe(given))
  end
  for name in next, given do
    if name ~= first and name ~= second and name ~= third then
      local wrong = type(name) == "string" and '"' .. name .. '"' or "named by " .. describe(name)
      fail(call, "there is no option " .. wrong .. "; known: " .. concat({ first, second, third }, ", "))
    end
  end
  return rawget(given, first), second and rawget(given, second), third and rawget(given, third)
end

-- Hands a value to one of the host's functions that take a draft.
local function hand_over(call, fn, scope, key, value, ...)
  local text, marks = draft(value)
  if not text then
    fail(call, marks)
  end
  local answer, problem = fn(scope, key, text, marks, ...)
  if answer == false then
    text, problem = encode(value)
    if not text then
      fail(call, problem)
    end
    answer, problem = fn(scope, key, text, nil, ...)
  end
  if problem then
    fail(call, problem)
  end
  return answer
end

-- What is handed over as a value and is not one to be stored.
local function usable_text(call, what, value)
  local text, problem = encode(value)
  return text or fail(call, (gsub(problem, "^the value cannot be stored", what .. " cannot be used")))
end

local function flag_or_nil(call, what, value)
  if value ~= nil and type(value) ~= "boolean" then
    fail(call, what .. " must be true or false, not " .. describe(value))
  end
  return value
end

-- The names that the host gives as one text with NUL between them.
local function names_of(text)
  local names, length = {}, 0
  for name in gmatch(text, "[^\0]+") do
    length = length + 1
    names[length] = name
  end
  return mark_array(names)
end

local function is_nothing(value)
  return value == nil or rawequal(value, null)
end

local function delete(call, scope, key, if_version)
  need_text(call, "scope", scope)
  need_text(call, "key", key)
  return result(call, host.delete(scope, key, number_or_nil(call, "if_version", if_version)))
end

function State.save(scope, key, value, opts)
  need_text("save", "scope", scope)
  need_text("save", "key", key)
  local ttl, if_version = options("save", opts, "ttl", "if_version")
  number_or_nil("save", "ttl", ttl)
  number_or_nil("save", "if_version", if_version)
  if is_nothing(value) then
    return result("save", host.save_nothing(scope, key, if_version))
  end
  return hand_over("save", host.save, scope, key, value, ttl, if_version)
end

local keeps_history = host.history ~= nil

-- Where there is history, a table that holds `at` and nothing else is no default.
local function names_point(value)
  return keeps_history and type(value) == "table" and next(value) == "at" and next(value, "at") == nil
end

function State.load(scope, key, default, opts)
  need_text("load", "scope", scope)
  need_text("load", "key", key)
  local at, text, problem
  if default ~= nil and opts == nil and names_point(default) then
    default, opts = nil, default
  end
  if opts ~= nil then
    at = options("load", opts, "at")
  end
  if at == nil then
    text, problem = host.load(scope, key)
  else
    text, problem = host.load_at(scope, key, usable_text("load", "the point", at))
  end
  if text then
    return decode(text)
  elseif problem then
    fail("load", problem)
  end
  return default
end

function State.delete(scope, key, opts)
  return delete("delete", scope, key, (options("delete", opts, "if_version")))
end

function State.list_keys(scope, opts)
  need_text("list_keys", "scope", scope)
  local prefix, after, limit = options("list_keys", opts, "prefix", "after", "limit")
  if prefix ~= nil then
    need_text("list_keys", "prefix", prefix)
  end
  if after ~= nil then
    need_text("list_keys", "after", after)
  end
  number_or_nil("list_keys", "limit", limit)
  return names_of(result("list_keys", host.list_keys(scope, prefix, after, limit)))
end

function State.exists(scope, key)
  return result("exists", host.exists(need_text("exists", "scope", scope), need_text("exists", "key", key)))
end

function State.entry(scope, key)
  need_text("entry", "scope", scope)
  local text, version, created_at, updated_at, expires_at = host.entry(scope, need_text("entry", "key", key))
  if not text then
    return result("entry", nil, version)
  end
  return {
    value = decode(text),
    version = version,
    created_at = created_at,
    updated_at = updated_at,
    expires_at = expires_at,
  }
end

function State.scopes(prefix)
  if prefix ~= nil then
    need_text("scopes", "prefix", prefix)
  end
  return names_of(result("scopes", host.scopes(prefix)))
end

function State.clear(scope)
  return result("clear", host.clear(need_text("clear", "scope", scope)))
end

function State.increment(scope, key, by)
  need_text("increment", "scope", scope)
  need_text("increment", "key", key)
  if by == nil then
    by = 1
  elseif type(by) ~= "number" then
    fail("increment", "by must be a number, not " .. describe(by))
  end
  return result("increment", host.increment(scope, key, by))
end

function State.append(scope, key, item, opts)
  need_text("append", "scope", scope)
  need_text("append", "key", key)
  if item == nil then
    fail("append", "there is no item to append; State.null can be appended")
  end
  local keep = number_or_nil("append", "keep", (options("append", opts, "keep")))
  return hand_over("append", host.append, scope, key, item, keep)
end

function State.touch(scope, key, ttl)
  need_text("touch", "scope", scope)
  need_text("touch", "key", key)
  return result("touch", host.touch(scope, key, number_or_nil("touch", "ttl", ttl)))
end

function State.flush()
  result("flush", host.flush())
end

function State.array(items)
  if items == nil then
    items = {}
  elseif type(items) ~= "table" then
    fail("array", "a table is needed, not " .. describe(items))
  end
  return result("array", mark_array(items))
end

-- Migrations: only where the configuration enables them ------------------------------------------------------

if host.migrate then
  function State.migrate(target, opts)
    need_text("migrate", "target", target)
    local dry_run, on_error = options("migrate", opts, "dry_run", "on_error")
    flag_or_nil("migrate", "dry_run", dry_run)
    if on_error ~= nil then
      need_text("migrate", "on_error option", on_error)
    end
    return decode(result("migrate", host.migrate(target, dry_run, on_error)))
  end

  function State.migration_status()
    return decode(result("migration_status", host.migration_status()))
  end

  function State.schema_versions()
    return decode(result("schema_versions", host.schema_versions()))
  end
end

-- Transactions: the host cannot call a script's function and keep its errors whole, so the loop is here. ------

local FREE_ATTEMPTS = 4
local in_transaction = false

-- Begins a transaction and runs fn to its end. Through gsub, because a coroutine that yields out of a C function is
-- refused by Lua: a transaction must not stay open while other code runs.
local function begin_and_run(call, fn, alone)
  local results
  result(call, host.begin(alone))
  in_transaction = true
  gsub("x", "x", function()
    results = pack(pcall(fn))
  end)
  return results
end

-- One attempt: the results of fn packed, or nil when it was overtaken.
local function attempt(call, fn, alone)
  local whole, results = pcall(begin_and_run, call, fn, alone)
  if not in_transaction then
    error(results, 0)
  end
  in_transaction = false
  if whole and results[1] then
    return result(call, host.commit()) and results
  end
  local overtaken = host.roll_back()
  if overtaken and not host.stopping() then
    return nil
  elseif whole then
    error(results[2], 0)
  end
  error(results, 0) -- memory ran out around fn
end

local function transact(call, fn)
  if in_transaction then
    return fn()
  end
  local results
  for _ = 1, FREE_ATTEMPTS do
    results = attempt(call, fn, false)
    if results then
      return unpack(results, 2, results.n)
    end
  end
  results = attempt(call, fn, true)
  return unpack(results, 2, results.n)
end

function State.transaction(fn)
  return transact("transaction", need_function("transaction", fn))
end

function State.update(scope, key, fn, default)
  need_text("update", "scope", scope)
  need_text("update", "key", key)
  need_function("update", fn)
  return transact("update", function()
    local text, problem = host.load(scope, key)
    if problem then
      fail("update", problem)
    end
    local old = default
    if text then
      old = decode(text)
    end
    local new = fn(old)
    if is_nothing(new) then
      delete("update", scope, key)
      return nil
    end
    hand_over("update", host.rewrite, scope, key, new)
    return new
  end)
end

-- A script that was stopped has left its transaction without a chance to say so; the host has undone it.
local function forget_transaction()
  in_transaction = false
end

local checks = {
  forget_transaction = forget_transaction,
  fail = fail,
  result = result,
  describe = describe,
  need_text = need_text,
  flag_or_nil = flag_or_nil,
  usable_text = usable_text,
}
return State, checks

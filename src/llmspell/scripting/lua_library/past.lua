-- What of `State` leads back to what was? Backups and history, each where the bindings have it.
-- Given: the table `State`, the checks that it is made with, host (the bindings' functions), decode, null.
local State, checks, host, decode, null = ...

local type, next, rawequal = type, next, rawequal
local fail, result, describe, need_text = checks.fail, checks.result, checks.describe, checks.need_text
local flag_or_nil, usable_text = checks.flag_or_nil, checks.usable_text

-- The options of a call that has many, as text: the host knows them.
local function options_text(call, given)
  if given == nil then
    return nil
  elseif rawequal(given, State) then
    fail(call, "write State." .. call .. "(...), with a dot")
  elseif type(given) ~= "table" then
    fail(call, "the options must be a table, not " .. describe(given))
  end
  for name, value in next, given do
    local kind = type(value)
    if type(name) ~= "string" then
      fail(call, "the options must have names, not " .. describe(name))
    elseif kind == "function" or kind == "thread" or (kind == "userdata" and not rawequal(value, null)) then
      fail(call, "the option " .. name .. " cannot be " .. describe(value))
    end
  end
  return usable_text(call, "the options", given)
end

-- A point in time as text: what may stand for one is for the host to say.
local function point_text(call, what, value)
  local kind = type(value)
  if kind ~= "number" and kind ~= "string" and kind ~= "table" or rawequal(value, State) then
    local hint = rawequal(value, State) and "; write State." .. call .. "(...), with a dot" or ""
    fail(call, what .. " must be a version, a time or text such as 2026-11-22T16:00:00Z, not " .. describe(value) .. hint)
  end
  return usable_text(call, "the point", value)
end

-- Backups: only where the configuration enables them ----------------------------------------------------------

if host.create_backup then
  function State.create_backup(given)
    local incremental, opts
    if given == nil or type(given) == "boolean" then
      incremental = given
    elseif type(given) == "table" then
      opts = options_text("create_backup", given)
    else
      fail("create_backup", "true (an incremental one), false or a table of options is needed, not " .. describe(given))
    end
    return decode(result("create_backup", host.create_backup(incremental, opts)))
  end

  function State.list_backups()
    return decode(result("list_backups", host.list_backups()))
  end

  function State.restore_backup(id, opts)
    need_text("restore_backup", "id of the backup", id)
    return decode(result("restore_backup", host.restore_backup(id, options_text("restore_backup", opts))))
  end

  function State.validate_backup(id)
    return decode(result("validate_backup", host.validate_backup(need_text("validate_backup", "id of the backup", id))))
  end

  function State.cleanup_backups(dry_run)
    flag_or_nil("cleanup_backups", "dry_run", dry_run)
    return decode(result("cleanup_backups", host.cleanup_backups(dry_run)))
  end

  function State.get_storage_usage()
    return decode(result("get_storage_usage", host.get_storage_usage()))
  end
end

-- History: only where the store keeps it ----------------------------------------------------------------------

if host.history then
  function State.history(scope, key, opts)
    need_text("history", "scope", scope)
    need_text("history", "key", key)
    return decode(result("history", host.history(scope, key, options_text("history", opts))))
  end

  function State.diff(scope, from, to)
    need_text("diff", "scope", scope)
    local first = point_text("diff", "the first point", from)
    local last = to ~= nil and point_text("diff", "the second point", to) or nil
    return decode(result("diff", host.diff(scope, first, last)))
  end

  function State.restore_points()
    return decode(result("restore_points", host.restore_points()))
  end

  function State.restore(at, opts)
    local point = point_text("restore", "the point to restore", at)
    return decode(result("restore", host.restore(point, options_text("restore", opts))))
  end
end

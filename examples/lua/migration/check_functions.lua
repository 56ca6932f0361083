-- Are the migration functions there, and do they answer as they should? Nothing is changed.
--
--   llmspell -c examples/configs/migration-enabled.toml run examples/lua/migration/check_functions.lua
--
-- Exit code 0 when every check passes, 1 otherwise: also a way to try a configuration before it is used.

local NAMES = { "migrate", "migration_status", "schema_versions" }

-- 1. Are they there? ------------------------------------------------------------------------------------------

print("Migration functions")
local missing = 0
for _, name in ipairs(NAMES) do
  local there = State ~= nil and State[name] ~= nil
  missing = missing + (there and 0 or 1)
  print(string.format("  %s State.%s", there and "✅" or "❌", name))
end
if missing > 0 then
  print()
  print("They need migration_enabled = true in the table [state] of the configuration, as in")
  print("examples/configs/migration-enabled.toml.")
  os.exit(1)
end

-- 2. Do they answer? ------------------------------------------------------------------------------------------

local status = State.migration_status()
local here = status.current_version

local CHECKS = {
  { "the files can be read", function()
    return status.error == nil, status.error
  end },
  { "the store's version is one of the known ones", function()
    for _, version in ipairs(State.schema_versions()) do
      if version == here then
        return true
      end
    end
    return false, "the store has version " .. here
  end },
  { "status counts the versions that schema_versions gives", function()
    return status.total_schemas == #State.schema_versions()
  end },
  { "a migration is available unless the version is the latest", function()
    return status.migration_available == not status.is_latest
  end },
  { "migrating to where the store stands does nothing", function()
    local result = State.migrate(here)
    return result.success and result.status == "already_current" and result.items_migrated == 0
  end },
  { "a trial changes nothing", function()
    local result = State.migrate(status.latest_version, { dry_run = true })
    return result.success and State.migration_status().current_version == here, result.error
  end },
  { "a version that no file leads to is told, not raised", function()
    local result = State.migrate("999.0.0")
    return not result.success and result.status == "failed" and result.error:find("no migration path", 1, true)
  end },
  { "what is no version at all is raised", function()
    local ok, problem = pcall(State.migrate, "newest")
    return not ok and problem:find("semantic version", 1, true)
  end },
}

print()
print("Checks")
local failed = 0
for _, check in ipairs(CHECKS) do
  local promise, run = table.unpack(check)
  local ok, passed, reason = pcall(run)
  passed = ok and passed
  failed = failed + (passed and 0 or 1)
  print(string.format("  %s %s", passed and "✅" or "❌", promise))
  if not passed and (reason or not ok) then
    print("     " .. tostring(reason or "the check itself failed"))
  end
end

-- 3. In short -------------------------------------------------------------------------------------------------

print()
print(string.format("%d of %d checks passed.", #CHECKS - failed, #CHECKS))
print("Known versions: " .. table.concat(State.schema_versions(), ", ") .. "; the store has " .. here .. ".")
os.exit(failed == 0)

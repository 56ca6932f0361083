-- Which functions does State have here, and does each do its work?
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/test_state_api.lua
--
-- A function that the configuration does not offer is nil, so a script can look before it calls. Where there are backups, a
-- run makes a few small ones; they go as the configuration says.

if not State then
  print("❌ There is no State: the configuration says [state] enabled = false.")
  os.exit(1)
end

local GROUPS = {
  {
    title = "Core",
    names = {
      "save", "load", "delete", "list_keys", "exists", "entry", "scopes", "clear",
      "increment", "append", "update", "transaction", "touch", "array", "null", "flush",
    },
  },
  {
    title = "Migration",
    needs = "migration_enabled = true in the configuration",
    names = { "migrate", "migration_status", "schema_versions" },
  },
  {
    title = "Backup",
    needs = "backup_enabled = true in the configuration",
    names = {
      "create_backup", "list_backups", "restore_backup", "validate_backup", "cleanup_backups", "get_storage_usage",
    },
  },
  {
    title = "History",
    needs = "history_days above 0 in the configuration",
    names = { "history", "diff", "restore_points", "restore" },
  },
}

-- 1. What is there? -------------------------------------------------------------------------------------------

print("State API")
print()

local unknown = {}
for name in pairs(State) do
  unknown[name] = true
end

for _, group in ipairs(GROUPS) do
  local there, missing = {}, {}
  for _, name in ipairs(group.names) do
    table.insert(State[name] ~= nil and there or missing, name)
    unknown[name] = nil
  end
  print(string.format("%-9s  %2d of %2d available", group.title, #there, #group.names))
  for index = 1, #there, 6 do
    print("  ✅ " .. table.concat(there, ", ", index, math.min(index + 5, #there)))
  end
  for index = 1, #missing, 3 do
    print("  ❌ " .. table.concat(missing, ", ", index, math.min(index + 2, #missing)))
  end
  if #missing > 0 and group.needs then
    print("     needs " .. group.needs)
  end
end
for name in pairs(unknown) do
  print("  newer than this script: " .. name)
end

-- 2. Does each function do its work? --------------------------------------------------------------------------

local SCRATCH = "api_check:scratch" -- a scope of its own, so that nobody's data is in the way
State.clear(SCRATCH)

local CHECKS = {
  { "save", "gives a version that grows", function()
    return State.save(SCRATCH, "a", 1) < State.save(SCRATCH, "a", 2)
  end },
  { "load", "gives the value, or the default", function()
    return State.load(SCRATCH, "a") == 2 and State.load(SCRATCH, "none", "default") == "default"
  end },
  { "exists", "tells whether a key is there", function()
    return State.exists(SCRATCH, "a") and not State.exists(SCRATCH, "none")
  end },
  { "entry", "gives value, version and times", function()
    local entry = State.entry(SCRATCH, "a")
    return entry.value == 2 and entry.version > 0 and entry.updated_at >= entry.created_at
  end },
  { "delete", "true if the key was there", function()
    return State.delete(SCRATCH, "a") and not State.delete(SCRATCH, "a")
  end },
  { "list_keys", "in order; prefix, after, limit", function()
    for _, key in ipairs({ "b:2", "a:1", "b:1" }) do
      State.save(SCRATCH, key, true)
    end
    local all, some = State.list_keys(SCRATCH), State.list_keys(SCRATCH, { prefix = "b:", after = "b:1", limit = 5 })
    return table.concat(all, " ") == "a:1 b:1 b:2" and table.concat(some, " ") == "b:2"
  end },
  { "scopes", "lists scopes by prefix", function()
    return State.scopes("api_check:")[1] == SCRATCH
  end },
  { "clear", "empties one scope", function()
    return State.clear(SCRATCH) == 3 and #State.list_keys(SCRATCH) == 0
  end },
  { "increment", "counts from 0, also by other steps", function()
    return State.increment(SCRATCH, "count") == 1 and State.increment(SCRATCH, "count", 0.5) == 1.5
  end },
  { "append", "adds to an array, keeps the last n", function()
    State.append(SCRATCH, "list", "one")
    State.append(SCRATCH, "list", "two")
    return State.append(SCRATCH, "list", "three", { keep = 2 }) == 2 and State.load(SCRATCH, "list")[1] == "two"
  end },
  { "update", "changes a value in one step", function()
    return State.update(SCRATCH, "word", function(old) return old .. "!" end, "hello") == "hello!"
  end },
  { "transaction", "all of it, or none of it", function()
    local ok = pcall(State.transaction, function()
      State.save(SCRATCH, "half", "written")
      error("something went wrong")
    end)
    return not ok and not State.exists(SCRATCH, "half")
  end },
  { "touch", "sets and removes an expiry", function()
    State.save(SCRATCH, "soon", "gone", { ttl = 3600 })
    State.touch(SCRATCH, "soon", nil)
    local kept = State.entry(SCRATCH, "soon").expires_at == nil
    State.touch(SCRATCH, "soon", 0.01) -- a hundredth of a second
    repeat until not State.exists(SCRATCH, "soon")
    return kept
  end },
  { "array", "an empty list stays a list", function()
    State.save(SCRATCH, "empty", State.array())
    return State.append(SCRATCH, "empty", "first") == 1
  end },
  { "null", "keeps its place in a list", function()
    State.save(SCRATCH, "row", { 1, State.null, 3 })
    local row = State.load(SCRATCH, "row")
    return #row == 3 and row[2] == State.null
  end },
  { "flush", "returns when all is on the disk", function()
    State.flush()
    return true
  end },
}

if State.create_backup then
  local made -- the backup that the checks are about; it holds nothing but the scratch scope
  for _, check in ipairs({
    { "create_backup", "makes a backup and proves it", function()
      State.save(SCRATCH, "kept", "safe")
      made = State.create_backup({ scopes = SCRATCH, description = "test_state_api" })
      return made.success and made.entry_count >= 1 and not made.is_incremental
    end },
    { "list_backups", "has the newest first", function()
      local newest = State.list_backups()[1]
      return newest.id == made.backup_id and os.date("%Y", newest.created_at) >= "2000"
    end },
    { "validate_backup", "reads it and finds it sound", function()
      return State.validate_backup(made.backup_id).is_valid
    end },
    { "restore_backup", "brings back what was lost", function()
      State.delete(SCRATCH, "kept")
      local trial = State.restore_backup(made.backup_id, { scopes = SCRATCH, dry_run = true })
      local lost = not State.exists(SCRATCH, "kept")
      local done = State.restore_backup(made.backup_id, { scopes = SCRATCH })
      return trial.success and lost and done.success and State.load(SCRATCH, "kept") == "safe"
    end },
    { "cleanup_backups", "has a reason for each backup", function()
      local plan = State.cleanup_backups(true)
      return plan.success and #plan.decisions == plan.deleted_count + plan.retained_count
    end },
    { "get_storage_usage", "counts them", function()
      return State.get_storage_usage().total_backups == #State.list_backups()
    end },
  }) do
    table.insert(CHECKS, check)
  end
end

if State.history then
  local old -- a version to go back to
  for _, check in ipairs({
    { "history", "has the newest version first", function()
      old = State.save(SCRATCH, "then", "old")
      State.save(SCRATCH, "then", "new")
      local versions = State.history(SCRATCH, "then")
      return versions[1].value == "new" and versions[2].version == old
        and State.load(SCRATCH, "then", { at = old }) == "old"
    end },
    { "diff", "tells what has changed since", function()
      local changes = State.diff(SCRATCH, old)
      return #changes == 1 and changes[1].before == "old" and changes[1].after == "new"
    end },
    { "restore_points", "tells how far back one can go", function()
      local points = State.restore_points()
      return points.earliest_version <= old and old <= points.latest_version
    end },
    { "restore", "takes a scope back to a version", function()
      return State.restore(old, { scopes = SCRATCH }).success and State.load(SCRATCH, "then") == "old"
    end },
  }) do
    table.insert(CHECKS, check)
  end
end

print()
print("Checks")
local failed = 0
local width = 0
for _, check in ipairs(CHECKS) do
  width = math.max(width, #check[1])
end
for _, check in ipairs(CHECKS) do
  local name, promise, run = table.unpack(check)
  local ok, answer = pcall(run)
  local passed = ok and answer
  failed = failed + (passed and 0 or 1)
  print(string.format("  %s %-" .. width .. "s  %s", passed and "✅" or "❌", name, promise))
  if not ok then
    print("     " .. tostring(answer))
  end
end
State.clear(SCRATCH)

-- 3. In short -------------------------------------------------------------------------------------------------

local runs = State.increment("api_check", "runs")
print()
print(string.format("%d of %d checks passed.", #CHECKS - failed, #CHECKS))
print(runs == 1 and "This store sees this script for the first time."
  or string.format("This store has seen this script %d times.", runs))
os.exit(failed == 0)

-- Which backups stay and which go? A hold, a dry run with the reason for each backup, a cleanup, the space they take.
--
--   llmspell -c examples/configs/backup-enabled.toml run examples/lua/backup/retention_policy.lua
--
-- The rules stand in the configuration: backup_retention_days, backup_keep_daily and so on. They are applied after each new
-- backup as well. The script touches only the scope "ledger".

if not (State and State.create_backup) then
  print("This script needs backup_enabled = true: use examples/configs/backup-enabled.toml.")
  os.exit(1)
end

local LEDGER = "ledger"
local REASON = "the auditor needs it" -- why one backup must not go
local MOST_SHOWN = 6

local function title(text)
  print()
  print(text)
end

-- Ends the script when something that it says is not so.
local function check(truth, claim)
  if not truth then
    error("this should be so, and is not: " .. claim, 2)
  end
end

-- A backup function that fails does not raise: it says so in its result.
local function succeeded(result)
  if not result.success then
    error(result.error, 2)
  end
  return result
end

-- Gives the id of the backup that is held for our reason. The decisions of retention name it.
local function held_backup()
  for _, decision in ipairs(succeeded(State.cleanup_backups(true)).decisions) do
    if decision.reason == "held: " .. REASON then
      return decision.backup_id
    end
  end
end

-- 1. A backup that stays --------------------------------------------------------------------------------------

print("Which backups stay?")

title("1. A backup is held, whatever the rules say. The reason stands with it:")
State.save(LEDGER, "2025", { income = 120, costs = 80 })
local held = held_backup()
if held then
  print("  an earlier run has made it: " .. held)
else
  held = succeeded(State.create_backup({ description = "the books of 2025", hold = REASON })).backup_id
  print("  made: " .. held)
end
print("  `llmspell backup release` with this id lets it go.")

-- 2. Backups as they come -------------------------------------------------------------------------------------

title("2. Two more backups, as a program makes them every day:")
for day = 1, 2 do
  State.save(LEDGER, "day", day)
  print("  made: " .. succeeded(State.create_backup(true)).backup_id)
end

-- 3. A dry run ------------------------------------------------------------------------------------------------

title("3. What would a cleanup do? A dry run tells, with the reason for each backup, the newest first:")
local before = #State.list_backups()
local plan = succeeded(State.cleanup_backups(true))
for position, decision in ipairs(plan.decisions) do
  if position <= MOST_SHOWN or decision.backup_id == held then
    print(string.format("  %-5s  %s  %s", decision.should_retain and "stays" or "goes", decision.backup_id,
      decision.reason))
  end
  check(decision.backup_id ~= held or decision.should_retain, "a held backup stays")
end
print(string.format("  %d would go, %d would stay", plan.deleted_count, plan.retained_count))
check(plan.dry_run and #State.list_backups() == before, "a dry run removes nothing")

-- 4. The cleanup itself ---------------------------------------------------------------------------------------

title("4. The cleanup itself:")
local done = succeeded(State.cleanup_backups())
print(string.format("  %d went, %d stay, %d bytes are free again", done.deleted_count, done.retained_count,
  done.space_freed))
check(#State.list_backups() == before - done.deleted_count, "what went is no longer in the list")
check(held_backup() == held, "the held backup is still there")

-- 5. What they take -------------------------------------------------------------------------------------------

title("5. What the backups take:")
local usage = State.get_storage_usage()
print(string.format("  %d backups, %d of them full, %d incremental, %d bytes", usage.total_backups,
  usage.full_backups, usage.incremental_backups, usage.total_size))
print("  the oldest  " .. usage.oldest_backup)
print("  the newest  " .. usage.newest_backup)
check(usage.total_backups == usage.full_backups + usage.incremental_backups, "every backup is counted once")

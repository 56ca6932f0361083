-- Four troubles and the way out of each: destroyed data, a wrong change found late, a comparison, a damaged backup.
--
--   llmspell -c examples/configs/backup-enabled.toml run examples/lua/backup/recovery_scenarios.lua
--
-- The second one needs history_days as well. The script touches only scopes that begin with "clinic:".

if not (State and State.create_backup) then
  print("This script needs backup_enabled = true: use examples/configs/backup-enabled.toml.")
  os.exit(1)
end

local PATIENTS, VISITS, ASIDE = "clinic:patients", "clinic:visits", "clinic:aside"
local MOST_VALIDATED = 10 -- of the newest backups, so that a large place does not take long

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
  for _, warning in ipairs(result.warnings or {}) do
    print("    note: " .. warning)
  end
  return result
end

local function print_patients()
  for _, name in ipairs(State.list_keys(PATIENTS)) do
    local patient = State.load(PATIENTS, name)
    print(string.format("    %-6s weighs %s kg, takes %s", name, patient.weight, patient.medicine))
  end
end

print("Four ways back")
for _, scope in ipairs({ PATIENTS, VISITS, ASIDE }) do
  State.clear(scope)
end
State.save(PATIENTS, "ada", { weight = 61, medicine = "nothing" })
State.save(PATIENTS, "bob", { weight = 84, medicine = "iron" })
State.save(VISITS, "0001", "ada, 9:00")

-- 1. A script destroyed the data of one scope -----------------------------------------------------------------

title("1. A script has destroyed all patients. Meanwhile somebody has noted a visit, which must stay.")
local safe = succeeded(State.create_backup({ description = "the clinic" }))
for _, name in ipairs(State.list_keys(PATIENTS)) do
  State.save(PATIENTS, name, { weight = 0, medicine = "error: nil" })
end
State.save(VISITS, "0002", "bob, 9:30")
print("  The patients now:")
print_patients()

print("  A dry run tells what a restore of this scope would do, and changes nothing:")
local only_patients = { scopes = PATIENTS, dry_run = true }
for _, one in ipairs(succeeded(State.restore_backup(safe.backup_id, only_patients)).changes) do
  print("    " .. one.change .. ": " .. one.scope .. ", " .. one.key)
end
check(State.load(PATIENTS, "ada").weight == 0, "a dry run changes nothing")

print("  The restore itself:")
succeeded(State.restore_backup(safe.backup_id, { scopes = PATIENTS }))
print_patients()
check(State.load(PATIENTS, "ada").weight == 61, "ada is back")
check(State.load(VISITS, "0002") == "bob, 9:30", "the visit is still there")
print("    visits that are still there: " .. #State.list_keys(VISITS))

-- 2. A wrong change, found later ------------------------------------------------------------------------------

title("2. A wrong number was saved, and saved again with another change. Somebody notices later.")
local before = State.entry(PATIENTS, "bob").version
State.save(PATIENTS, "bob", { weight = 840, medicine = "iron" })
State.save(PATIENTS, "bob", { weight = 840, medicine = "nothing" })
if State.history then
  print("  The history of the entry, newest first:")
  local good
  for _, one in ipairs(State.history(PATIENTS, "bob", { limit = 3 })) do
    print(string.format("    weighs %s kg, takes %s", one.value.weight, one.value.medicine))
    if not good and one.value.weight < 500 then
      good = one
    end
  end
  check(good.version == before, "the last good version is the one from before the mistake")

  print("  The weight is taken from the last good version, the medicine stays:")
  local old = State.load(PATIENTS, "bob", { at = good.version })
  State.update(PATIENTS, "bob", function(patient)
    patient.weight = old.weight
    return patient
  end)
  print_patients()
  check(State.load(PATIENTS, "bob").weight == 84, "bob has his weight back")

  print("  What is different in the scope since then:")
  for _, one in ipairs(State.diff(PATIENTS, before)) do
    print(string.format("    %s: %s, takes %s -> %s", one.key, one.change, one.before.medicine, one.after.medicine))
  end

  print("  Or the whole entry goes back to that version:")
  succeeded(State.restore(before, { scopes = PATIENTS, keys = "bob" }))
  print_patients()
  check(State.load(PATIENTS, "bob").medicine == "iron", "bob is as he was")
else
  print("  There is no history here: history_days = 7 in the configuration keeps replaced values for a week.")
  succeeded(State.restore_backup(safe.backup_id, { scopes = PATIENTS, keys = "bob" }))
  print_patients()
end

-- 3. Beside the present ---------------------------------------------------------------------------------------

title("3. Is the backup the better one? It is restored into a scope of its own, and compared.")
State.save(PATIENTS, "ada", { weight = 63, medicine = "nothing" })
State.save(PATIENTS, "cleo", { weight = 70, medicine = "zinc" })
succeeded(State.restore_backup(safe.backup_id, { scopes = PATIENTS, into = ASIDE }))
for _, name in ipairs(State.list_keys(PATIENTS)) do
  local now, backed_up = State.load(PATIENTS, name), State.load(ASIDE, name)
  if not backed_up then
    print("    " .. name .. " is not in the backup")
  elseif now.weight ~= backed_up.weight then
    print(string.format("    %s weighs %s kg now, %s kg in the backup", name, now.weight, backed_up.weight))
  else
    print("    " .. name .. " is the same")
  end
end
check(State.load(PATIENTS, "ada").weight == 63, "what was restored beside has changed nothing here")
check(#State.list_keys(ASIDE) == 2, "two patients stand beside")
State.clear(ASIDE)

-- 4. Backups that are no good ---------------------------------------------------------------------------------

title("4. A backup can be damaged or missing. Validating tells what is wrong, before anybody needs it.")
local damaged = 0
for position, backup in ipairs(State.list_backups()) do
  if position > MOST_VALIDATED then
    break
  end
  local verdict = State.validate_backup(backup.id)
  if not verdict.is_valid then
    damaged = damaged + 1
    for _, problem in ipairs(verdict.errors) do
      print("    " .. problem)
    end
  end
end
print("    damaged: " .. damaged)

print("  A backup that is not there:")
local missing = "20200101T000000Z-full-aaaaaa"
local verdict = State.validate_backup(missing)
check(not verdict.is_valid and #verdict.errors == 1, "nothing is not sound")
print("    " .. (verdict.errors[1]:gsub(";.*", "")))

print("  A restore from it changes nothing, and says why:")
local failed = State.restore_backup(missing)
check(not failed.success and State.exists(PATIENTS, "cleo"), "the store is as it was")
print("    " .. (failed.error:gsub(";.*", "")))

title("All patients are well. Run me as often as you like.")

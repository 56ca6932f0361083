-- A whole schema migration: a trial, an entry that is not fit, the real run, edits in the new shape, the way back.
--
--   llmspell -c examples/configs/migration-enabled.toml run examples/lua/migration/schema_migration.lua
--
-- The migrations are the files in examples/migrations. At the end the store is at version 1.0.0 again, so the script can
-- be run as often as you like.

if not (State and State.migrate) then
  print("This script needs migration_enabled = true: use examples/configs/migration-enabled.toml.")
  os.exit(1)
end

local SCOPE = "members:club" -- the migrations are for the scopes members*
local OLD, NEW = "1.0.0", "2.1.0"

-- Gives a value as text, the fields in order of their names.
local function show(value)
  if type(value) ~= "table" then
    return type(value) == "string" and '"' .. value .. '"' or tostring(value)
  end
  local names, parts = {}, {}
  for name in pairs(value) do
    table.insert(names, name)
  end
  table.sort(names)
  for _, name in ipairs(names) do
    table.insert(parts, name .. " = " .. show(value[name]))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function title(text)
  print()
  print(text)
end

-- 1. Old data -------------------------------------------------------------------------------------------------

print("A schema migration from " .. OLD .. " to " .. NEW .. " and back")

assert(State.migrate(OLD).success) -- where a run that was stopped has left it
State.clear(SCOPE)
State.save(SCOPE, "grace", { first_name = "Grace", last_name = "Hopper", age = 79, email = "grace@example.org" })
State.save(SCOPE, "linus", { first_name = "Linus", last_name = "Pauling", age = "93", email = "linus@example.org" })

title("1. Two members of version " .. State.migration_status().current_version .. ". The age of one is text:")
for _, key in ipairs(State.list_keys(SCOPE)) do
  print("  " .. key .. "  " .. show(State.load(SCOPE, key)))
end

-- 2. One entry that is not fit stops all ----------------------------------------------------------------------

title("2. One entry breaks a rule of the migration, so nothing at all is changed:")
local refused = State.migrate(NEW)
print("  success  " .. tostring(refused.success))
for _, problem in ipairs(refused.errors) do
  print("  " .. problem)
end
print("  version  " .. State.migration_status().current_version)
print("  grace    " .. show(State.load(SCOPE, "grace")))

-- 3. Repaired, tried, done ------------------------------------------------------------------------------------

title("3. The entry is repaired. A trial shows what would happen, as JSON Patch:")
State.update(SCOPE, "linus", function(member)
  member.age = math.tointeger(tonumber(member.age))
  return member
end)
local trial = State.migrate(NEW, { dry_run = true })
assert(trial.success, trial.error)
for _, sample in ipairs(trial.samples) do
  if sample.scope == SCOPE and sample.key == "linus" then
    table.sort(sample.patch, function(one, other) return one.path < other.path end)
    for _, step in ipairs(sample.patch) do
      print(string.format("  %-7s %s%s", step.op, step.path, step.value == nil and "" or " = " .. show(step.value)))
    end
  end
end
print("  version  " .. State.migration_status().current_version)

title("4. The real run:")
local result = State.migrate(NEW)
assert(result.success, result.error)
print(string.format("  %s: %s -> %s", result.status, result.from_version, result.to_version))
for _, key in ipairs(State.list_keys(SCOPE)) do
  print("  " .. key .. "  " .. show(State.load(SCOPE, key)))
end

-- 4. The new version at work ----------------------------------------------------------------------------------

title("5. A program of the new version corrects a name, and adds a member of its own:")
State.update(SCOPE, "grace", function(member)
  member.profile.first_name = "Grace Brewster"
  member.email_verified = true
  return member
end)
State.save(SCOPE, "niels", {
  email = "niels@example.org", email_verified = true,
  profile = { first_name = "Niels", last_name = "Bohr", age = 77, display_name = "Niels Bohr" },
})
print("  grace  " .. show(State.load(SCOPE, "grace")))
print("  niels  " .. show(State.load(SCOPE, "niels")))

-- 5. The way back ---------------------------------------------------------------------------------------------

title("6. Back to " .. OLD .. ". Fields that moved keep the correction, fields that only " .. NEW .. " has are gone.")
print("   A member that never was old keeps what no transform can know to be new: email_verified.")
local back = State.migrate(OLD)
assert(back.success, back.error)
for _, key in ipairs(State.list_keys(SCOPE)) do
  print("  " .. key .. "  " .. show(State.load(SCOPE, key)))
end

title("The store is at " .. State.migration_status().current_version .. " again; run me as often as you like.")

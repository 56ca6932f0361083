-- Schema evolution: records of an older shape become records of today, one version at a time.
--
--   llmspell -c examples/configs/migration-enabled.toml run examples/lua/state/state_migration.lua
--
-- With that configuration, State.migrate does it with the files in examples/migrations: all members in one step, and
-- back again. Without migrations (any other configuration) the script does the same by hand, record by record.

local NEWEST = "2.1.0"

print("Schema evolution, up to version " .. NEWEST)
print()

-- A. With migration files -------------------------------------------------------------------------------------

local MEMBERS = "members" -- the files in examples/migrations are for the scopes members*
local FIRST = "1.0.0"

local FIELDS = {
  "success", "status", "from_version", "to_version", "items_migrated", "duration_ms", "dry_run", "warnings", "error",
}

-- Prints the fields of a result. How long it took is another number each time, so only its kind is printed.
local function show_result(result)
  for _, name in ipairs(FIELDS) do
    local value = result[name]
    if name == "duration_ms" then
      value = type(value)
    elseif type(value) == "table" then
      value = #value == 0 and "none" or table.concat(value, "; ")
    end
    if value ~= nil then
      print(string.format("  %-15s %s", name, tostring(value)))
    end
  end
end

local function show_members()
  for _, key in ipairs(State.list_keys(MEMBERS)) do
    local member = State.load(MEMBERS, key)
    if member.profile then
      print(string.format("  %-5s profile.display_name %s, profile.age %d, email_verified %s", key,
        member.profile.display_name, member.profile.age, tostring(member.email_verified)))
    else
      print(string.format("  %-5s first_name %s, last_name %s, age %d, email_verified %s", key,
        member.first_name, member.last_name, member.age, tostring(member.email_verified)))
    end
  end
end

-- Gives what a JSON Patch would do, in the order of the paths.
local function patch_words(patch)
  local words = {}
  for _, step in ipairs(patch) do
    table.insert(words, step.path .. " (" .. step.op .. ")")
  end
  table.sort(words)
  return table.concat(words, ", ")
end

local function migrate_with_files()
  print("State.migrate is available: the files in examples/migrations do it, for all members in one step.")

  local status = State.migration_status()
  if status.error then
    print("  " .. status.error)
    os.exit(1)
  end
  if status.current_version ~= FIRST then -- somebody left the store at a newer version
    assert(State.migrate(FIRST).success)
    status = State.migration_status()
  end

  print()
  print("Where the store stands, by State.migration_status:")
  print("  current_version      " .. status.current_version)
  print("  latest_version       " .. status.latest_version)
  print("  is_latest            " .. tostring(status.is_latest))
  print("  migration_available  " .. tostring(status.migration_available))
  print("  migration_targets    " .. table.concat(status.migration_targets, ", "))
  print("  total_schemas        " .. status.total_schemas)
  print("All versions, by State.schema_versions: " .. table.concat(State.schema_versions(), ", "))

  print()
  local is_new = #State.list_keys(MEMBERS) == 0
  if is_new then
    print("The store is new. Three members, saved by a program of version " .. FIRST .. ":")
    State.transaction(function()
      State.save(MEMBERS, "ada", { first_name = "Ada", last_name = "Byron", age = 36, email = "ada@example.org" })
      State.save(MEMBERS, "bob", { first_name = "Bob", last_name = "Ross", age = 52, email = "bob@example.org" })
      State.save(MEMBERS, "cleo", { first_name = "Cleo", last_name = "Laine", age = 97, email = "cleo@example.org" })
    end)
  else
    print("The members are here from an earlier run:")
  end
  show_members()

  print()
  print('A trial: State.migrate("' .. NEWEST .. '", { dry_run = true }) does all of it, tells, and undoes it:')
  local trial = State.migrate(NEWEST, { dry_run = true })
  show_result(trial)
  for _, sample in ipairs(trial.samples) do
    if sample.scope == MEMBERS then
      print("  " .. sample.key .. " would change: " .. patch_words(sample.patch))
      break
    end
  end
  print("The store still has version " .. State.migration_status().current_version .. ".")

  print()
  print('In earnest: State.migrate("' .. NEWEST .. '"):')
  show_result(State.migrate(NEWEST))
  show_members()

  print()
  print("Once more, and there is nothing to do:")
  show_result(State.migrate(NEWEST))

  print()
  print("A version that no file leads to is refused, and nothing changes:")
  local refused = State.migrate("9.0.0")
  print("  success         " .. tostring(refused.success))
  print("  error           " .. refused.error)

  -- A program of the new version works with the new shape.
  State.update(MEMBERS, "cleo", function(member)
    member.profile.age = 98
    return member
  end)

  print()
  print('And back: State.migrate("' .. FIRST .. '"). What the new version changed stays changed, cleo is 98:')
  show_result(State.migrate(FIRST))
  show_members()

  if is_new then
    print()
    print("Run me again: the members are as they were, and go up and down once more.")
  end
end

if State.migrate then
  migrate_with_files()
  return
end

-- B. By hand --------------------------------------------------------------------------------------------------
--
-- Every record carries the version of its shape. Each step below knows how to go from one version to the next, and
-- all steps of a record happen in one transaction: no reader ever sees a record half way.

local SCOPE = "users"

print("State.migrate is not available, so the records are upgraded by hand.")

-- 1. The steps ------------------------------------------------------------------------------------------------

local STEPS = {
  ["1.0.0"] = {
    to = "1.1.0",
    what = "email_verified, false until checked",
    up = function(user)
      if user.email_verified == nil then
        user.email_verified = false
      end
    end,
  },
  ["1.1.0"] = {
    to = "2.0.0",
    what = "name and age move under profile",
    up = function(user)
      user.profile = { first_name = user.first_name, last_name = user.last_name, age = user.age }
      user.first_name, user.last_name, user.age = nil, nil, nil
    end,
  },
  ["2.0.0"] = {
    to = "2.1.0",
    what = "profile.display_name is made of the names",
    up = function(user)
      user.profile.display_name = user.profile.first_name .. " " .. user.profile.last_name
    end,
  },
}

print()
print("The steps:")
local version = "1.0.0"
while STEPS[version] do
  print(string.format("  %s -> %s   %s", version, STEPS[version].to, STEPS[version].what))
  version = STEPS[version].to
end

-- Takes one record to the newest version; gives the versions it went through, the first of them where it began.
local function upgrade(key)
  return State.transaction(function()
    local user = State.load(SCOPE, key)
    local path = { user.version }
    while user.version ~= NEWEST do
      local step = STEPS[user.version]
      if not step then
        error(key .. ": there is no way from version " .. tostring(user.version) .. " to " .. NEWEST, 0)
      end
      step.up(user)
      user.version = step.to
      table.insert(path, user.version)
    end
    if #path > 1 then
      State.save(SCOPE, key, user)
    end
    return path
  end)
end

-- 2. Records of three ages, as they pile up in real life ------------------------------------------------------

print()
if #State.list_keys(SCOPE) == 0 then
  print("The store is new. Three users, saved by three older programs:")
  State.transaction(function()
    State.save(SCOPE, "ada", {
      version = "1.0.0", first_name = "Ada", last_name = "Byron", age = 36, email = "ada@example.org",
    })
    State.save(SCOPE, "bob", {
      version = "1.1.0", first_name = "Bob", last_name = "Ross", age = 52, email = "bob@example.org",
      email_verified = true,
    })
    State.save(SCOPE, "cleo", {
      version = "2.0.0", email = "cleo@example.org", email_verified = true,
      profile = { first_name = "Cleo", last_name = "Laine", age = 97 },
    })
  end)
else
  print("The users are here from an earlier run:")
end

local upgraded = 0
for _, key in ipairs(State.list_keys(SCOPE)) do
  local path = upgrade(key)
  upgraded = upgraded + (#path > 1 and 1 or 0)
  print(string.format("  %-5s %s", key, #path > 1 and table.concat(path, " -> ") or path[1] .. ", nothing to do"))
end
print("Upgraded: " .. upgraded)

-- 3. All have the same shape now ------------------------------------------------------------------------------

print()
print("All have the same shape now:")
for _, key in ipairs(State.list_keys(SCOPE)) do
  local user = State.load(SCOPE, key)
  print(string.format("  %-11s %d, %-17s %s", user.profile.display_name, user.profile.age, user.email,
    user.email_verified and "verified" or "not verified"))
end

-- 4. A record from the future is refused, not guessed at ------------------------------------------------------

State.save(SCOPE, "dan", { version = "9.0.0", whatever = true })
local ok, problem = pcall(upgrade, "dan")
State.delete(SCOPE, "dan")
print()
print("A record of an unknown version is refused and stays as it is:")
print("  " .. (ok and "upgraded?!" or problem))

if upgraded > 0 then
  print()
  print("Run me again: there will be nothing left to do.")
end

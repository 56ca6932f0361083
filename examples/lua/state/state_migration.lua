-- Schema evolution: records of several ages become records of today, one version at a time.
--
--   llmspell -c examples/configs/migration-enabled.toml run examples/lua/state/state_migration.lua
--
-- Every record carries the version of its shape. Each step below knows how to go from one version to the next, and
-- all steps of a record happen in one transaction: no reader ever sees a record half way.

local SCOPE = "users"
local NEWEST = "2.1.0"

print("Schema evolution, up to version " .. NEWEST)
print()

-- 1. Does this State migrate by itself? -----------------------------------------------------------------------

if State.migrate then
  print("State.migrate is available. The records below are upgraded by hand all the same.")
  local ok, status = pcall(State.migration_status)
  local version = ok and (status.current_version or status.error) or status
  print("State.migration_status says of the store as a whole: " .. tostring(version))
else
  print("State.migrate is not available, so the records are upgraded by hand.")
end

-- 2. The steps ------------------------------------------------------------------------------------------------

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

-- 3. Records of three ages, as they pile up in real life ------------------------------------------------------

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

-- 4. All have the same shape now ------------------------------------------------------------------------------

print()
print("All have the same shape now:")
for _, key in ipairs(State.list_keys(SCOPE)) do
  local user = State.load(SCOPE, key)
  print(string.format("  %-11s %d, %-17s %s", user.profile.display_name, user.profile.age, user.email,
    user.email_verified and "verified" or "not verified"))
end

-- 5. A record from the future is refused, not guessed at ------------------------------------------------------

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

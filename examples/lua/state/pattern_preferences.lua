-- Pattern: what each user prefers.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/pattern_preferences.lua

print("User preferences")
print()

local function key_of(name)
  return "user:" .. name .. ":preferences" -- from the general to the particular, so that prefixes find things
end

local before = State.list_keys("user", { prefix = "user:" })
print(#before == 0 and "Nobody has any preferences yet."
  or #before .. " users have preferences from an earlier run.")

-- 1. By hand --------------------------------------------------------------------------------------------------

State.save("user", "user123:preferences", {
  display_name = "John Doe",
  email_notifications = true,
  timezone = "UTC",
})

local prefs = State.load("user", "user123:preferences")
prefs.timezone = "Europe/Vienna"
State.save("user", "user123:preferences", prefs)

print()
print("1. By hand: load, change, save")
print("  " .. prefs.display_name .. " lives in " .. State.load("user", "user123:preferences").timezone)
print("  Whatever somebody else saved between our load and our save is gone.")

-- 2. Better: one step -----------------------------------------------------------------------------------------

local function prefer(name, setting, value)
  State.update("user", key_of(name), function(preferences)
    preferences[setting] = value
    return preferences
  end, {})
end

for _, name in ipairs({ "ada", "bob", "cleo" }) do
  prefer(name, "language", name == "cleo" and "fr" or "en")
end
prefer("ada", "timezone", "Europe/London")
prefer("bob", "email_notifications", false)

print()
print("2. Better: State.update loads, changes and saves in one step")
for _, name in ipairs({ "ada", "bob", "cleo" }) do
  local settings = {}
  for setting, value in pairs(State.load("user", key_of(name))) do
    table.insert(settings, setting .. " = " .. tostring(value))
  end
  table.sort(settings)
  print(string.format("  %-5s %s", name, table.concat(settings, ", ")))
end

-- 3. Better: find them by prefix ------------------------------------------------------------------------------

State.save("user", "user:ada:last_seen", "in the library")

print()
print("3. Better: State.list_keys finds them by prefix")
print("  everything of ada   " .. table.concat(State.list_keys("user", { prefix = "user:ada:" }), ", "))

local french = {}
for _, key in ipairs(State.list_keys("user", { prefix = "user:" })) do
  local name = key:match("^user:(.+):preferences$")
  if name and State.load("user", key).language == "fr" then
    table.insert(french, name)
  end
end
print("  who reads French    " .. table.concat(french, ", "))

State.delete("user", "user:ada:last_seen")

if #before == 0 then
  print()
  print("Run me again: everybody will be remembered.")
end

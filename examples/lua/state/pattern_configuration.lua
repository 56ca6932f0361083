-- Pattern: the settings of an application, with defaults for what nobody has chosen.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/pattern_configuration.lua

print("Configuration")
print()

local saved = State.load("app", "config")
print(saved and "Found the configuration of an earlier run: theme " .. saved.theme .. ", font size " .. saved.font_size
  or "No configuration is saved yet.")

-- 1. By hand --------------------------------------------------------------------------------------------------

local config = State.load("app", "config") or {
  theme = "light",
  language = "en",
  font_size = 12,
}

print()
print("1. By hand: load(...) or { defaults }")
print("  theme " .. config.theme .. ", font size " .. config.font_size)

State.save("app", "autosave", false)
print("  somebody switched autosave off:")
print('    load("app", "autosave") or true   gives ' .. tostring(State.load("app", "autosave") or true) .. ", on again")
print('    load("app", "autosave", true)     gives ' .. tostring(State.load("app", "autosave", true)))

-- 2. Better: defaults field by field --------------------------------------------------------------------------
-- A configuration saved last year lacks the fields that were invented since. Laying it over the defaults fills them.

local DEFAULTS = {
  theme = "light",
  language = "en",
  font_size = 12,
  features = { autosave = true, notifications = true },
}

local function overlay(defaults, chosen)
  local result = {}
  for name, value in pairs(defaults) do
    result[name] = value
  end
  for name, value in pairs(chosen) do
    local both = type(value) == "table" and type(defaults[name]) == "table"
    result[name] = both and overlay(defaults[name], value) or value
  end
  return result
end

State.save("app", "old_config", { theme = "dark", features = { notifications = false } })
local filled = overlay(DEFAULTS, State.load("app", "old_config", {}))

print()
print("2. Better: what is saved, laid over the defaults field by field")
for _, name in ipairs({ "theme", "language", "font_size" }) do
  print(string.format("  %-23s %s", name, filled[name]))
end
for _, name in ipairs({ "autosave", "notifications" }) do
  print(string.format("  %-23s %s", "features." .. name, filled.features[name]))
end

-- 3. Better: change one setting in one step -------------------------------------------------------------------
-- Between a load and a save, somebody else may save. State.update is both at once, so no change is lost.

local changed = State.update("app", "config", function(old)
  old.theme = "dark"
  old.font_size = old.font_size + 1
  return old
end, DEFAULTS)

print()
print("3. Better: State.update changes a setting in one step")
print("  theme " .. changed.theme .. ", font size " .. changed.font_size .. ", the rest as it was")

if not saved then
  print()
  print("Run me again: the font size will have been kept.")
end

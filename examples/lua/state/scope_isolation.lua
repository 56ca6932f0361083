-- Scopes keep data apart: the same key can live in many of them, and none sees the others.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/scope_isolation.lua
--
-- A scope is any text. "global", "system", "agent:NAME" and "workflow:NAME" are habits, not rules.

local SCOPES = { "global", "system", "agent:writer", "agent:editor", "workflow:publish" }

print("Scope isolation")
print()

-- 1. One key, many scopes -------------------------------------------------------------------------------------

local found = 0
for _, scope in ipairs(SCOPES) do
  found = found + (State.exists(scope, "motto") and 1 or 0)
end
print(found == 0 and "No scope has a motto yet."
  or string.format("%d of %d mottos are still here from an earlier run.", found, #SCOPES))

State.save("global", "motto", "for everybody")
State.save("system", "motto", "for the machinery")
State.save("agent:writer", "motto", "write it down")
State.save("agent:editor", "motto", "cut it in half")
State.save("workflow:publish", "motto", "ship on Fridays")

print()
print('The key "motto" in five scopes:')
for _, scope in ipairs(SCOPES) do
  print(string.format("  %-17s %s", scope, State.load(scope, "motto")))
end

-- 2. A colon is a letter like any other -----------------------------------------------------------------------
-- Scope and key are stored apart, never glued together, so these two cannot be mistaken for each other.

State.save("a:b", "c", "scope a:b, key c")
State.save("a", "b:c", "scope a, key b:c")

print()
print("Two entries that would be one if names were glued together:")
print('  ("a:b", "c")  ' .. State.load("a:b", "c"))
print('  ("a", "b:c")  ' .. State.load("a", "b:c"))

-- 3. Clearing one scope leaves the others ---------------------------------------------------------------------

State.save("agent:writer", "draft", "Once upon a time")
State.save("agent:writer", "mood", "hopeful")
local removed = State.clear("agent:writer")

print()
print("After State.clear(\"agent:writer\"), which removed " .. removed .. " entries:")
for _, scope in ipairs({ "agent:writer", "agent:editor" }) do
  local keys = State.list_keys(scope)
  print(string.format("  %-17s %s", scope, #keys == 0 and "(empty)" or table.concat(keys, ", ")))
end

-- 4. Which scopes are there? ----------------------------------------------------------------------------------
-- A scope exists while it holds something; there is nothing to create or to remove.

print()
print("State.scopes finds them by how they begin:")
for _, prefix in ipairs({ "agent:e", "agent:w", "workflow:p" }) do
  local scopes = State.scopes(prefix)
  print(string.format('  %-17s %s', '"' .. prefix .. '"', #scopes == 0 and "(none)" or table.concat(scopes, ", ")))
end

if found == 0 then
  print()
  print("Run me again: the mottos wait for you, except the writer's.")
end

-- Pattern: sessions that end after a while.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/pattern_session.lua

local HOUR = 3600

local function new_id()
  return os.time() .. "_" .. math.random(10000)
end

print("Sessions")
print()

-- 1. By hand --------------------------------------------------------------------------------------------------
-- The moment of the end is a field of the value, and everybody who loads it has to look.

local BY_HAND = "session:by_hand"

local function is_valid(id)
  local session = State.load(BY_HAND, id)
  if session and session.expires_at > os.time() then
    return true
  end
  State.delete(BY_HAND, id)
  return false
end

local left_over = State.clear(BY_HAND)

for name, seconds_left in pairs({ fresh = HOUR, old = -1, forgotten = -1 }) do
  State.save(BY_HAND, name, {
    user_id = "user123",
    created_at = os.time() + seconds_left - HOUR,
    expires_at = os.time() + seconds_left,
  })
end

print("1. By hand: expires_at is a field, and everybody has to look at it")
if left_over > 0 then
  print("  cleaned up first     " .. left_over .. " sessions that an earlier run had left behind")
end
print("  the fresh one        " .. (is_valid("fresh") and "valid" or "expired"))
print("  the old one          " .. (is_valid("old") and "valid" or "expired, deleted because we looked"))
print("  still stored         " .. table.concat(State.list_keys(BY_HAND), ", ") .. " (nobody looked at the last one)")

-- 2. Better: ttl ----------------------------------------------------------------------------------------------
-- An entry with a ttl (in seconds) is gone from the moment it ends: nobody can load or list it by mistake.

local SESSION = "session"

local function minutes_left(id)
  return string.format("%.0f minutes left", (State.entry(SESSION, id).expires_at - os.time()) / 60)
end

print()
print("2. Better: save(..., { ttl = seconds })")
local earlier = State.list_keys(SESSION)
local id = earlier[1]
if id then
  print("  found                the session of an earlier run, which has not ended")
else
  id = new_id()
  State.save(SESSION, id, { user_id = "user123", pages = 0 }, { ttl = HOUR })
  print("  opened               " .. minutes_left(id))
end

local session = State.update(SESSION, id, function(old) -- the expiry stays as it is
  old.pages = old.pages + 1
  return old
end)
print("  " .. session.user_id .. " has seen     " .. session.pages .. (session.pages == 1 and " page" or " pages"))

-- 3. Better: touch --------------------------------------------------------------------------------------------

print()
print("3. Better: touch(scope, key, seconds) moves the end, the value stays")
State.touch(SESSION, id, 2 * HOUR)
print("  two hours more       " .. minutes_left(id))

local short = new_id() .. "_short"
State.save(SESSION, short, { user_id = "user456" }, { ttl = HOUR })
State.touch(SESSION, short, 0.01)
repeat until not State.exists(SESSION, short) -- a hundredth of a second
print("  an ended session     " .. tostring(State.load(SESSION, short)))
print("  touching it          " .. tostring(State.touch(SESSION, short, HOUR)) .. " (too late, the user logs in again)")

if #earlier == 0 then
  print()
  print("Run me again within two hours: the session goes on.")
end

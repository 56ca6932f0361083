-- Pattern: keep what was slow to get, for a while.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/pattern_cache.lua

print("Cache")
print()

-- 1. By hand --------------------------------------------------------------------------------------------------

local BY_HAND = "cache:by_hand"

local function cache_set(key, value, ttl)
  State.save(BY_HAND, key, {
    value = value,
    expires_at = os.time() + ttl,
  })
end

local function cache_get(key)
  local entry = State.load(BY_HAND, key)
  if entry and entry.expires_at > os.time() then
    return entry.value
  end
  State.delete(BY_HAND, key)
  return nil
end

cache_set("weather", "sunny", 60)
cache_set("news", "nothing new", 0) -- ends at once
cache_set("stocks", "up", 0)

print("1. By hand: the value in a wrapper that says when it ends")
print("  weather      " .. tostring(cache_get("weather")))
print("  news         " .. tostring(cache_get("news")))
print("  stored       " .. table.concat(State.list_keys(BY_HAND), ", ") .. " (stocks has ended, but nobody asked)")

-- 2. Better: ttl ----------------------------------------------------------------------------------------------

local CACHE = "cache"

State.save(CACHE, "weather", "sunny", { ttl = 60 })
State.save(CACHE, "news", "nothing new", { ttl = 0.01 })
repeat until not State.exists(CACHE, "news") -- a hundredth of a second

print()
print("2. Better: save(..., { ttl = seconds })")
print("  weather      " .. State.load(CACHE, "weather"))
print("  news         " .. tostring(State.load(CACHE, "news")))
print("  stored       " .. table.concat(State.list_keys(CACHE), ", ") .. " (what has ended is not there any more)")

-- 3. Better: one helper for everything ------------------------------------------------------------------------

local asked = 0

local function remember(key, ttl, fn)
  local value = State.load(CACHE, key)
  if value == nil then
    asked = asked + 1
    value = fn()
    State.save(CACHE, key, value, { ttl = ttl })
  end
  return value
end

local function slow_report()
  local sum = 0
  for number = 1, 100000 do
    sum = sum + number
  end
  return { title = "The first hundred thousand", sum = sum }
end

local known = State.exists(CACHE, "report")

print()
print("3. Better: remember(key, ttl, fn) does the work only when it must")
for time = 1, 3 do
  local before = asked
  local report = remember("report", 3600, slow_report)
  print(string.format("  %d. %s: %d, %s", time, report.title, report.sum,
    asked > before and "computed" or "from the cache"))
end
print("  computed in this run: " .. asked .. (known and ", because an earlier run had left it in the cache" or ""))

if not known then
  print()
  print("Run me again within the hour: nothing will be computed.")
end

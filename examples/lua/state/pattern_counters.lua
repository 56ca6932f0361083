-- Pattern: counters and statistics.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/pattern_counters.lua

print("Counters")
print()

-- 1. By hand --------------------------------------------------------------------------------------------------

local function increment(counter_name)
  local count = State.load("stats", counter_name) or 0
  count = count + 1
  State.save("stats", counter_name, count)
  return count
end

print("1. By hand: load, add one, save")
State.delete("stats", "by_hand")
increment("by_hand")
print("  two in a row         " .. increment("by_hand"))

-- When two programs run at once, their steps can fall like this:
State.delete("stats", "by_hand")
local seen_by_one = State.load("stats", "by_hand") or 0
local seen_by_two = State.load("stats", "by_hand") or 0
State.save("stats", "by_hand", seen_by_one + 1)
State.save("stats", "by_hand", seen_by_two + 1)
print("  two at once          " .. State.load("stats", "by_hand", 0) .. " (one was lost: both had seen 0)")

-- 2. Better: State.increment ----------------------------------------------------------------------------------
-- Reading, adding and saving are one step. However many programs count at once, none is lost.

local visits_before = State.load("stats", "visits", 0)

print()
print("2. Better: State.increment(scope, key, by) is one step")
print("  visits               " .. State.increment("stats", "visits")
  .. (visits_before > 0 and " (" .. visits_before .. " from earlier runs)" or ""))
print("  bytes, by 1500       " .. State.increment("stats", "bytes", 1500))
print("  lives, by -1         " .. State.increment("stats", "lives", -1))
print("  hours, by 0.25       " .. State.increment("stats", "hours", 0.25))

-- 3. Better: counters that belong together --------------------------------------------------------------------

local function visit(page)
  State.transaction(function()
    State.increment("stats", "page:" .. page)
    State.increment("stats", "pages")
  end)
end

visit("home")
visit("about")
visit("home")

print()
print("3. Better: counters that belong together, in a transaction")
local counts = State.transaction(function() -- reading in one step, too: nobody counts between two of our loads
  local counts = {}
  for _, key in ipairs(State.list_keys("stats", { prefix = "page" })) do
    table.insert(counts, { key = key, count = State.load("stats", key) })
  end
  return counts
end)
local sum, pages = 0, 0
for _, each in ipairs(counts) do
  if each.key == "pages" then
    pages = each.count
  else
    sum = sum + each.count
  end
  print(string.format("  %-20s %d", each.key, each.count))
end
print("  the last is " .. (sum == pages and "" or "not ") .. "the sum of the others")

-- 4. Events: the last few, in order ---------------------------------------------------------------------------
-- table.insert into a loaded list would grow for ever, and lose events just as the counter lost counts.

local function track_event(kind)
  return State.append("stats", "events", { type = kind, timestamp = os.time() }, { keep = 4 })
end

for _, kind in ipairs({ "start", "click", "stop" }) do
  track_event(kind)
end

local kinds = {}
for _, event in ipairs(State.load("stats", "events")) do
  table.insert(kinds, event.type)
end

print()
print("4. Events: State.append(scope, key, item, { keep = 4 }) keeps the last four")
print("  " .. table.concat(kinds, ", "))

if visits_before == 0 then
  print()
  print("Run me again: the counters go on.")
end

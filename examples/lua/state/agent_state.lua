-- Two agents with memories of their own, who hand work to each other without losing any.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/agent_state.lua
--
-- Every run is one more day in their life: they remember the days before.

local SCOUT, SCRIBE = "agent:scout", "agent:scribe"
local MEMORY = 4 -- how many messages an agent remembers word for word

-- One message, into one agent's memory. Both writes happen, or neither: the count always fits the conversation.
local function remember(agent, speaker, text)
  State.transaction(function()
    State.append(agent, "conversation", { from = speaker, text = text }, { keep = MEMORY })
    State.increment(agent, "messages")
  end)
end

local function tell(from, to, text)
  remember(from, "me", text)
  remember(to, from:match(":(.*)"), text)
end

local function tasks_of(agent)
  local tasks = State.load(agent, "tasks", {})
  return #tasks == 0 and "nothing" or table.concat(tasks, ", ")
end

-- 1. What do they remember? -----------------------------------------------------------------------------------

local day = State.increment(SCOUT, "days")
print("Agent state: day " .. day)
print()
if day == 1 then
  print("Scout and scribe meet for the first time.")
else
  print("Scout and scribe have met before. The scribe finishes what is on the desk: " .. tasks_of(SCRIBE) .. ".")
  State.delete(SCRIBE, "tasks")
end

-- 2. A conversation with a limited memory ---------------------------------------------------------------------

tell(SCOUT, SCRIBE, "Day " .. day .. ": I found a river.")
tell(SCRIBE, SCOUT, "Day " .. day .. ": How wide is it?")
tell(SCOUT, SCRIBE, "Day " .. day .. ": Forty paces.")

print()
local conversation = State.load(SCOUT, "conversation")
local total = State.load(SCOUT, "messages")
print(string.format("What the scout remembers (the last %d of %d messages):", #conversation, total))
for _, message in ipairs(conversation) do
  print(string.format("  %-7s %s", message.from, message.text))
end

-- 3. Handing over: in both places or in neither ---------------------------------------------------------------

local function hand_over(from, to, most)
  return State.transaction(function()
    local tasks, desk = State.load(from, "tasks", {}), State.load(to, "tasks", {})
    local task = table.remove(tasks, 1)
    State.save(from, "tasks", State.array(tasks)) -- so that an empty list is saved as a list
    table.insert(desk, task)
    State.save(to, "tasks", desk)
    if #desk > most then
      error("the desk is full", 0) -- undoes both saves
    end
    return task
  end)
end

State.append(SCOUT, "tasks", "map " .. day)

print()
print("Handing over, all or nothing:")
local ok, problem = pcall(hand_over, SCOUT, SCRIBE, 0)
print("  refused      " .. tostring(ok and "no" or problem))
print("  the scout    " .. tasks_of(SCOUT))
print("  handed over  " .. hand_over(SCOUT, SCRIBE, 100))
print("  the scout    " .. tasks_of(SCOUT))
print("  the scribe   " .. tasks_of(SCRIBE))

-- 4. Two who change the same thing ----------------------------------------------------------------------------
-- Each saves only if nobody else has since it looked. The second one to come is told, and looks again.

local PLAN = "workflow:expedition"
State.save(PLAN, "plan", "go north")

local seen_by_scout = State.entry(PLAN, "plan")
local seen_by_scribe = State.entry(PLAN, "plan")

State.save(PLAN, "plan", "go north, with ink", { if_version = seen_by_scribe.version })
local saved, conflict = pcall(State.save, PLAN, "plan", "go south", { if_version = seen_by_scout.version })

print()
print("Two who change the same plan:")
print("  the scribe   saved first")
print("  the scout    " .. (saved and "overwrote it!" or "refused: " .. conflict:match('Conflict: .-, key "[^"]*"')))
State.update(PLAN, "plan", function(plan)
  return plan .. " and rope"
end)
print("  both agree   " .. State.load(PLAN, "plan"))

if day == 1 then
  print()
  print("Run me again: tomorrow they will remember today.")
end

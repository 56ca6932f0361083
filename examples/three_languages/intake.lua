-- The first of three scripts that work on one state: notes how much electricity was used in this round.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/three_languages/intake.lua

local READINGS, ROUND = "power:reading", "power:round"

local used = {
  { place = "lighthouse", kwh = 1204 },
  { place = "smelter", kwh = 98765432101 },
  { place = "cable car", kwh = 250 },
}

-- All readings of a round, or none of them: pricing never sees half of it. What an earlier round left is replaced.
local round = State.transaction(function()
  State.clear(READINGS)
  for _, reading in ipairs(used) do
    State.save(READINGS, reading.place, { kwh = reading.kwh, round = State.load(ROUND, "number", 0) + 1 })
  end
  return State.increment(ROUND, "number")
end)
print("round " .. round .. ": " .. #used .. " readings")

-- report.py keeps its last totals here, as whole millionths of a euro. They are beyond 2^53, and exact.
local totals = State.load(ROUND, "totals")
if totals then
  print("the last total that report.py has left: " .. totals[#totals].micro_euros)
end

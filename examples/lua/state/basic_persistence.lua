-- Save, load, delete: the three verbs that most scripts need, and every kind of value they take.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/basic_persistence.lua
--
-- Run it twice. The second run is another process, and finds what the first one left behind.

local SCOPE = "basics" -- any name will do; nothing has to be declared

-- Writes a value the way Lua would, with the fields of a table in order.
local function show(value)
  if type(value) == "string" then
    return '"' .. value .. '"'
  elseif value == State.null or type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  for _, item in ipairs(value) do
    table.insert(parts, show(item))
  end
  local names = {}
  for name in pairs(value) do
    if type(name) == "string" then
      table.insert(names, name)
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    table.insert(parts, name .. " = " .. show(value[name]))
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

print("Basic persistence")
print()

-- 1. What did earlier runs leave? -----------------------------------------------------------------------------

local run = State.load(SCOPE, "runs", 0) + 1 -- 0 is the default: what load gives when there is no such key
if run == 1 then
  print("This is run 1. The store has nothing for us yet.")
else
  print("This is run " .. run .. ". Waiting in the store:")
  print("  note    " .. show(State.load(SCOPE, "note")))
  print("  keys    " .. #State.list_keys(SCOPE) .. " of them in scope " .. show(SCOPE))
end

State.save(SCOPE, "runs", run)
State.save(SCOPE, "note", "run " .. run .. " was here")

-- 2. Every kind of value comes back as it was -----------------------------------------------------------------

local samples = {
  { "boolean", false },
  { "integer", 9007199254740993 }, -- all 64 bits are kept
  { "float", 1.0 }, -- and 1.0 does not become 1
  { "text", "Grüße, 世界" },
  { "list", { "red", "green", "blue" } },
  { "object", { name = "Ada", born = 1815 } },
  { "nested", { name = "Ada", notes = { { page = 7, tags = { "engine", "loops" } } } } },
  { "gap", { 1, State.null, 3 } }, -- a hole in a list has a name
  { "empty", State.array() }, -- a list too; a plain {} would be saved as an object
}

print()
print("Every kind of value comes back as it was:")
for _, sample in ipairs(samples) do
  local kind, value = table.unpack(sample)
  State.save(SCOPE, "kind:" .. kind, value)
  print(string.format("  %-8s %s", kind, show(State.load(SCOPE, "kind:" .. kind))))
end

-- 3. What is missing is nil, or the default -------------------------------------------------------------------

print()
print("What is missing is nil, or the default you give:")
print("  load without a default       " .. show(State.load(SCOPE, "colour")))
print('  load with the default "red"  ' .. show(State.load(SCOPE, "colour", "red")))
print("  a saved false is not missing " .. show(State.load(SCOPE, "kind:boolean", true)))

-- 4. Deleting -------------------------------------------------------------------------------------------------

print()
print("Delete, or save nil:")
State.save(SCOPE, "draft", "to be thrown away")
print("  delete what is there         " .. show(State.delete(SCOPE, "draft")))
print("  delete it again              " .. show(State.delete(SCOPE, "draft")))
State.save(SCOPE, "draft", "once more")
State.save(SCOPE, "draft", nil)
print("  exists after saving nil      " .. show(State.exists(SCOPE, "draft")))

-- 5. What cannot be kept exactly is refused, by name ----------------------------------------------------------

local ok, problem = pcall(State.save, SCOPE, "basket", { items = { "apple", print } })
print()
print("What cannot be kept exactly is refused, and nothing is stored:")
print("  " .. (ok and "stored?!" or problem))

if run == 1 then
  print()
  print("Run me again: another process will find all this.")
end

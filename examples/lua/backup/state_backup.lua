-- From the first backup to the way back: full, incremental, list, validate, lose everything, restore, undo.
--
--   llmspell -c examples/configs/backup-enabled.toml run examples/lua/backup/state_backup.lua
--
-- The backups stand in ./backups. They stay there and go as the configuration says. The script can be run as often as you
-- like; it touches only scopes that begin with "shop:".

if not (State and State.create_backup) then
  print("This script needs backup_enabled = true: use examples/configs/backup-enabled.toml.")
  os.exit(1)
end

local STOCK, ORDERS = "shop:stock", "shop:orders"
local SHOP = "shop:*" -- both of them, as a glob

local function title(text)
  print()
  print(text)
end

-- Ends the script when something that it says is not so.
local function check(truth, claim)
  if not truth then
    error("this should be so, and is not: " .. claim, 2)
  end
end

-- A backup function that fails does not raise: it says so in its result.
local function succeeded(result)
  if not result.success then
    error(result.error, 2)
  end
  for _, warning in ipairs(result.warnings or {}) do
    print("  note: " .. warning)
  end
  return result
end

-- Gives the shop as text, to print it and to compare it.
local function shop()
  local lines = {}
  for _, good in ipairs(State.list_keys(STOCK)) do
    table.insert(lines, string.format("  %-6s %3d in stock", good, State.load(STOCK, good)))
  end
  for _, number in ipairs(State.list_keys(ORDERS)) do
    local order = State.load(ORDERS, number)
    table.insert(lines, string.format("  order %s: %d %s, %s", number, order.count, order.good, order.state))
  end
  return #lines > 0 and table.concat(lines, "\n") or "  nothing at all"
end

-- 1. Something to lose ----------------------------------------------------------------------------------------

print("Backups of the state")

title("What the last run has left:")
print(shop())

State.clear(STOCK)
State.clear(ORDERS)
State.save(STOCK, "lamp", 3)
State.save(STOCK, "rug", 12)
State.save(STOCK, "vase", 1)
State.save(ORDERS, "0001", { good = "rug", count = 2, state = "paid" })
State.save(ORDERS, "0002", { good = "vase", count = 1, state = "open" })

title("1. A shop in the morning:")
print(shop())

-- 2. A full backup --------------------------------------------------------------------------------------------

title("2. A full backup holds everything. It is read back and compared before it counts:")
local full = succeeded(State.create_backup({ description = "the shop in the morning" }))
print("  " .. full.backup_id)
check(not full.is_incremental and full.parent_id == nil, "a full backup stands on no other")

-- 3. An incremental backup ------------------------------------------------------------------------------------

title("3. The vase is paid and sold out. An incremental backup holds what was written and deleted since:")
local morning = shop()
State.transaction(function()
  State.update(ORDERS, "0002", function(order)
    order.state = "paid"
    return order
  end)
  State.delete(STOCK, "vase")
end)
local evening = shop()
print(evening)
local incremental = succeeded(State.create_backup(true))
print("  " .. incremental.backup_id)
print("  stands on " .. incremental.parent_id)
print("  entries written since: " .. incremental.entry_count)
check(incremental.is_incremental, "the second backup is an incremental one")
check(incremental.parent_id == full.backup_id, "it stands on the first")

-- 4. The list -------------------------------------------------------------------------------------------------

title("4. The list has the newest first. These two are at its head:")
local list = State.list_backups()
for position = 1, 2 do
  local backup = list[position]
  print(string.format("  %s  %s  %-11s  %s", backup.id, os.date("%Y-%m-%d %H:%M", backup.created_at),
    backup.is_incremental and "incremental" or "full", backup.description or "(no description)"))
end
check(list[1].id == incremental.backup_id and list[2].id == full.backup_id, "the newest stand first")

-- 5. Proof ----------------------------------------------------------------------------------------------------

title("5. Validating reads a backup, and the one under it, and decodes every entry:")
local verdict = State.validate_backup(incremental.backup_id)
print("  sound: " .. tostring(verdict.is_valid) .. ", errors: " .. #verdict.errors)
check(verdict.is_valid, "a backup that was made just now is sound")

-- 6. The loss -------------------------------------------------------------------------------------------------

title("6. Everything is deleted:")
State.clear(STOCK)
State.clear(ORDERS)
print(shop())

-- 7. The way back ---------------------------------------------------------------------------------------------

-- State.restore_backup(id) alone takes the whole store back. Here the shop is enough: the store may hold things of others.
title("7. The incremental backup brings the evening back:")
local back = succeeded(State.restore_backup(incremental.backup_id, { scopes = SHOP }))
print(shop())
print("  entries restored: " .. back.entries_restored)
check(shop() == evening, "the shop is as it was in the evening")

title("8. The full backup brings the morning back, with the vase:")
local earlier = succeeded(State.restore_backup(full.backup_id, { scopes = SHOP }))
print(shop())
check(shop() == morning, "the shop is as it was in the morning")

-- 8. Undoing it -----------------------------------------------------------------------------------------------

title("9. Each restore first makes a backup of what there is. That one undoes it, and the evening is back:")
print("  " .. earlier.pre_restore_backup_id)
succeeded(State.restore_backup(earlier.pre_restore_backup_id, { scopes = SHOP }))
print(shop())
check(shop() == evening, "undoing the restore gives the evening back")

title("Nothing is lost. `llmspell backup list` shows the backups; run me as often as you like.")

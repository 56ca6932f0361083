-- Finding out which keys there are: by hand with a registry, and with State.list_keys.
--
--   llmspell -c examples/configs/state-enabled.toml run examples/lua/state/list_operations.lua
--
-- The first half is for scripts that were written for a State without list_keys: they go on working here.

print("List operations")
print()

-- 1. Working without State.list_keys() ------------------------------------------------------------------------
-- The script keeps a list of its own keys beside the data, and has to think of it with every save and delete.

local BY_HAND = "shop:by_hand"

local function save_item(key, value)
  local registry = State.load(BY_HAND, "_keys") or {}
  State.save(BY_HAND, key, value)
  for _, known in ipairs(registry) do
    if known == key then
      return
    end
  end
  table.insert(registry, key)
  State.save(BY_HAND, "_keys", registry)
end

local function delete_item(key)
  local kept = State.array()
  for _, known in ipairs(State.load(BY_HAND, "_keys") or {}) do
    if known ~= key then
      table.insert(kept, known)
    end
  end
  State.delete(BY_HAND, key)
  State.save(BY_HAND, "_keys", kept)
end

State.clear(BY_HAND)
save_item("tea", 4)
save_item("milk", 2)
save_item("rice", 9)
delete_item("milk")
State.save(BY_HAND, "salt", 1) -- somebody who does not know of the registry

print("By hand, with a registry:")
print("  the registry knows   " .. table.concat(State.load(BY_HAND, "_keys"), ", "))
print("  really there         " .. table.concat(State.list_keys(BY_HAND), ", "))
print("  so salt is lost to whoever trusts the registry.")

-- 2. With State.list_keys -------------------------------------------------------------------------------------

local SHOP = "shop"
local before = #State.list_keys(SHOP)

print()
print(before == 0 and "With State.list_keys, in a scope that is empty so far:"
  or "With State.list_keys, in a scope that has " .. before .. " keys from an earlier run:")

State.transaction(function() -- one step for all of them, which is also much faster than ten
  for number = 1, 7 do
    State.save(SHOP, string.format("item:%03d", number), { price = number * 10 })
  end
  State.save(SHOP, "owner", "Ada")
  State.save(SHOP, "order:2", "shipped")
  State.save(SHOP, "order:10", "new")
end)

local function line(what, keys)
  print(string.format("  %-28s %s", what, #keys == 0 and "(none)" or table.concat(keys, ", ")))
end

line("all, the first 3", State.list_keys(SHOP, { limit = 3 }))
line('prefix "order:"', State.list_keys(SHOP, { prefix = "order:" }))
line('prefix "o", after "order:2"', State.list_keys(SHOP, { prefix = "o", after = "order:2" }))
line('prefix "nothing like it"', State.list_keys(SHOP, { prefix = "nothing like it" }))
print("  Keys come in byte order: order:10 stands before order:2, so pad numbers (item:007).")

-- 3. Page by page ---------------------------------------------------------------------------------------------
-- `after` takes the last key of the page before. Keys that come or go meanwhile do not shift the pages.

local function pages(scope, prefix, size)
  local last
  return function()
    local keys = State.list_keys(scope, { prefix = prefix, after = last, limit = size })
    last = keys[#keys]
    return last and keys
  end
end

print()
print("Seven items, three to a page:")
local number = 0
for keys in pages(SHOP, "item:", 3) do
  number = number + 1
  print("  page " .. number .. "   " .. table.concat(keys, ", "))
end

-- 4. The scopes themselves ------------------------------------------------------------------------------------

print()
print('Scopes that begin with "shop":')
for _, scope in ipairs(State.scopes("shop")) do
  print(string.format("  %-13s %2d keys", scope, #State.list_keys(scope)))
end

if before == 0 then
  print()
  print("Run me again: the shop will still be stocked.")
end

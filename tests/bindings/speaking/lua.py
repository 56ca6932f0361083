"""How is a case said in Lua?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell.limits import MIN_INTEGER
from tests.bindings.playing import outcomes_of, play

if TYPE_CHECKING:
    from collections.abc import Sequence

    import llmspell
    from tests.bindings.comparing import Outcome
    from tests.bindings.reading import Step

PRELUDE = r"""
local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\" }
local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ESCAPES[c] or ("\\u%04x"):format(c:byte()) end) .. '"'
end
local function show(value)
  if value == nil then return '{"$":"nothing"}' end
  if value == State.null then return "null" end
  if type(value) == "string" then return quote(value) end
  if math.type(value) == "float" then return ("%.17g"):format(value):gsub("^-?%d+$", "%0.0") .. "" end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  if #value > 0 then
    for index, part in ipairs(value) do parts[index] = show(part) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for name, part in pairs(value) do parts[#parts + 1] = quote(name) .. ":" .. show(part) end
  return "{" .. table.concat(parts, ",") .. "}"
end
local given = {}
local function step(name, fn)
  local ok, got = pcall(fn)
  given[name] = got
  print(ok and '{"gives":' .. show(got) .. "}" or '{"fails":{"says":' .. quote(tostring(got)) .. "}}")
end
local function nested(levels, value)
  for _ = 1, levels do value = State.array({ value }) end
  return value
end
local function cycle()
  local value = {}
  value.inner = value
  return value
end
"""

ODD = {
    "nothing": "nil",
    "null": "State.null",
    "nan": "0/0",
    "infinity": "math.huge",
    "minus_infinity": "-math.huge",
    "function": "print",
    "cycle": "cycle()",
    "bad_text": r'"a\xff"',
    "hole": "{1, nil, 3}",
    "mixed": "{1, a = 2}",
    "thread": "coroutine.create(print)",
    "too_deep": "nested(129, 1)",
    "two_levels_array": "State.array({State.array({})})",
}

FUNCTIONS = {
    "add_one": "function(old) return old + 1 end",
    "give_it_back": "function(old) return old end",
    "give_nothing": "function() end",
    "give_function": "function() return print end",
    "raise_boom": 'function() error("boom", 0) end',
    "save_two": 'function() State.save("s", "a", 1) State.save("s", "b", 2) return "done" end',
    "save_two_then_raise": 'function() State.save("s", "a", 1) State.save("s", "b", 2) error("boom", 0) end',
    "read_what_it_wrote": """function()
        State.save("s", "a", 5)
        State.append("s", "list", "x")
        return { State.load("s", "a"), State.exists("s", "a"), State.list_keys("s"), State.increment("s", "a") }
    end""",
    "versions_inside": 'function() return { State.save("s", "a", 1), State.entry("s", "a").version } end',
    "transaction_inside": """function()
        return State.transaction(function() State.save("s", "inner", 1) return "inner" end)
    end""",
    "conflict_inside": 'function() State.save("s", "b", 2) State.save("s", "a", 1, { if_version = 99 }) end',
    "empty_scope_inside": 'function() State.save("s", "b", 2) State.save("", "a", 1) end',
    "wrong_call_caught": """function()
        State.save("s", "b", 2)
        pcall(State.save, "", "a", 1)
        return "went on"
    end""",
    "conflict_caught": """function()
        State.save("s", "b", 2)
        pcall(State.save, "s", "a", 1, { if_version = 99 })
        return "went on"
    end""",
    "update_inside_then_raise": """function()
        State.update("s", "n", function(old) return old + 1 end)
        error(State.load("s", "n") == 2 and "boom" or "the update is not there", 0)
    end""",
    "delete_and_clear": 'function() return { State.delete("s", "a"), State.clear("t"), State.exists("s", "a") } end',
    "backup_inside": "function() State.create_backup() end",
    "migrate_inside": 'function() State.migrate("2.0.0") end',
    "restore_inside": "function() State.restore(1) end",
}

ARGUMENTS_BEFORE_OPTIONS = {"load": 3}


def literal(value: Any) -> str:
    """Spell a value, or a tag."""
    if isinstance(value, dict):
        if "$" in value:
            return _tag(value)
        return "{" + ", ".join(f"[{literal(name)}] = {literal(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        levels = 0
        while isinstance(value, list) and len(value) == 1:  # Lua's reader knows no 128 levels
            value, levels = value[0], levels + 1
        inner = f"State.array({{{', '.join(map(literal, value))}}})" if isinstance(value, list) else literal(value)
        return f"nested({levels}, {inner})" if levels else inner
    if isinstance(value, str):
        return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03}" for b in value.encode()) + '"'
    if value is None:
        return "State.null"
    if value == MIN_INTEGER and type(value) is int:
        return "math.mininteger"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


def call(step: Step) -> str:
    """Spell a call."""
    arguments = [literal(argument) for argument in step.arguments]
    if step.options:
        arguments += ["nil"] * (ARGUMENTS_BEFORE_OPTIONS.get(step.call, 0) - len(arguments))
        arguments.append(literal(step.options))
    return f"State.{step.call}({', '.join(arguments)})"


def outcomes(steps: Sequence[Step], store: llmspell.Store) -> list[Outcome]:
    """Take the steps in one script and give what came of each."""
    lines = [f"step({literal(step.name)}, function() return {call(step)} end)" for step in steps]
    return outcomes_of(play("lua", PRELUDE + "\n".join(lines), store, "case.lua"))


def copy(values: dict[str, Any], store: llmspell.Store, scope: str) -> None:
    """Save each value in the scope, under its name."""
    lines = [f"State.save({literal(scope)}, {literal(name)}, {literal(value)})" for name, value in values.items()]
    play("lua", PRELUDE + "\n".join(lines), store, "copy.lua")


def write_back(store: llmspell.Store, scope: str) -> None:
    """Load every value of the scope and save what was loaded where it was."""
    text = """for _, key in ipairs(State.list_keys(SCOPE)) do State.save(SCOPE, key, State.load(SCOPE, key)) end"""
    play("lua", text.replace("SCOPE", literal(scope)), store, "back.lua")


def _tag(tag: dict[str, Any]) -> str:
    if tag["$"] == "fn":
        return FUNCTIONS[tag["name"]]
    if tag["$"] == "from":
        return f"given[{literal(tag['step'])}]" + (f".{tag['field']}" if "field" in tag else "")
    return ODD[tag["$"]]

"""How is a case said in JavaScript?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.bindings.playing import outcomes_of, play

if TYPE_CHECKING:
    from collections.abc import Sequence

    import llmspell
    from tests.bindings.comparing import Outcome
    from tests.bindings.reading import Step

MAX_SAFE_INTEGER = 2**53 - 1

PRELUDE = r"""
function show(value) {
  if (value === undefined) return '{"$":"nothing"}';
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0.0" : String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "[" + value.map(show).join(",") + "]";
  return "{" + Object.keys(value).map((name) => JSON.stringify(name) + ":" + show(value[name])).join(",") + "}";
}
const given = {};
function step(name, fn) {
  try {
    const got = fn();
    given[name] = got;
    console.log('{"gives":' + show(got) + "}");
  } catch (error) {
    const { name, message, stack, scope, key, expected, actual } = error;
    const fields = { scope, key, expected, actual };
    console.log(show({ fails: { error: name, says: message, where: stack, fields } }));
  }
}
function cycle() {
  const value = {};
  value.inner = value;
  return value;
}
function nested(levels, value) {
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}
"""

ODD = {
    "nothing": "undefined",
    "null": "State.null",
    "nan": "NaN",
    "infinity": "Infinity",
    "minus_infinity": "-Infinity",
    "function": "() => 1",
    "cycle": "cycle()",
    "bad_text": r'"a\ud800"',
    "hole": "[1, , 3]",
    "undefined_in_array": "[1, undefined]",
    "undefined_in_object": "({a: 1, b: undefined})",
    "symbol": "Symbol('x')",
    "date": "new Date(0)",
    "map": "new Map()",
    "set": "new Set()",
    "instance": "new (class Point { constructor() { this.x = 1 } })()",
    "typed_array": "new Uint8Array(2)",
    "bigint_beyond": "12345678901234567890n",
    "small_bigint": "5n",
    "too_deep": "nested(129, 1)",
    "two_levels_array": "State.array([State.array([])])",
}

FUNCTIONS = {
    "add_one": "(old) => old + 1",
    "give_it_back": "(old) => old",
    "give_nothing": "() => undefined",
    "give_function": "() => (() => 1)",
    "raise_boom": '() => { throw new Error("boom") }',
    "save_two": '() => { State.save("s", "a", 1); State.save("s", "b", 2); return "done" }',
    "save_two_then_raise": '() => { State.save("s", "a", 1); State.save("s", "b", 2); throw new Error("boom") }',
    "read_what_it_wrote": """() => {
        State.save("s", "a", 5);
        State.append("s", "list", "x");
        return [State.load("s", "a"), State.exists("s", "a"), State.list_keys("s"), State.increment("s", "a")];
    }""",
    "versions_inside": '() => [State.save("s", "a", 1), State.entry("s", "a").version]',
    "transaction_inside": """() =>
        State.transaction(() => { State.save("s", "inner", 1); return "inner" })""",
    "conflict_inside": '() => { State.save("s", "b", 2); State.save("s", "a", 1, { if_version: 99 }) }',
    "empty_scope_inside": '() => { State.save("s", "b", 2); State.save("", "a", 1) }',
    "wrong_call_caught": """() => {
        State.save("s", "b", 2);
        try { State.save("", "a", 1) } catch {}
        return "went on";
    }""",
    "conflict_caught": """() => {
        State.save("s", "b", 2);
        try { State.save("s", "a", 1, { if_version: 99 }) } catch {}
        return "went on";
    }""",
    "update_inside_then_raise": """() => {
        State.update("s", "n", (old) => old + 1);
        throw new Error(State.load("s", "n") === 2 ? "boom" : "the update is not there");
    }""",
    "async": "async () => 1",
    "delete_and_clear": '() => [State.delete("s", "a"), State.clear("t"), State.exists("s", "a")]',
    "backup_inside": "() => { State.create_backup() }",
    "migrate_inside": '() => { State.migrate("2.0.0") }',
    "restore_inside": "() => { State.restore(1) }",
}

ARGUMENTS_BEFORE_OPTIONS = {"load": 3}


def can_spell(value: Any) -> bool:
    """Tell whether JavaScript has words for it: a float without a fraction is the integer, unless it is too large."""
    if isinstance(value, list):
        return all(map(can_spell, value))
    if isinstance(value, dict):
        return all(map(can_spell, value.values()))
    is_whole = isinstance(value, float) and value.is_integer() and str(value) != "-0.0"
    return not is_whole or abs(value) > MAX_SAFE_INTEGER


def literal(value: Any) -> str:
    """Spell a value, or a tag."""
    if isinstance(value, dict):
        if "$" in value:
            return _tag(value)
        # In brackets: a plain "__proto__" would name the prototype.
        return "({" + ", ".join(f"[{literal(name)}]: {literal(part)}" for name, part in value.items()) + "})"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if type(value) is int and abs(value) > MAX_SAFE_INTEGER:
        return f"{value}n"
    return json.dumps(value)


def call(step: Step) -> str:
    """Spell a call."""
    arguments = [literal(argument) for argument in step.arguments]
    if step.options:
        arguments += ["undefined"] * (ARGUMENTS_BEFORE_OPTIONS.get(step.call, 0) - len(arguments))
        arguments.append(literal(step.options))
    return f"State.{step.call}({', '.join(arguments)})"


def outcomes(steps: Sequence[Step], store: llmspell.Store) -> list[Outcome]:
    """Take the steps in one script and give what came of each."""
    lines = [f"step({literal(step.name)}, () => {call(step)});" for step in steps]
    return outcomes_of(play("javascript", PRELUDE + "\n".join(lines), store, "case.js"))


def copy(values: dict[str, Any], store: llmspell.Store, scope: str) -> None:
    """Save each value in the scope, under its name."""
    lines = [f"State.save({literal(scope)}, {literal(name)}, {literal(value)});" for name, value in values.items()]
    play("javascript", "\n".join(lines), store, "copy.js")


def write_back(store: llmspell.Store, scope: str) -> None:
    """Load every value of the scope and save what was loaded where it was."""
    text = """for (const key of State.list_keys(SCOPE)) State.save(SCOPE, key, State.load(SCOPE, key));"""
    play("javascript", text.replace("SCOPE", literal(scope)), store, "back.js")


def _tag(tag: dict[str, Any]) -> str:
    if tag["$"] == "fn":
        return FUNCTIONS[tag["name"]]
    if tag["$"] == "from":
        return f"given[{literal(tag['step'])}]" + (f".{tag['field']}" if "field" in tag else "")
    return ODD[tag["$"]]

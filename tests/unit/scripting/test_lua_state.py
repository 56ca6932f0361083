"""`State` in Lua: every verb with its options, every failure, and transactions."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import llmspell
from llmspell.errors import Conflict, ScriptError
from llmspell.scripting.bindings import Bindings
from llmspell.scripting.run import Run
from tests.clock import Clock
from tests.unit.scripting.lua import Lua, in_process, start_process

START = 1_700_000_000.0
"""Where the clock of the tests stands."""


# The verbs ----------------------------------------------------------------------------------------------------


def test_save_gives_the_version(lua: Lua) -> None:
    assert lua("print(State.save('s', 'a', 1), State.save('s', 'b', 2), State.save('s', 'a', 3))") == "1\t2\t3\n"


def test_save_and_load_keep_scopes_and_keys_apart(lua: Lua) -> None:
    text = """
        State.save("a:b", "c", 1) State.save("a", "b:c", 2)
        print(State.load("a:b", "c"), State.load("a", "b:c"), State.load("a:b:c", "c"))
    """
    assert lua(text) == "1\t2\tnil\n"


def test_names_may_be_any_text(lua: Lua) -> None:
    text = """
        for _, name in ipairs {"../../etc", "a/b", "é😀", " ", "%s", "'; DROP TABLE x", "\\n", "_", "[1]", "."} do
          State.save(name, name, name)
          if State.load(name, name) ~= name or State.list_keys(name)[1] ~= name then print(name) end
        end
        State.clear(" ")
        print(#State.scopes())
    """
    assert lua(text) == "9\n"


def test_a_value_outlives_the_script(lua: Lua) -> None:
    lua("State.save('s', 'k', {a = {1, 2}})")
    assert lua("print(State.load('s', 'k').a[2])") == "2\n"


def test_load_gives_the_default_only_when_there_is_nothing(lua: Lua) -> None:
    text = """
        State.save("s", "no", false)
        print(State.load("s", "no", "default"), State.load("s", "none", "default"), State.load("s", "none"))
        local default = {}
        print(State.load("s", "none", default) == default, State.load("s", "none", false), State.load("s", "none", print) == print)
    """
    assert lua(text) == "false\tdefault\tnil\ntrue\tfalse\ttrue\n"


def test_load_gives_exactly_one_value(lua: Lua) -> None:
    text = """
        State.save("s", "k", 1)
        print(select("#", State.load("s", "k")), select("#", State.load("s", "none")), select("#", State.save("s", "k", 1)),
          select("#", State.exists("s", "k")), select("#", State.delete("s", "k")), select("#", State.entry("s", "k")),
          select("#", State.increment("s", "n")), select("#", State.update("s", "n", function(n) return n end)))
    """
    assert lua(text) == "1\t1\t1\t1\t1\t1\t1\t1\n"


def test_delete_tells_whether_it_was_there(lua: Lua) -> None:
    assert lua("State.save('s', 'k', 1) print(State.delete('s', 'k'), State.delete('s', 'k'))") == "true\tfalse\n"


def test_save_of_nil_deletes(lua: Lua) -> None:
    text = """
        State.save("s", "k", 1) State.save("s", "k", nil)
        State.save("s", "l", 1) State.save("s", "l")
        print(State.exists("s", "k"), State.exists("s", "l"), State.save("s", "never", nil) == State.save("s", "never", nil))
    """
    assert lua(text) == "false\tfalse\ttrue\n"


def test_list_keys_is_in_byte_order_and_takes_prefix_after_and_limit(lua: Lua) -> None:
    text = """
        for _, key in ipairs {"b", "a", "é", "ab", "B", "a:1", "a:2", "\\u{10000}", "\\u{FFFD}"} do State.save("s", key, 1) end
        local function show(opts) print(table.concat(State.list_keys("s", opts), " ")) end
        show() show({}) show {prefix = "a"} show {prefix = "a:"} show {after = "a"} show {limit = 2} show {limit = 0}
        show {prefix = "a", after = "a", limit = 2} show {prefix = "none"} show {after = "zzz", prefix = ""}
        print(#State.list_keys("none"))
    """
    assert lua(text).splitlines() == [
        *("B a a:1 a:2 ab b é \ufffd \U00010000",) * 2,
        *("a a:1 a:2 ab", "a:1 a:2", "a:1 a:2 ab b é \ufffd \U00010000", "B a", ""),
        *("a:1 a:2", "", "é \ufffd \U00010000", "0"),
    ]


def test_list_keys_of_a_large_scope(lua: Lua) -> None:
    assert lua.store is not None
    with lua.store.transaction() as state:
        for number in range(3000):
            state.save("s", f"{number:04}", number)
    assert lua("local keys = State.list_keys('s') print(#keys, keys[1], keys[3000])") == "3000\t0000\t2999\n"


def test_exists(lua: Lua) -> None:
    assert lua("State.save('s', 'k', false) print(State.exists('s', 'k'), State.exists('s', 'x'))") == "true\tfalse\n"


def test_entry_has_value_version_and_times(lua: Lua, clock: Clock) -> None:
    lua("State.save('s', 'k', {1}, {ttl = 60})")
    clock.advance(1.5)
    lua("State.save('s', 'k', {2}, {ttl = 60.25})")
    text = """
        local entry = State.entry("s", "k")
        print(entry.value[1], entry.version, entry.created_at, entry.updated_at, entry.expires_at)
        print(math.type(entry.version), math.type(entry.created_at), os.date("!%Y", math.floor(entry.created_at)))
        print(State.entry("s", "none"))
        State.save("s", "k", {3})
        print(State.entry("s", "k").expires_at)
    """
    assert lua(text).splitlines() == [
        f"2\t2\t{START}\t{START + 1.5}\t{START + 61.75}",
        "integer\tfloat\t2023",
        "nil",
        "nil",
    ]


def test_entry_of_a_value_that_is_false(lua: Lua) -> None:
    assert lua("State.save('s', 'k', false) print(State.entry('s', 'k').value)") == "false\n"


def test_scopes_in_byte_order_with_a_prefix(lua: Lua) -> None:
    text = """
        for _, scope in ipairs {"b", "agent:2", "agent:1", "agent"} do State.save(scope, "k", 1) end
        print(table.concat(State.scopes(), " ") .. "|" .. table.concat(State.scopes("agent:"), " "))
        State.delete("b", "k")
        print(table.concat(State.scopes(""), " "), #State.scopes("none"))
    """
    assert lua(text) == "agent agent:1 agent:2 b|agent:1 agent:2\nagent agent:1 agent:2\t0\n"


def test_clear_gives_how_many_there_were(lua: Lua) -> None:
    text = """
        State.save("s", "a", 1) State.save("s", "b", 2) State.save("t", "a", 3)
        print(State.clear("s"), State.clear("s"), State.load("t", "a"))
    """
    assert lua(text) == "2\t0\t3\n"


def test_increment(lua: Lua) -> None:
    text = """
        print(State.increment("s", "n"), State.increment("s", "n", 10), State.increment("s", "n", -1), State.increment("s", "n", 0))
        print(State.increment("s", "n", 0.5), State.increment("s", "n"), math.type(State.load("s", "n")))
        print(State.increment("s", "f", 1.0), State.increment("s", "n", nil))
        State.save("s", "edge", math.maxinteger - 1)
        print(State.increment("s", "edge") == math.maxinteger, pcall(State.increment, "s", "edge"))
        print(State.load("s", "edge") == math.maxinteger)
    """
    lines = lua(text).splitlines()
    assert lines[:3] == ["1\t11\t10\t10", "10.5\t11.5\tfloat", "1.0\t12.5"]
    assert lines[3].startswith("true\tfalse\tState.increment: ")
    assert "beyond 64 bits" in lines[3]
    assert lines[4] == "true"


@pytest.mark.parametrize("value", ["'1'", "{}", "true", "{1}"])
def test_increment_refuses_what_is_no_number(lua: Lua, value: str) -> None:
    error = lua.error(f"State.save('s', 'k', {value}) State.increment('s', 'k')")
    assert error.startswith('State.increment: scope "s", key "k" holds no number')


def test_append_gives_the_length_and_keeps_the_last(lua: Lua) -> None:
    text = """
        print(State.append("s", "a", "one"), State.append("s", "a", {2}), State.append("s", "a", State.null))
        local a = State.load("s", "a")
        print(#a, a[1], a[2][1], a[3])
        print(State.append("s", "a", 4, {keep = 2}), State.load("s", "a")[2], State.append("s", "a", 5, {keep = 100}))
        print(State.append("s", "a", false, {}), State.load("s", "a")[4])
    """
    assert lua(text).splitlines() == ["1\t2\t3", "3\tone\t2\tnull", "2\t4\t3", "4\tfalse"]


def test_append_keeps_what_the_array_holds(lua: Lua) -> None:
    value: list[object] = [1, 1.0, None, {"a": None, "b": []}, 2**63 - 1, "é"]
    assert lua.store is not None
    lua.store.save("s", "k", value)  # type: ignore[arg-type]
    lua("State.append('s', 'k', {x = State.null}) State.append('s', 'k', 2.0)")
    copy = lua.store.load("s", "k")
    assert repr(copy) == repr([*value, {"x": None}, 2.0])


def test_append_refuses_what_is_no_array(lua: Lua) -> None:
    error = lua.error("State.save('s', 'k', {a = 1}) State.append('s', 'k', 1)")
    assert error.startswith('State.append: scope "s", key "k" holds no array')


def test_append_refuses_nothing(lua: Lua) -> None:
    assert lua.error("State.append('s', 'k', nil)") == (
        "State.append: there is no item to append; State.null can be appended (at t.lua:1)"
    )


def test_update_saves_what_the_function_makes(lua: Lua) -> None:
    text = """
        print(State.update("s", "n", function(old) return (old or 0) + 1 end))
        print(State.update("s", "n", function(old) return old + 1 end, 100))
        print(State.update("s", "other", function(old) return old + 1 end, 100))
        local made = {list = {1}}
        print(State.update("s", "t", function() return made end) == made, State.load("s", "t").list[1])
        print(State.update("s", "flag", function(old) return not old end, true), State.load("s", "flag"))
    """
    assert lua(text).splitlines() == ["1", "2", "101", "true\t1", "false\tfalse"]


@pytest.mark.parametrize("nothing", ["nil", "State.null", ""])
def test_update_to_nothing_deletes(lua: Lua, nothing: str) -> None:
    text = f"State.save('s', 'k', 1) print(State.update('s', 'k', function() return {nothing} end), State.exists('s', 'k'))"
    assert lua(text) == "nil\tfalse\n"


def test_update_keeps_the_expiry_and_the_creation(lua: Lua, clock: Clock) -> None:
    lua("State.save('s', 'k', 1, {ttl = 60})")
    clock.advance(10)
    lua("State.update('s', 'k', function(old) return old + 1 end) State.increment('s', 'k')")
    assert lua("local e = State.entry('s', 'k') print(e.value, e.created_at, e.expires_at)") == (
        f"3\t{START}\t{START + 60}\n"
    )


def test_an_error_in_update_comes_through_and_changes_nothing(lua: Lua) -> None:
    text = """
        State.save("s", "k", 1)
        local problem = {}
        local ok, caught = pcall(State.update, "s", "k", function() error(problem) end)
        print(ok, caught == problem, State.load("s", "k"))
    """
    assert lua(text) == "false\ttrue\t1\n"


def test_ttl_ends_an_entry(lua: Lua, clock: Clock) -> None:
    lua("State.save('s', 'k', 1, {ttl = 0.5}) State.save('s', 'stays', 1)")
    assert lua("print(State.load('s', 'k'))") == "1\n"
    clock.advance(0.5)
    text = """
        print(State.load("s", "k"), State.exists("s", "k"), State.entry("s", "k"), #State.list_keys("s"), State.delete("s", "k"))
        print(State.increment("s", "k"), State.clear("s"))
    """
    assert lua(text) == "nil\tfalse\tnil\t1\tfalse\n1\t2\n"


def test_touch_changes_only_the_expiry(lua: Lua, clock: Clock) -> None:
    lua("State.save('s', 'k', {1}, {ttl = 60})")
    clock.advance(1)
    text = """
        print(State.touch("s", "k", 100), State.touch("s", "none", 100))
        local entry = State.entry("s", "k")
        print(entry.value[1], entry.updated_at, entry.expires_at)
        print(State.touch("s", "k"), State.entry("s", "k").expires_at, State.touch("s", "k", nil))
    """
    assert lua(text).splitlines() == ["true\tfalse", f"1\t{START}\t{START + 101}", "true\tnil\ttrue"]


def test_if_version_lets_a_save_happen_only_on_that_version(lua: Lua) -> None:
    text = """
        local version = State.save("s", "k", 1, {if_version = 0})
        print(State.save("s", "k", 2, {if_version = version}))
        print(pcall(State.save, "s", "k", 3, {if_version = version}))
        print(pcall(State.save, "s", "k", 3, {if_version = 0}))
        print(pcall(State.save, "s", "none", 3, {if_version = 7}))
        print(pcall(State.delete, "s", "k", {if_version = version}))
        print(State.load("s", "k"), State.exists("s", "none"), State.delete("s", "k", {if_version = version + 1}))
        print(State.save("s", "k", nil, {if_version = 0}))
    """
    conflict = 'false\tState.{}: Conflict: scope "s", key "{}": expected {}, found {} (at t.lua:{})'
    lines = lua(text).splitlines()
    assert lines[:6] == [
        "2",
        conflict.format("save", "k", "version 1", "version 2", 4),
        conflict.format("save", "k", "no entry (version 0)", "version 2", 5),
        conflict.format("save", "none", "version 7", "no entry (version 0)", 6),
        conflict.format("delete", "k", "version 1", "version 2", 7),
        "2\tfalse\ttrue",
    ]


def test_flush_gives_nothing(lua: Lua) -> None:
    assert lua("print(select('#', State.flush()))") == "0\n"


def test_an_option_may_be_left_nil(lua: Lua) -> None:
    text = "print(State.save('s', 'k', 1, {ttl = nil}), State.save('s', 'k', 1, nil), #State.list_keys('s', nil))"
    assert lua(text) == "1\t2\t1\n"


# What State is ------------------------------------------------------------------------------------------------


def test_state_has_exactly_the_names_of_the_contract(lua: Lua) -> None:
    text = "local t = {} for name in pairs(State) do t[#t + 1] = name end table.sort(t) print(table.concat(t, ' '))"
    assert lua(text).split() == sorted(Bindings.NAMES)


@pytest.mark.parametrize(
    "name",
    [
        *("migrate", "migration_status", "schema_versions", "create_backup", "list_backups", "restore_backup"),
        *("validate_backup", "cleanup_backups", "get_storage_usage", "set", "get", "list"),
    ],
)
def test_what_does_not_exist_is_nil(memory_lua: Lua, name: str) -> None:
    assert memory_lua(f"print(State.{name}, State.{name} ~= nil)") == "nil\tfalse\n"


def test_names_can_be_asked_for(memory_lua: Lua) -> None:
    assert memory_lua("print(State.save ~= nil, State.null ~= nil, type(State), type(State.load))") == (
        "true\ttrue\ttable\tfunction\n"
    )


def test_without_a_store_there_is_no_state(stateless_lua: Lua) -> None:
    assert stateless_lua("print(State, rawget(_G, 'State'))") == "nil\tnil\n"


# Failures -----------------------------------------------------------------------------------------------------

FAILURES = {
    "save without anything": ("State.save()", "the scope must be text, not nothing"),
    "save with a number as scope": (
        "State.save(1, 'k', 1)",
        "the scope must be text, not the number 1; use tostring()",
    ),
    "save with a table as key": ("State.save('s', {}, 1)", "the key must be text, not a table"),
    "save with a boolean as key": ("State.save('s', true, 1)", "the key must be text, not the boolean true"),
    "save with an empty scope": ("State.save('', 'k', 1)", "the scope is empty"),
    "save with an empty key": ("State.save('s', '', 1)", "the key is empty"),
    "save with a scope that is too long": ("State.save(('x'):rep(257), 'k', 1)", "takes 257 bytes; at most 256"),
    "save with a key that is too long": ("State.save('s', ('é'):rep(257), 1)", "takes 514 bytes; at most 512"),
    "save with NUL in the scope": ("State.save('a\\0b', 'k', 1)", "contains a NUL character"),
    "save with NUL in the key": ("State.save('s', '\\0', 1)", "contains a NUL character"),
    "save with bytes that are no text": ("State.save('s', '\\xff', 1)", "no valid UTF-8"),
    "save with an unknown option": (
        "State.save('s', 'k', 1, {tll = 1})",
        'there is no option "tll"; known: ttl, if_version',
    ),
    "save with a positional option": (
        "State.save('s', 'k', 1, {60})",
        "there is no option named by the number 1; known: ttl",
    ),
    "save with an option named by a table": (
        "State.save('s', 'k', 1, {[{}] = 1})",
        "there is no option named by a table",
    ),
    "save with options that are a number": (
        "State.save('s', 'k', 1, 60)",
        "the options must be a table, not the number 60",
    ),
    "save with a ttl of text": ("State.save('s', 'k', 1, {ttl = '60'})", "ttl must be a number, not a string"),
    "save with a ttl of zero": ("State.save('s', 'k', 1, {ttl = 0})", "ttl must be"),
    "save with a negative ttl": ("State.save('s', 'k', 1, {ttl = -1})", "ttl must be"),
    "save with a ttl that is no number": ("State.save('s', 'k', 1, {ttl = 0/0})", "ttl must be"),
    "save with a ttl beyond all bounds": ("State.save('s', 'k', 1, {ttl = 1e300})", "ttl must be"),
    "save with a broken if_version": ("State.save('s', 'k', 1, {if_version = 1.5})", "if_version must be"),
    "save with a negative if_version": ("State.save('s', 'k', 1, {if_version = -1})", "if_version must be"),
    "save with an if_version that is false": (
        "State.save('s', 'k', 1, {if_version = false})",
        "if_version must be a number, not the boolean false",
    ),
    "save of a function": ("State.save('s', 'k', print)", "the value cannot be stored: it is a function"),
    "save of a value that is too large": ("State.save('s', 'k', ('x'):rep(10000000))", "max_value_bytes"),
    "save called with a colon": (
        "State:save('s', 'k', 1)",
        "the scope must be text, not a table; write State.save(...), with",
    ),
    "load without anything": ("State.load()", "the scope must be text"),
    "load without a key": ("State.load('s')", "the key must be text, not nothing"),
    "load with an empty key": ("State.load('s', '')", "the key is empty"),
    "delete without a key": ("State.delete('s')", "the key must be text"),
    "delete with a wrong option": ("State.delete('s', 'k', {ttl = 1})", 'there is no option "ttl"; known: if_version'),
    "delete with a wrong if_version": ("State.delete('s', 'k', {if_version = 'x'})", "if_version must be a number"),
    "list_keys without a scope": ("State.list_keys()", "the scope must be text"),
    "list_keys with a wrong prefix": ("State.list_keys('s', {prefix = 1})", "the prefix must be text"),
    "list_keys with a wrong after": ("State.list_keys('s', {after = {}})", "the after must be text"),
    "list_keys with a wrong limit": ("State.list_keys('s', {limit = 1.5})", "limit must be"),
    "list_keys with a limit of text": ("State.list_keys('s', {limit = '1'})", "limit must be a number, not a string"),
    "list_keys with a negative limit": ("State.list_keys('s', {limit = -1})", "limit must be"),
    "list_keys with a prefix alone": ("State.list_keys('s', 'prefix')", "the options must be a table, not a string"),
    "list_keys with a prefix that is no text": ("State.list_keys('s', {prefix = '\\xff'})", "no valid UTF-8"),
    "exists without a key": ("State.exists('s')", "the key must be text"),
    "entry without a key": ("State.entry('s')", "the key must be text"),
    "scopes with a wrong prefix": ("State.scopes({})", "the prefix must be text, not a table"),
    "clear without a scope": ("State.clear()", "the scope must be text"),
    "increment by text": ("State.increment('s', 'k', '1')", "by must be a number, not a string"),
    "increment by no number": ("State.increment('s', 'k', 0/0)", "by must be"),
    "increment without a key": ("State.increment('s')", "the key must be text"),
    "append with a wrong keep": ("State.append('s', 'k', 1, {keep = 0})", "keep must be"),
    "append with a broken keep": ("State.append('s', 'k', 1, {keep = 1.5})", "keep must be"),
    "append with a keep of text": ("State.append('s', 'k', 1, {keep = '1'})", "keep must be a number, not a string"),
    "append of a function": ("State.append('s', 'k', {print})", "the value cannot be stored: [1] is a function"),
    "update without a function": ("State.update('s', 'k')", "a function is needed, not nothing"),
    "update with a value": ("State.update('s', 'k', 1)", "a function is needed, not the number 1"),
    "update to a function": (
        "State.update('s', 'k', function() return print end)",
        "cannot be stored: it is a function",
    ),
    "update with an empty key": ("State.update('s', '', function() end)", "the key is empty"),
    "transaction without a function": ("State.transaction()", "a function is needed, not nothing"),
    "transaction with a table": ("State.transaction({})", "a function is needed, not a table"),
    "touch with a wrong ttl": ("State.touch('s', 'k', 0)", "ttl must be"),
    "touch with a ttl of text": ("State.touch('s', 'k', '60')", "ttl must be a number, not a string"),
    "touch without a key": ("State.touch('s')", "the key must be text"),
    "array of text": ("State.array('x')", "a table is needed, not a string"),
}


@pytest.mark.parametrize(("call", "expected"), [pytest.param(*case, id=name) for name, case in FAILURES.items()])
def test_failure_is_one_sentence_with_call_and_line(memory_lua: Lua, call: str, expected: str) -> None:
    name = call[len("State.") : call.index("(")]
    error = memory_lua.error(f"\n\n  {call}")
    assert error.startswith(f"State.{name}: ")
    assert expected in error
    assert error.endswith(" (at t.lua:3)")
    assert "\n" not in error
    assert memory_lua.store is not None
    assert memory_lua.store.scopes() == []


@pytest.mark.parametrize(("call", "expected"), [pytest.param(*case, id=name) for name, case in FAILURES.items()])
def test_failure_can_be_caught_and_is_text(memory_lua: Lua, call: str, expected: str) -> None:
    output = memory_lua(f"local ok, problem = pcall(function() {call} end) print(ok, type(problem), problem)")
    assert output.startswith("false\tstring\tState.")
    assert expected in output


PLACES = {
    "the script": ("\nState.save(1)", "t.lua:2"),
    "a function": ("local function f()\n  State.save(1)\nend\nf()", "t.lua:2"),
    "a function that is the tail": ("local function f()\n  return State.save(1)\nend\nlocal x = f()", "t.lua:4"),
    "the tail of the script": ("return State.save(1)", "t.lua"),
    "a coroutine that is the function itself": ("\ncoroutine.wrap(State.save)(1)", "t.lua"),
    "a coroutine": ("local f = coroutine.wrap(function()\n  State.save(1)\nend)\nf()", "t.lua:2"),
    "a coroutine inside a coroutine": (
        "coroutine.wrap(function()\n  coroutine.wrap(function()\n    State.save(1)\n  end)()\nend)()",
        "t.lua:3",
    ),
    "a transaction": ("State.transaction(function()\n  State.save(1)\nend)", "t.lua:2"),
    "an update": ("State.update('s', 'k', function()\n  State.save(1)\nend)", "t.lua:2"),
    "a metamethod": (
        "local t = setmetatable({}, {__index = function()\n  State.save(1)\nend})\nlocal x = t.x",
        "t.lua:2",
    ),
    "a replacement": ("('x'):gsub('x', function()\n  State.save(1)\nend)", "t.lua:2"),
    "a pcall of the function itself": ("\nerror(select(2, pcall(State.save, 1)), 0)", "t.lua:2"),
    "a loaded text": ("load('\\n\\nState.save(1)', '=loaded')()", "loaded:3"),
    "a loaded text without a name": ("load('State.save(1)')()", '[string "State.save(1)"]:1'),
    "a module": ("require('module')", "MODULE:2"),
    "a function of a module": ("require('module.inner').call()", "INNER:3"),
}


@pytest.mark.parametrize(("text", "place"), [pytest.param(*case, id=name) for name, case in PLACES.items()])
def test_failure_names_the_line_in(memory_lua: Lua, text: str, place: str) -> None:
    memory_lua.module("module.lua", "\nState.save(1)")
    memory_lua.module("module/inner.lua", "return {call = function()\n\nState.save(1) end}")
    place = place.replace("MODULE", f"{memory_lua.folder}/module.lua").replace(
        "INNER", f"{memory_lua.folder}/module/inner.lua"
    )
    assert (
        memory_lua.error(text) == f"State.save: the scope must be text, not the number 1; use tostring() (at {place})"
    )


HINTS = {
    "set": "use State.save",
    "get": "use State.load",
    "list": "use State.list_keys",
    "keys": "use State.list_keys",
    "remove": "use State.delete",
    "has": "use State.exists",
    "sav": "use State.save",
    "list_key": "use State.list_keys",
    "transactions": "use State.transaction",
    "incr": "use State.increment",
}


@pytest.mark.parametrize(("name", "hint"), HINTS.items())
def test_calling_what_does_not_exist_adds_the_right_name(memory_lua: Lua, name: str, hint: str) -> None:
    assert memory_lua.error(f"\nState.{name}('s', 'k')") == (
        f"t.lua:2: attempt to call a nil value (field '{name}'); State.{name} does not exist, {hint}"
    )


def test_calling_what_resembles_nothing_lists_all_names(memory_lua: Lua) -> None:
    assert memory_lua.error("State.qqqqq()").endswith(f"State.qqqqq does not exist; known: {', '.join(Bindings.NAMES)}")


SETTINGS = {
    **dict.fromkeys(Bindings.MIGRATION_NAMES, "migration_enabled = true"),
    **dict.fromkeys(Bindings.BACKUP_NAMES, "backup_enabled = true"),
    **dict.fromkeys(Bindings.HISTORY_NAMES, "history_days = N"),
}


@pytest.mark.parametrize(("name", "setting"), SETTINGS.items())
def test_calling_a_function_that_is_not_enabled_says_what_enables_it(memory_lua: Lua, name: str, setting: str) -> None:
    error = memory_lua.error(f"State.{name}()")
    assert error.endswith(f"; State.{name} does not exist because the configuration does not say {setting}")


def test_the_right_name_is_added_in_modules_and_under_long_names(memory_lua: Lua) -> None:
    memory_lua.module("wrong.lua", "return function()\n  State.set('s', 'k', 1)\nend")
    assert memory_lua.error("require('wrong')()").endswith("State.set does not exist, use State.save")
    assert memory_lua.error("State.set()", name="a" * 100 + ".lua").endswith("State.set does not exist, use State.save")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\r"])
def test_the_right_name_is_added_whatever_ends_a_line(memory_lua: Lua, end: str) -> None:
    text = f"local a = '\\x0b\x0b'{end}-- \u2028 \x85{end}State.set(){end}"
    assert memory_lua.error(text).endswith("State.set does not exist, use State.save")


def test_no_name_is_added_for_something_else(memory_lua: Lua) -> None:
    assert memory_lua.error("local t = {}\nt.set()") == "t.lua:2: attempt to call a nil value (field 'set')"


def test_no_name_is_added_when_the_script_handles_it(memory_lua: Lua) -> None:
    assert memory_lua("print(pcall(function() State.set() end))") == (
        "false\tt.lua:1: attempt to call a nil value (field 'set')\n"
    )


@pytest.mark.parametrize("use", ["State.save('s', 'k', 1)", "local x = State.null"])
def test_using_state_that_is_switched_off_says_why(stateless_lua: Lua, use: str) -> None:
    assert stateless_lua.error(use) == (
        "t.lua:1: attempt to index a nil value (global 'State')"
        "; State does not exist because [state] enabled = false in the configuration"
    )


def test_a_closed_store_is_an_error_of_the_call(memory_lua: Lua) -> None:
    assert memory_lua.store is not None
    memory_lua.store.close()
    error = memory_lua.error("State.load('s', 'k')")
    assert error.startswith("State.load: ")
    assert error.endswith(" (at t.lua:1)")


def test_a_mistake_of_llmspell_itself_is_told_as_such(memory_lua: Lua, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("mistake é \udcff")

    monkeypatch.setattr(llmspell.Store, "stored", broken)
    assert memory_lua.error("State.load('s', 'k')") == (
        "State.load: internal error: ZeroDivisionError: mistake é \\udcff (at t.lua:1)"
    )


# Transactions -------------------------------------------------------------------------------------------------


def test_a_transaction_gives_what_the_function_returns(lua: Lua) -> None:
    text = """
        print(State.transaction(function() return 1, nil, "three", nil end))
        print(select("#", State.transaction(function() return 1, nil, "three", nil end)))
        print(select("#", State.transaction(function() end)), select("#", State.transaction(function() return nil end)))
        local made = {}
        print(State.transaction(function() return made end) == made)
    """
    assert lua(text) == "1\tnil\tthree\tnil\n4\n0\t1\ntrue\n"


def test_a_transaction_sees_its_own_writes_and_commits_them_together(lua: Lua) -> None:
    text = """
        State.save("s", "a", 1)
        State.transaction(function()
          State.save("s", "b", State.load("s", "a") + 1)
          State.delete("s", "a")
          State.append("s", "list", "x")
          print(State.load("s", "a"), State.load("s", "b"), State.increment("s", "b"), #State.load("s", "list"))
          print(table.concat(State.list_keys("s"), " "), table.concat(State.scopes(), " "), State.exists("s", "a"))
          print(State.save("s", "c", 1), State.entry("s", "c").version)
        end)
        print(table.concat(State.list_keys("s"), " "), State.entry("s", "b").version == State.entry("s", "c").version)
    """
    assert lua(text).splitlines() == ["nil\t2\t3\t1", "b list\ts\tfalse", "0\t0", "b c list\ttrue"]


def test_an_error_undoes_all_and_comes_back_as_it_was(lua: Lua) -> None:
    text = """
        local problem = setmetatable({code = 7}, {__tostring = function() return "mine" end})
        local ok, caught = pcall(State.transaction, function()
          State.save("s", "a", 1)
          State.clear("s")
          State.save("s", "b", 1)
          error(problem)
        end)
        print(ok, rawequal(caught, problem), caught.code, #State.list_keys("s"))
        for _, value in ipairs {"text", 42, 4.5, false, true} do
          local ok, caught = pcall(State.transaction, function() error(value, 0) end)
          io.write(tostring(ok), math.type(caught) or type(caught), tostring(caught), " ")
        end
        print(pcall(State.transaction, function() error() end))
        print(pcall(State.transaction, function() error("text") end))
        local thread = coroutine.create(print)
        print(select(2, pcall(State.transaction, function() error(thread) end)) == thread)
    """
    assert lua(text).splitlines() == [
        "false\ttrue\t7\t0",
        "falsestringtext falseinteger42 falsefloat4.5 falsebooleanfalse falsebooleantrue false\tnil",
        "false\tt.lua:15: text",
        "true",
    ]


def test_a_failing_state_call_inside_undoes_all(lua: Lua) -> None:
    text = "State.transaction(function()\n  State.save('s', 'a', 1)\n  State.save('s', '', 1)\nend)"
    assert lua.error(text).endswith("(at t.lua:3)")
    assert lua.store is not None
    assert lua.store.scopes() == []


def test_a_caught_failure_inside_undoes_nothing(lua: Lua) -> None:
    text = """
        State.transaction(function()
          State.save("s", "a", 1)
          print(pcall(State.save, "s", "a", 2, {if_version = 99}))
          pcall(State.save, "s", "", 1)
        end)
        print(State.load("s", "a"))
    """
    first, second = lua(text).splitlines()
    assert first.startswith("false\tState.save: Conflict: ")
    assert second == "1"


def test_a_transaction_inside_joins_the_outer_one(lua: Lua) -> None:
    text = """
        print(State.transaction(function()
          State.save("s", "outer", 1)
          local got = State.transaction(function()
            State.save("s", "inner", State.load("s", "outer") + 1)
            return State.update("s", "updated", function() return "u" end)
          end)
          return got, State.load("s", "inner")
        end))
        print(pcall(State.transaction, function()
          State.transaction(function() State.save("s", "lost", 1) end)
          error("undo", 0)
        end))
        State.transaction(function()
          print(pcall(State.transaction, function() State.save("s", "kept", 1) error("inner", 0) end))
        end)
        print(table.concat(State.list_keys("s"), " "))
    """
    assert lua(text).splitlines() == ["u\t2", "false\tundo", "false\tinner", "inner kept outer updated"]


def test_transactions_after_each_other(lua: Lua) -> None:
    text = """
        for i = 1, 50 do
          pcall(State.transaction, function() State.increment("s", "n") if i % 2 == 0 then error() end end)
        end
        print(State.load("s", "n"))
    """
    assert lua(text) == "25\n"


def test_a_yield_out_of_a_transaction_is_refused_and_undoes_it(lua: Lua) -> None:
    text = """
        local thread = coroutine.create(function()
          State.transaction(function() State.save("s", "k", 1) coroutine.yield() end)
        end)
        print(coroutine.resume(thread))
        print(coroutine.resume(coroutine.create(function() State.update("s", "k", coroutine.yield) end)))
        State.save("s", "after", 1)
        print(State.exists("s", "k"))
        print(pcall(State.transaction, coroutine.yield))
    """
    first, second, third, fourth = lua(text).splitlines()
    assert first == second == "false\tattempt to yield across a C-call boundary"
    assert third == "false"
    assert fourth == "false\tattempt to yield from outside a coroutine"


def test_coroutines_inside_a_transaction_belong_to_it(lua: Lua) -> None:
    text = """
        local outside = coroutine.wrap(function()
          while true do State.increment("s", "n") coroutine.yield() end
        end)
        outside()
        pcall(State.transaction, function()
          outside()
          local inside = coroutine.wrap(function() State.save("s", "k", 1) coroutine.yield(1) State.save("s", "l", 1) end)
          inside() inside()
          print(State.load("s", "n"), #State.list_keys("s"))
          error()
        end)
        print(State.load("s", "n"), #State.list_keys("s"))
        outside()
        print(State.load("s", "n"))
    """
    assert lua(text) == "2\t3\n1\t1\n2\n"


def test_a_transaction_runs_in_a_coroutine(lua: Lua) -> None:
    text = "print(coroutine.wrap(function() return State.transaction(function() return State.increment('s', 'n') end) end)())"
    assert lua(text) == "1\n"


@pytest.mark.parametrize("inner", ["os.exit(3)", "pcall(os.exit, 3)", "coroutine.wrap(os.exit)(3)"])
def test_exit_inside_a_transaction_undoes_it(lua: Lua, inner: str) -> None:
    lua(f"State.save('s', 'a', 1) State.transaction(function() State.save('s', 'a', 2) {inner} end)")
    assert lua.exit_code == 3
    assert lua.store is not None
    assert lua.store.load("s", "a") == 1
    lua.store.save("s", "a", 3)


def test_variables_are_closed_inside_the_transaction(lua: Lua) -> None:
    text = """
        State.transaction(function()
          local x <close> = setmetatable({}, {__close = function() State.save("s", "closed", 1) end})
          State.save("s", "a", 1)
        end)
        pcall(State.transaction, function()
          local x <close> = setmetatable({}, {__close = function() State.save("s", "undone", 1) end})
          error()
        end)
        print(table.concat(State.list_keys("s"), " "))
    """
    assert lua(text) == "a closed\n"


class SomebodyElse:
    """Another thread, which acts at the moment when a script writes to standard error."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self._action: Callable[[int], object] = lambda call: None

    def does(self, action: Callable[[int], object]) -> None:
        """Let `action` be what is done; it is given the number of the call, from 1."""
        self._action = action

    def act(self, run: Run, text: bytes) -> None:
        thread = threading.Thread(target=self._action, args=(len(self.threads) + 1,))
        self.threads.append(thread)
        thread.start()
        thread.join(0.05 if text == b"do not wait" else 60)


@pytest.fixture
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> SomebodyElse:
    somebody = SomebodyElse()
    monkeypatch.setattr(Run, "write_error", lambda run, text: somebody.act(run, text))
    return somebody


def test_a_transaction_runs_again_when_somebody_else_wrote(lua: Lua, somebody_else: SomebodyElse) -> None:
    store = lua.store
    assert store is not None
    somebody_else.does(lambda call: store.save("s", "a", call * 100))
    text = """
        State.save("s", "a", 1)
        local runs = 0
        print(State.transaction(function()
          runs = runs + 1
          local a = State.load("s", "a")
          if runs < 3 then io.stderr:write("now") end
          State.save("s", "sum", a + 1)
          return runs, a
        end))
        print(State.load("s", "sum"), State.load("s", "a"))
    """
    assert lua(text) == "3\t200\n201\t200\n"


def test_a_transaction_is_overtaken_by_another_store_too(
    disk_lua: Lua, folder: str, somebody_else: SomebodyElse
) -> None:
    with llmspell.open(folder) as other:
        somebody_else.does(lambda call: other.save("s", "a", call * 100))
        text = """
            local runs = 0
            State.transaction(function()
              runs = runs + 1
              local a = State.load("s", "a", 0)
              if runs == 1 then io.stderr:write("now") end
              State.save("s", "sum", a + 1)
            end)
            print(runs, State.load("s", "sum"))
        """
        assert disk_lua(text) == "2\t101\n"


def test_an_error_after_being_overtaken_is_tried_again(lua: Lua, somebody_else: SomebodyElse) -> None:
    """The code may have seen what no other order of things would have shown it."""
    store = lua.store
    assert store is not None
    somebody_else.does(lambda call: store.save("s", "a", 1))
    text = """
        local runs = 0
        print(State.transaction(function()
          runs = runs + 1
          local before = State.load("s", "a")
          if runs == 1 then io.stderr:write("now") end
          State.list_keys("s")
          return runs
        end))
    """
    assert lua(text) == "2\n"


def test_a_caught_error_of_being_overtaken_is_tried_again(lua: Lua, somebody_else: SomebodyElse) -> None:
    store = lua.store
    assert store is not None
    somebody_else.does(lambda call: store.save("s", "a", 1))
    text = """
        local runs = 0
        print(State.transaction(function()
          runs = runs + 1
          State.load("s", "a")
          if runs == 1 then io.stderr:write("now") end
          pcall(State.load, "s", "b")
          State.save("s", "c", runs)
          return runs
        end))
        print(State.load("s", "c"))
    """
    assert lua(text) == "2\n2\n"


def test_an_update_runs_again_when_somebody_else_wrote(lua: Lua, somebody_else: SomebodyElse) -> None:
    store = lua.store
    assert store is not None
    somebody_else.does(lambda call: store.increment("s", "n", 100))
    text = """
        local runs = 0
        print(State.update("s", "n", function(old)
          runs = runs + 1
          if runs == 1 then io.stderr:write("now") end
          return (old or 0) + 1
        end), runs)
    """
    assert lua(text) == "101\t2\n"


def test_a_transaction_cannot_starve(lua: Lua, somebody_else: SomebodyElse) -> None:
    """Somebody writes during every run; from the fifth on he has to wait."""
    store = lua.store
    assert store is not None
    somebody_else.does(lambda call: store.save("s", "a", call))
    text = """
        local runs = 0
        print(State.transaction(function()
          runs = runs + 1
          local a = State.load("s", "a", 0)
          io.stderr:write(runs == 5 and "do not wait" or "now")
          State.save("s", "seen", a)
          return runs, a, State.load("s", "a", 0)
        end))
    """
    assert lua(text) == "5\t4\t4\n"
    for thread in somebody_else.threads:
        thread.join()
    assert (store.load("s", "seen"), store.load("s", "a")) == (4, 5)


def test_reads_inside_a_transaction_belong_together(lua: Lua, somebody_else: SomebodyElse) -> None:
    store = lua.store
    assert store is not None

    def write_both(call: int) -> None:
        with store.transaction() as state:
            state.save("s", "a", call)
            state.save("s", "b", call)

    write_both(0)
    somebody_else.does(write_both)
    text = """
        local runs, torn = 0, 0
        State.transaction(function()
          runs = runs + 1
          local a = State.load("s", "a")
          if runs < 4 then io.stderr:write("now") end
          local b = State.load("s", "b")
          if a ~= b then torn = torn + 1 end
        end)
        print(runs, torn)
    """
    assert lua(text) == "4\t0\n"


def test_a_conflict_of_if_version_is_not_tried_again(lua: Lua) -> None:
    text = """
        local runs = 0
        print(pcall(State.transaction, function() runs = runs + 1 State.save("s", "k", 1, {if_version = 9}) end))
        print(runs)
    """
    first, second = lua(text).splitlines()
    assert first.startswith("false\tState.save: Conflict: ")
    assert second == "1"


def test_processes_and_threads_together_lose_no_increment(tmp_path: Path) -> None:
    text = """
        for i = 1, 100 do
          State.increment("s", "n")
          State.update("s", "u", function(old) return (old or 0) + 1 end)
          State.transaction(function() State.save("s", "t", State.load("s", "t", 0) + 1) end)
        end
    """
    folder = str(tmp_path / "state")
    places = [tmp_path / str(number) for number in range(3)]
    for place in places:
        place.mkdir()
    processes = [start_process(text, place, store=folder) for place in places]
    for process in processes:
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (0, b"")
    with llmspell.open(folder) as store:
        assert [store.load("s", key) for key in ("n", "u", "t")] == [300, 300, 300]


def test_what_a_process_saved_is_there_for_the_next(tmp_path: Path) -> None:
    folder = str(tmp_path / "state")
    assert in_process("print(State.save('s', 'k', {1}))", tmp_path, store=folder) == (0, "1\n", "")
    assert in_process("print(State.load('s', 'k')[1])", tmp_path, store=folder) == (0, "1\n", "")


def test_a_transaction_of_python_around_a_script_is_not_joined_by_it(disk_lua: Lua) -> None:
    """A script runs in a thread of its own, and a transaction belongs to a thread."""
    store = disk_lua.store
    assert store is not None
    with store.transaction() as state:
        state.save("s", "python", 1)
        assert disk_lua("print(State.exists('s', 'python')) State.save('s', 'lua', 1)") == "false\n"
    assert store.list_keys("s") == ["lua", "python"]


def test_a_version_that_python_expects_is_moved_by_lua(lua: Lua) -> None:
    assert lua.store is not None
    version = lua.store.save("s", "k", 1)
    lua("State.save('s', 'k', 2)")
    with pytest.raises(Conflict):
        lua.store.save("s", "k", 3, if_version=version)


def test_uncaught_error_of_a_transaction_names_the_line(lua: Lua) -> None:
    with pytest.raises(ScriptError, match=r"^t.lua:2: boom$"):
        lua("State.transaction(function()\nerror('boom')\nend)")

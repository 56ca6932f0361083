"""`State.history` and its neighbours in Lua, and `State.load` at a point: what they give and what they raise."""

from collections.abc import Iterator
from typing import Any

import pytest

import llmspell
from llmspell.scripting.bindings import Bindings
from tests.clock import Clock
from tests.unit.scripting.lua import Lua


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, folder: str, clock: Clock) -> Iterator[llmspell.Store]:
    options: dict[str, Any] = {"backend": request.param, "durability": "normal", "clock": clock}
    with llmspell.open(folder, **options, history_days=30) as store:
        yield store


def test_they_are_there_only_where_there_is_history(lua: Lua) -> None:
    text = " ".join(f"print(type(State.{name}))" for name in Bindings.HISTORY_NAMES)
    assert lua(text) == 4 * "function\n"
    with llmspell.open(backend="memory") as lua.store:
        assert lua(text) == 4 * "nil\n"


def test_a_value_is_loaded_as_it_was(lua: Lua) -> None:
    text = """
        local first = State.save("app", "list", { 1, State.null, { deep = "x" } })
        State.save("app", "list", "other")
        local list = State.load("app", "list", { at = first })
        print(#list, list[2] == State.null, list[3].deep, State.load("app", "list"))
        print(State.load("app", "list", "default", { at = first - 1 }), State.load("app", "list", { at = first - 1 }))
        print(State.load("app", "list", nil, { at = { version = first } })[1], State.load("app", "none", 5, {}))
    """
    assert lua(text) == "3\ttrue\tx\tother\ndefault\tnil\n1\t5\n"


def test_times_of_the_clock_are_points(lua: Lua, clock: Clock) -> None:
    lua("State.save('app', 'k', 'old')")
    then = clock.now
    clock.advance(3_600)
    lua("State.save('app', 'k', 'new')")
    for point in (f"{then:.0f}", then + 0.5, f"{{ time = {then} }}", '"2023-11-14T22:30:00Z"'):
        assert lua(f"print(State.load('app', 'k', {{ at = {point} }}))") == "old\n"
    assert lua(f"print(State.load('app', 'k', {{ at = {clock.now} }}))") == "new\n"
    assert lua("print(State.load('app', 'k', { at = State.history('app', 'k')[2].at }))") == "old\n"


def test_a_default_that_is_a_table_stays_one(lua: Lua) -> None:
    text = """
        local default = { at = 1, other = 2 }
        print(State.load("app", "none", default) == default, State.load("app", "none", {}) ~= nil)
        local point = { at = 1 }
        print(State.load("app", "none", point, {}) == point)
    """
    lua("State.save('app', 'k', 1)")
    assert lua(text) == "true\ttrue\ntrue\n"
    with llmspell.open(backend="memory") as lua.store:
        assert lua("local point = { at = 1 } print(State.load('app', 'none', point) == point)") == "true\n"
        assert "history_days = N" in lua.error("State.load('app', 'none', nil, { at = 1 })")


def test_a_history_is_an_array_of_versions(lua: Lua, store: llmspell.Store) -> None:
    text = """
        State.save("app", "k", { 1 }, { ttl = 60 })
        State.delete("app", "k")
        local deleted, saved = table.unpack(State.history("app", "k"))
        print(deleted.version, deleted.deleted, deleted.value, saved.version, saved.deleted, saved.value[1])
        print(saved.at == saved.updated_at, saved.created_at == saved.updated_at, saved.expires_at - saved.at)
        print(#State.history("app", "k", { limit = 1 }), #State.history("app", "none"))
    """
    assert lua(text) == "2\ttrue\tnil\t1\tfalse\t1\ntrue\ttrue\t60.0\n1\t0\n"
    lua("State.save('app', 'h', State.history('app', 'none'))")
    assert store.stored("app", "h").value == b"[]"  # type: ignore[union-attr]


def test_a_difference_is_an_array_of_changes(lua: Lua) -> None:
    text = """
        local first = State.save("app", "changed", 1)
        local second = State.save("app", "removed", 1)
        State.save("app", "changed", 2) State.delete("app", "removed") State.save("app", "added", true)
        for _, one in ipairs(State.diff("app", second)) do print(one.key, one.change, one.before, one.after) end
        print(#State.diff("app", first, second), #State.diff("app", { version = first }, { version = first }))
    """
    assert lua(text) == "added\tadded\tnil\ttrue\nchanged\tchanged\t1\t2\nremoved\tremoved\t1\tnil\n1\t0\n"


def test_the_points_that_can_be_named(lua: Lua, clock: Clock) -> None:
    text = """
        State.save("app", "k", 1)
        local points = State.restore_points()
        print(points.latest_version, points.history_days, points.latest_time == points.earliest_time)
        print(points.versions == points.latest_version - points.earliest_version + 1)
    """
    assert lua(text) == "1\t30\ttrue\ntrue\n"


def test_a_store_goes_back_to_a_point_and_forth_again(lua: Lua, store: llmspell.Store) -> None:
    text = """
        State.save("app", "k", "old")
        local before = State.save("app", "other", 1)
        State.save("app", "k", "new") State.delete("app", "other") local after = State.save("app", "later", 1)
        local tried = State.restore(before, { dry_run = true })
        print(tried.dry_run, tried.changes_total, tried.changes[3].change, tried.changes[3].key, State.load("app", "k"))
        local done = State.restore(before)
        print(done.success, done.backup_id, done.entries_restored, done.version > after, State.load("app", "k"))
        print(State.exists("app", "other"), State.exists("app", "later"))
        print(State.restore(after, { scopes = { "app" } }).success, State.load("app", "k"), State.exists("app", "other"))
        print(State.restore(before, { scopes = "app", into = "aside" }).entries_restored, State.load("aside", "k"))
    """
    assert lua(text) == ("true\t3\tadded\tother\tnew\ntrue\tnil\t2\ttrue\told\ntrue\tfalse\ntrue\tnew\tfalse\n2\told\n")


def test_a_point_that_is_not_known_is_told_by_restore(lua: Lua, store: llmspell.Store) -> None:
    store.save("app", "k", 1)
    assert lua("local r = State.restore(99) print(r.success, r.error)").startswith("false\tversion 99 is not known")


WRONG = {
    "State.load('a', 'b', { at = 99 })": "State.load: version 99 is not known to the history",
    "State.load('a', 'b', { at = true })": "State.load: True says no point in time",
    "State.load('a', 'b', nil, { att = 1 })": 'State.load: there is no option "att"; known: at',
    "State.load('a', 'b', { at = { print } })": "State.load: the point cannot be used: [1] is a function",
    "State.load('a', 'b', nil, 1)": "State.load: the options must be a table, not the number 1",
    "State.history('a')": "State.history: the key must be text, not nothing",
    "State.history('a', 'b', 5)": "State.history: the options must be a table, not the number 5",
    "State.history('a', 'b', { limit = -1 })": "State.history: limit must be a whole number from 0 up",
    "State.diff('a')": "State.diff: the first point must be a version, a time or text such as",
    "State.diff('a', 1, false)": "State.diff: the second point must be a version, a time or text such as",
    "State.diff('a', 'soon')": "State.diff: 'soon' is no moment",
    "State.diff('a', { print })": "State.diff: the point cannot be used: [1] is a function",
    "State.restore()": "State.restore: the point to restore must be a version",
    "State:restore()": "not a table; write State.restore(...), with a dot",
    "State.restore('soon')": "State.restore: 'soon' is no moment",
    "State.restore(1, { scope = 'a' })": 'State.restore: there is no option "scope"; did you mean "scopes"?',
}


@pytest.mark.parametrize(("call", "words"), WRONG.items())
def test_wrong_arguments_raise_with_file_and_line(lua: Lua, store: llmspell.Store, call: str, words: str) -> None:
    store.save("a", "b", 1)
    error = lua.error(f"\n\n{call}")
    assert words in error
    assert error.endswith("(at t.lua:3)")
    assert store.version() == 1


def test_inside_a_transaction_the_past_is_what_was_committed(lua: Lua) -> None:
    text = """
        local first = State.save("app", "k", "old")
        State.transaction(function()
          State.save("app", "k", "new")
          print(State.load("app", "k"), State.load("app", "k", { at = first }), #State.history("app", "k"))
          print(pcall(State.restore, first))
        end)
    """
    first, second = lua(text).splitlines()
    assert first == "new\told\t1"
    assert second.startswith("false\tState.restore: ")
    assert "inside a transaction" in second

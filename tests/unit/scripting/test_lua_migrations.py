"""`State.migrate` and its neighbours in Lua: what they give, what they raise, and what a stopped script leaves."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.errors import LimitExceeded
from llmspell.migrations.passage import PAGE
from llmspell.migrations.results import Event
from tests.clock import Clock
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, THIRD, Home
from tests.unit.scripting.lua import Lua

SHOW = r"""
local function show(value)
  if type(value) == "string" then return '"' .. value:gsub('[\\"]', '\\%0') .. '"' end
  if type(value) ~= "table" then return tostring(value) end
  local parts, names = {}, {}
  if #value > 0 then
    for i, part in ipairs(value) do parts[i] = show(part) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = '"' .. name .. '":' .. show(value[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end
"""
DONE = {"success", "status", "from_version", "to_version", "items_migrated", "duration_ms", "warnings"}
CURRENT = {*DONE - {"warnings"}, "current_version", "target_version"}
FAILED = {"success", "status", "error", "from_version", "target_version", "errors"}


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    files = tmp_path / "files"
    files.mkdir()
    with llmspell.open(backend="memory", clock=clock, migrations_path=files) as store:
        home = Home(files, store, clock)
        home.step(RENAME)
        home.step({"type": "wrap", "field": "full_name"}, to=THIRD, start=SECOND)
        yield home


@pytest.fixture
def lua(home: Home, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Lua:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    return Lua(home.store, capsysbinary, scripts)


def shown(lua: Lua, expression: str) -> Any:
    """Give a table of Lua as Python sees it; an array without elements comes as an object."""
    return json.loads(lua(f"{SHOW} print(show({expression}))"))


# Whether they are there


def test_they_are_there_only_where_migrations_are_enabled(lua: Lua, memory_lua_without: Lua) -> None:
    text = "print(type(State.migrate), type(State.migration_status), type(State.schema_versions))"
    assert lua(text) == "function\tfunction\tfunction\n"
    assert memory_lua_without(text) == "nil\tnil\tnil\n"


@pytest.mark.parametrize("name", ["migrate", "migration_status", "schema_versions"])
def test_calling_one_that_is_not_there_says_what_enables_it(memory_lua_without: Lua, name: str) -> None:
    error = memory_lua_without.error(f"\nState.{name}('2.0.0')")
    assert error.startswith(f"t.lua:2: attempt to call a nil value (field '{name}')")
    assert error.endswith(
        f"; State.{name} does not exist because the configuration does not say migration_enabled = true"
    )


@pytest.fixture
def memory_lua_without(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lua]:
    with llmspell.open(backend="memory") as store:
        yield Lua(store, capsysbinary, tmp_path_factory.mktemp("scripts"))


# What they give


def test_a_migration_that_was_made_has_exactly_the_fields_of_the_contract(lua: Lua, home: Home) -> None:
    home.save("a", "b")
    result = shown(lua, "State.migrate('3.0.0')")
    assert set(result) == DONE
    assert result.pop("duration_ms") > 0
    assert result == {
        "success": True,
        "status": "completed",
        "from_version": FIRST,
        "to_version": THIRD,
        "items_migrated": 2,
        "warnings": {},
    }
    assert home.values() == {"a": {"full_name": ["a"]}, "b": {"full_name": ["b"]}}


def test_a_store_that_is_there_already_says_so(lua: Lua, home: Home) -> None:
    home.save("a")
    lua("State.migrate('2.0.0')")
    result = shown(lua, "State.migrate('2.0.0')")
    assert set(result) == CURRENT
    assert result.pop("duration_ms") >= 0
    assert result == {
        "success": True,
        "status": "already_current",
        "from_version": SECOND,
        "to_version": SECOND,
        "current_version": SECOND,
        "target_version": SECOND,
        "items_migrated": 0,
    }


def test_a_migration_that_fails_is_told_not_raised_and_changes_nothing(lua: Lua, home: Home) -> None:
    home.save("a", "c")
    home.save("b", "d", mail="x")
    before = home.full()
    result = shown(lua, "State.migrate('3.0.0')")
    assert set(result) == FAILED
    assert (result["success"], result["status"]) == (False, "failed")
    assert (result["from_version"], result["target_version"]) == (FIRST, THIRD)
    assert result["error"].startswith("scope ")
    assert len(result["errors"]) == 2
    assert home.full() == before


def test_a_target_without_a_path_and_files_that_cannot_be_used_are_told_too(lua: Lua, home: Home) -> None:
    home.save("a")
    text = "local r = State.migrate('9.0.0') print(r.success, r.status, r.error, #r.errors)"
    assert lua(text).startswith("false\tfailed\tno migration path from 1.0.0 to 9.0.0; known versions: ")
    (home.folder / "4.0.0_bad.json").write_text("{")
    assert "4.0.0_bad.json" in lua(text)


def test_a_dry_run_tells_what_would_be_and_changes_nothing(lua: Lua, home: Home) -> None:
    home.save("a")
    before = home.full()
    result = shown(lua, "State.migrate('2.0.0', { dry_run = true })")
    assert set(result) == {*DONE, "dry_run", "samples"}
    assert result["dry_run"] is True
    assert result["samples"] == [
        {"scope": "users", "key": "a", "patch": [{"from": "/name", "op": "move", "path": "/full_name"}]}
    ]
    assert home.full() == before


def test_quarantine_is_an_option_and_a_warning(lua: Lua, home: Home) -> None:
    home.save("a")
    home.save("b", mail="x")
    result = shown(lua, "State.migrate('2.0.0', { on_error = 'quarantine' })")
    assert (result["success"], result["items_migrated"]) == (True, 1)
    assert result["warnings"] == ["1 entry was put into quarantine; see `llmspell migrate quarantine`"]


def test_the_status_has_exactly_the_fields_of_the_contract(lua: Lua, home: Home) -> None:
    home.save("a")
    assert shown(lua, "State.migration_status()") == {
        "current_version": FIRST,
        "latest_version": THIRD,
        "is_latest": False,
        "migration_available": True,
        "migration_targets": [SECOND, THIRD],
        "total_schemas": 3,
    }


def test_the_status_without_any_migration_is_an_error_in_a_field(lua: Lua, home: Home) -> None:
    for file in home.folder.iterdir():
        file.unlink()
    status = shown(lua, "State.migration_status()")
    assert (status["migration_available"], status["total_schemas"]) == (False, 0)
    assert "there are no migrations in" in status["error"]
    assert "latest_version" not in status


def test_versions_come_in_their_order(lua: Lua) -> None:
    assert lua("print(table.concat(State.schema_versions(), ' '))") == "1.0.0 2.0.0 3.0.0\n"


@pytest.mark.parametrize(
    "expression",
    [
        "State.migrate('1.0.0', { dry_run = true }).warnings or State.migrate('2.0.0').warnings",
        "State.migrate('2.0.0', { dry_run = true }).samples",
    ],
)
def test_an_array_without_elements_is_saved_as_one(lua: Lua, home: Home, expression: str) -> None:
    home.store.save("other", "x", 1)
    home.store.delete("other", "x")
    lua(f"State.save('results', 'k', {expression})")
    assert home.store.stored("results", "k").value == b"[]"  # type: ignore[union-attr]


def test_no_versions_are_an_array_too(lua: Lua, home: Home) -> None:
    for file in home.folder.iterdir():
        file.unlink()
    lua(
        "State.save('r', 'v', State.schema_versions()) State.save('r', 't', State.migration_status().migration_targets)"
    )
    assert [home.store.stored("r", key).value for key in "vt"] == [b"[]", b"[]"]  # type: ignore[union-attr]


# What they raise


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("State.migrate()", "the target must be text, not nothing"),
        ("State.migrate(2)", "the target must be text, not the number 2; use tostring()"),
        ("State.migrate('two')", "'two' is no semantic version"),
        ("State.migrate('2.0.0', 'dry_run')", "the options must be a table, not a string"),
        ("State.migrate('2.0.0', { dry = true })", 'there is no option "dry"; known: dry_run, on_error'),
        ("State.migrate('2.0.0', { dry_run = 'yes' })", "dry_run must be true or false, not a string"),
        ("State.migrate('2.0.0', { on_error = 'skip' })", 'on_error must be "fail" or "quarantine", not \'skip\''),
        ("State:migrate('2.0.0')", "write State.migrate(...), with a dot"),
    ],
)
def test_wrong_arguments_raise_with_file_and_line(lua: Lua, home: Home, call: str, words: str) -> None:
    home.save("a")
    error = lua.error(f"\n\n{call}")
    assert error.startswith("State.migrate: ")
    assert words in error
    assert error.endswith("(at t.lua:3)")
    assert home.store.schema_version() == FIRST


def test_no_transaction_may_be_open(lua: Lua, home: Home) -> None:
    home.save("a")
    error = lua.error("State.transaction(function()\nState.save('s', 'k', 1)\nState.migrate('2.0.0')\nend)")
    assert error.startswith("State.migrate: migrate cannot run inside a transaction")
    assert "t.lua:3" in error
    assert home.store.list_keys("s") == []
    assert home.store.schema_version() == FIRST


# Together with the rest of a script


def test_a_script_goes_on_in_the_new_shape_and_back(lua: Lua, home: Home) -> None:
    home.save("a")
    text = """
        assert(State.migrate("2.0.0").success)
        local user = State.load("users", "a")
        user.full_name = "Ada"
        State.save("users", "a", user)
        assert(State.migrate("1.0.0").success)
        print(State.load("users", "a").name)
    """
    assert lua(text) == "Ada\n"


def test_a_script_that_runs_out_of_time_in_a_migration_leaves_all_as_it_was(lua: Lua, home: Home) -> None:
    with home.store.transaction() as state:
        for number in range(2 * PAGE):
            state.save("users", f"{number:05d}", {"name": ""})
    before = home.full()
    heard: list[str] = []

    def take_time(event: Event) -> None:
        heard.append(event.name)
        if heard == ["migration.started", "migration.progress"]:
            time.sleep(0.6)

    home.migrations.listen(take_time)
    with pytest.raises(LimitExceeded, match=r"stopped: it ran longer than 0\.3 s"):
        lua("State.migrate('3.0.0') State.save('users', 'after', 1)", timeout_seconds=0.3)
    assert heard == ["migration.started", "migration.progress", "migration.failed"]
    assert home.full() == before
    assert home.up().items_migrated == 2 * PAGE


def test_functions_in_lua_files_work_for_scripts(lua: Lua, home: Home) -> None:
    (home.folder / "4.0.0_lua.lua").write_text(
        'return { from_version = "3.0.0", to_version = "4.0.0",\n'
        "  up = function(doc) return { names = doc.full_name } end,\n"
        "  down = function(doc) return { full_name = doc.names } end }\n"
    )
    home.save("a")
    text = """
        local up = State.migrate("4.0.0")
        print(up.status, State.load("users", "a").names[1])
        print(State.migrate("1.0.0").status, State.load("users", "a").name)
    """
    assert lua(text) == "completed\ta\ncompleted\ta\n"

"""`State.create_backup` and its neighbours in Lua: what they give, what they raise, what a stopped script leaves."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmspell
from llmspell.errors import LimitExceeded
from llmspell.scripting.bindings import Bindings
from tests.clock import Clock
from tests.unit.scripting.lua import Lua

NO_SUCH = "20261122T190000Z-full-k3vq7a"
CREATED = {"success", "backup_id", "size_bytes", "entry_count", "incremental", "is_incremental", "created_at"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, folder: str, place: Path, clock: Clock) -> Iterator[llmspell.Store]:
    options: dict[str, Any] = {"backend": request.param, "durability": "normal", "clock": clock}
    with llmspell.open(folder, **options, backup_path=place) as store:
        yield store


def fields(lua: Lua, expression: str) -> dict[str, str]:
    """Give the names of the fields of a table with the type of each."""
    text = f"for name, value in pairs({expression}) do print(name, math.type(value) or type(value)) end"
    return dict(line.split("\t") for line in lua(text).splitlines())


# Whether they are there


def test_they_are_there_only_where_backups_are_enabled(lua: Lua) -> None:
    text = " ".join(f"print(type(State.{name}))" for name in Bindings.BACKUP_NAMES)
    assert lua(text) == 6 * "function\n"
    with llmspell.open(backend="memory") as lua.store:
        assert lua(text) == 6 * "nil\n"


# What they give


def test_a_backup_has_exactly_the_fields_of_the_contract(lua: Lua, store: llmspell.Store) -> None:
    store.save("s", "k", 1)
    assert set(fields(lua, "State.create_backup()")) == {*CREATED, "duration_ms"}
    found = fields(lua, "State.create_backup(true)")
    assert set(found) == {*CREATED, "duration_ms", "parent_id"}
    assert (found["created_at"], found["size_bytes"], found["duration_ms"]) == ("integer", "integer", "float")


def test_what_an_incremental_backup_stands_on(lua: Lua, store: llmspell.Store) -> None:
    store.save("s", "k", 1)
    text = """
        local alone = State.create_backup(true)
        print(alone.incremental, alone.parent_id, #alone.warnings)
        local next = State.create_backup({ incremental = true })
        print(next.incremental, next.is_incremental, next.parent_id == alone.backup_id, next.warnings, next.entry_count)
        print(State.create_backup(false).is_incremental, State.create_backup(nil).incremental)
    """
    assert lua(text) == "false\tnil\t1\ntrue\ttrue\ttrue\tnil\t0\nfalse\tfalse\n"


def test_all_options_of_a_backup_arrive(lua: Lua, store: llmspell.Store) -> None:
    for scope in ("users", "cache", "other"):
        store.save(scope, "k", 1)
    lua('State.create_backup({ description = "mine", scopes = { "users", "c*" }, exclude = "cache", hold = true })')
    (listed,) = store.backups.list_backups()
    assert (listed.description, listed.held, listed.entry_count) == ("mine", "held", 1)


def test_the_list_has_the_newest_first_and_times_for_os_date(lua: Lua, store: llmspell.Store) -> None:
    store.save("s", "k", 1)
    text = """
        local first = State.create_backup({ description = "one" }).backup_id
        State.create_backup(true)
        local list = State.list_backups()
        print(#list, list[1].parent_id == first, list[2].id == first, list[2].description, list[2].schema_version)
        print(os.date("!%Y-%m-%d", list[2].created_at), os.date("!%H:%M", list[2].verified_at))
    """
    assert lua(text) == "2\ttrue\ttrue\tone\t1.0.0\n2023-11-14\t22:13\n"


def test_no_backups_are_an_empty_list(lua: Lua, store: llmspell.Store) -> None:
    assert lua("print(#State.list_backups())") == "0\n"
    lua("State.save('s', 'list', State.list_backups())")
    assert store.stored("s", "list").value == b"[]"  # type: ignore[union-attr]


def test_a_restore_brings_everything_back_and_can_be_undone(lua: Lua, store: llmspell.Store) -> None:
    text = """
        State.save("a", "list", { 1, State.null, 3 })
        local made = State.create_backup()
        State.clear("a")
        State.save("b", "later", true)
        local done = State.restore_backup(made.backup_id)
        print(done.success, done.entries_restored, done.error, #State.load("a", "list"), State.load("b", "later"))
        print(State.restore_backup(done.pre_restore_backup_id).success, State.exists("a", "list"), State.load("b", "later"))
    """
    assert lua(text) == "true\t1\tnil\t3\tnil\ntrue\tfalse\ttrue\n"


def test_a_restore_has_exactly_the_fields_of_the_contract(lua: Lua, store: llmspell.Store) -> None:
    store.save("s", "k", 1)
    made = store.backups.create_backup().backup_id
    dry = {*("success", "backup_id", "entries_restored"), *("dry_run", "changes", "changes_total")}
    assert set(fields(lua, f"State.restore_backup('{made}', {{ dry_run = true }})")) == dry
    assert set(fields(lua, f"State.restore_backup('{made}', {{ dry_run = false }})")) == {
        *("success", "backup_id", "entries_restored", "pre_restore_backup_id"),
    }
    assert set(fields(lua, f"State.restore_backup('{NO_SUCH}')")) == {"success", "backup_id", "error"}


def test_parts_of_a_backup_are_restored_beside(lua: Lua, store: llmspell.Store) -> None:
    text = """
        State.save("users", "ada", 1) State.save("users", "bob", 1) State.save("other", "ada", 1)
        local id = State.create_backup().backup_id
        State.clear("users") State.clear("other")
        local changes = State.restore_backup(id, { scopes = "u*", keys = { "ada" }, dry_run = true }).changes
        print(#changes, changes[1].change, changes[1].scope, changes[1].key)
        print(State.restore_backup(id, { scopes = { "users" }, into = "aside" }).entries_restored)
        print(table.concat(State.scopes(), " "), table.concat(State.list_keys("aside"), " "))
        print(State.restore_backup(id, { exclude = { "o*", "aside" } }).entries_restored, #State.scopes())
    """
    assert lua(text) == "1\tadded\tusers\tada\n2\naside\tada bob\n2\t2\n"


def test_a_verdict_has_exactly_the_fields_of_the_contract(lua: Lua, store: llmspell.Store, place: Path) -> None:
    store.save("s", "k", 1)
    made = store.backups.create_backup().backup_id
    call = f"State.validate_backup('{made}')"
    expected = {
        **dict.fromkeys(("is_valid", "checksum_valid", "integrity_valid"), "boolean"),
        "errors": "table",
        "warnings": "table",
        "validated_at": "integer",
        "backup_id": "string",
    }
    assert fields(lua, call) == expected
    assert lua(f"local v = {call} print(v.is_valid, #v.errors, #v.warnings)") == "true\t0\t0\n"
    (place / made / "manifest.json").unlink()
    assert fields(lua, call) == expected
    assert lua(f"local v = {call} print(v.is_valid, #v.errors, v.errors[1])").startswith(f"false\t1\t{made} is damaged")
    assert fields(lua, f"State.validate_backup('{NO_SUCH}')") == expected


def test_a_cleanup_has_exactly_the_fields_of_the_contract(lua: Lua, store: llmspell.Store, clock: Clock) -> None:
    store.save("s", "k", 1)
    for _ in range(3):
        store.backups.create_backup()
    clock.advance(31 * 86_400)
    call = "State.cleanup_backups(true)"
    expected = {"success", "dry_run", "deleted_count", "retained_count", "space_freed", "decisions"}
    assert set(fields(lua, call)) == expected
    assert fields(lua, f"{call}.decisions[1]") == {
        "backup_id": "string",
        "should_retain": "boolean",
        "reason": "string",
    }
    text = "local c = State.cleanup_backups({}) print(c.deleted_count, c.retained_count, c.dry_run, #c.decisions)"
    assert lua(text.format("true")) == "2\t1\ttrue\t3\n"
    assert lua(text.format("")) == "2\t1\tfalse\t3\n"
    assert lua(text.format("false")) == "0\t1\tfalse\t1\n"


def test_usage_has_exactly_the_fields_of_the_contract(lua: Lua, store: llmspell.Store) -> None:
    counts = {"total_backups", "total_size", "full_backups", "incremental_backups"}
    assert fields(lua, "State.get_storage_usage()") == dict.fromkeys(counts, "integer")
    store.save("s", "k", 1)
    store.backups.create_backup()
    assert set(fields(lua, "State.get_storage_usage()")) == {*counts, "oldest_backup", "newest_backup"}


def test_a_failure_is_told_not_raised(lua: Lua, store: llmspell.Store, place: Path) -> None:
    store.save("s", "k", 1)
    place.write_text("no folder")
    for call in ("create_backup()", f"restore_backup('{NO_SUCH}')", "cleanup_backups()"):
        assert lua(f"local r = State.{call} print(r.success, type(r.error))") == "false\tstring\n"
    for call in ("list_backups", "get_storage_usage"):
        assert lua.error(f"State.{call}()").endswith("name a folder in [state] backup_path (at t.lua:1)")


# What they raise

WRONG = {
    "State.create_backup('full')": "true (an incremental one), false or a table of options is needed, not a string",
    "State.create_backup({ incremntal = true })": 'there is no option "incremntal"; did you mean "incremental"? known: ',
    "State.create_backup({ dry_run = true })": 'there is no option "dry_run"',
    "State.create_backup({ 'incremental' })": "the options must have names, not the number 1",
    "State.create_backup({ hold = print })": "the option hold cannot be a function",
    "State.create_backup({ scopes = { print } })": "the options cannot be used: .scopes[1] is a function",
    "State.create_backup({ description = 5 })": "a description is text",
    "State.create_backup({ incremental = 1 })": "incremental takes true or false",
    "State:create_backup()": "write State.create_backup(...), with a dot",
    "State.restore_backup()": "the id of the backup must be text, not nothing",
    "State.restore_backup({ id = 'x' })": "the id of the backup must be text, not a table",
    "State.restore_backup('../x')": "is no id of a backup",
    "State.restore_backup('\\xff')": "no valid UTF-8",
    f"State.restore_backup('{NO_SUCH}', true)": "the options must be a table, not the boolean true",
    f"State.restore_backup('{NO_SUCH}', {{ dryrun = true }})": 'did you mean "dry_run"? known: scopes, keys, exclude, ',
    f"State.restore_backup('{NO_SUCH}', {{ into = '' }})": "the scope is empty",
    "State.validate_backup(nil)": "the id of the backup must be text, not nothing",
    "State.validate_backup('latest')": "is no id of a backup",
    "State.cleanup_backups({ dry_run = true })": "dry_run must be true or false, not a table",
}


@pytest.mark.parametrize(("call", "words"), WRONG.items())
def test_wrong_arguments_raise_with_file_and_line(lua: Lua, store: llmspell.Store, call: str, words: str) -> None:
    error = lua.error(f"\n\n{call}")
    assert error.startswith("State.")
    assert words in error
    assert error.endswith("(at t.lua:3)")
    assert store.backups.list_backups() == []


@pytest.mark.parametrize(
    "call",
    ["create_backup()", f"restore_backup('{NO_SUCH}')", f"validate_backup('{NO_SUCH}')", "cleanup_backups(true)"],
)
def test_no_transaction_may_be_open(lua: Lua, store: llmspell.Store, call: str) -> None:
    error = lua.error(f"State.transaction(function()\nState.save('s', 'k', 1)\nState.{call}\nend)")
    assert "cannot run inside a transaction" in error
    assert error.endswith("(at t.lua:3)")
    assert (store.scopes(), store.backups.list_backups()) == ([], [])


def test_what_only_looks_may_run_in_a_transaction(lua: Lua, store: llmspell.Store) -> None:
    store.backups.create_backup()
    text = (
        "print(State.transaction(function() return #State.list_backups() + State.get_storage_usage().full_backups end))"
    )
    assert lua(text) == "2\n"


# Limits


def busy(monkeypatch: pytest.MonkeyPatch, module: str, point: str) -> list[str]:
    """Let a point in the work on backups take longer than the script may; give what is reached from there on."""
    reached: list[str] = []

    def reach(name: str) -> None:
        if name == point or reached:
            reached.append(name)
            time.sleep(0.6 if len(reached) == 1 else 0.0)

    monkeypatch.setattr(f"llmspell.backups.{module}.reach", reach)
    return reached


def test_a_script_that_runs_out_of_time_leaves_no_half_backup(
    lua: Lua, store: llmspell.Store, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("s", "k", 1)
    with monkeypatch.context() as patching:
        assert busy(patching, "local", "backup.begun") == []
        with pytest.raises(LimitExceeded, match=r"stopped: it ran longer than 0\.3 s"):
            lua("State.create_backup() State.save('s', 'after', 1)", timeout_seconds=0.3)
    assert [path.name for path in place.iterdir()] == [".lock"]
    assert store.list_keys("s") == ["k"]
    assert store.backups.create_backup().entry_count == 1


def test_a_script_that_runs_out_of_time_in_a_restore_leaves_all_as_it_was(
    lua: Lua, store: llmspell.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("s", "k", 1)
    made = store.backups.create_backup().backup_id
    store.save("s", "k", 2)
    with monkeypatch.context() as patching:
        reached = busy(patching, "restore", "restore.turn_taken")
        with pytest.raises(LimitExceeded):
            lua(f"State.restore_backup('{made}')", timeout_seconds=0.3)
    assert reached[0] == "restore.turn_taken"
    assert "restore.written" not in reached
    assert (store.load("s", "k"), store.version()) == (2, 2)
    assert store.backups.restore_backup(made).success


def test_a_list_that_does_not_fit_into_a_scripts_memory_says_so(lua: Lua, store: llmspell.Store) -> None:
    for _ in range(12):
        store.backups.create_backup(description="x" * 1_000)
    with pytest.raises(
        LimitExceeded, match=r"it needed more than 10,000 bytes of memory; \[engines\.lua\] memory_limit"
    ):
        lua("State.list_backups()", memory_limit_bytes=10_000)
    assert json.loads(lua("print(#State.list_backups())", memory_limit_bytes=1_000_000)) == 12

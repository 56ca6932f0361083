"""The store goes back to any version or moment of its history, as one step that can be undone."""

from collections.abc import Callable
from pathlib import Path

import pytest

import llmspell
from llmspell.entry import JsonValue
from llmspell.errors import BackupError, HistoryError, InvalidArgument
from llmspell.store import Store
from tests.clock import Clock
from tests.unit.migrations.homes import put_step


@pytest.fixture
def store(clock: Clock) -> Store:
    return llmspell.open(backend="memory", history_days=30, clock=clock)


def state(store: Store) -> dict[tuple[str, str], JsonValue]:
    return {(scope, key): store.load(scope, key) for scope in store.scopes() for key in store.list_keys(scope)}


def test_every_version_can_be_gone_back_to(store: Store) -> None:
    states = {0: state(store)}
    deeds: tuple[Callable[[], object], ...] = (
        lambda: store.save("user", "ada", 1),
        lambda: store.save("user", "bob", {"n": 1.0}),
        lambda: store.delete("user", "ada"),
        lambda: store.save("agent:a", "é", []),
        lambda: store.save("user", "ada", "again"),
        lambda: store.clear("user"),
    )
    for deed in deeds:
        deed()
        states[store.version()] = state(store)
    for version, expected in [*states.items()][::-1]:
        store.restore(version)
        assert state(store) == expected


def test_a_moment_names_the_state_that_was_there_then(store: Store, clock: Clock) -> None:
    store.save("user", "ada", "before")
    moment = clock()
    clock.advance(100)
    store.save("user", "ada", "after")
    store.restore(moment + 50)
    assert store.load("user", "ada") == "before"


def test_going_back_is_a_change_that_can_be_gone_back_from(store: Store) -> None:
    store.save("user", "ada", 1)
    store.save("user", "bob", 2)
    before = store.version()
    store.restore(1)
    assert state(store) == {("user", "ada"): 1}
    store.restore(before)
    assert state(store) == {("user", "ada"): 1, ("user", "bob"): 2}


def test_it_names_how_much_came_back_and_went(store: Store) -> None:
    store.save("user", "ada", 1)
    store.save("user", "bob", 2)
    result = store.restore(1)
    assert (result.entries_restored, result.entries_removed, result.version) == (1, 1, 3)
    assert store.version() == 3
    assert result.pre_restore_backup_id is None


def test_only_what_is_selected_goes_back(store: Store) -> None:
    store.save("user", "ada", 1)
    store.save("app", "theme", "dark")
    first = store.version()
    store.save("user", "ada", 2)
    store.save("user", "late", 3)
    store.save("app", "theme", "light")
    result = store.restore(first, scopes="user")
    assert state(store) == {("user", "ada"): 1, ("app", "theme"): "light"}
    assert result.entries_removed == 1


def test_a_scope_can_come_back_beside_itself(store: Store) -> None:
    store.save("user", "ada", 1)
    store.save("user", "ada", 2)
    store.restore(1, scopes="user", into="user of before")
    assert state(store) == {("user", "ada"): 2, ("user of before", "ada"): 1}


def test_a_dry_run_lists_what_would_change_and_changes_nothing(store: Store) -> None:
    store.save("user", "ada", 1)
    store.save("user", "bob", 1)
    first = store.version()
    store.save("user", "ada", 2)
    store.delete("user", "bob")
    store.save("user", "late", 3)
    before, version = state(store), store.version()
    result = store.restore(first, dry_run=True)
    assert [change[:] for change in result.changes] == [
        ("changed", "user", "ada"),
        ("added", "user", "bob"),
        ("removed", "user", "late"),
    ]
    assert (state(store), store.version()) == (before, version)


def test_an_entry_that_had_expired_by_then_does_not_come_back(store: Store, clock: Clock) -> None:
    store.save("session", "s", 1, ttl=10)
    clock.advance(20)
    store.save("other", "x", 1)
    version = store.version()
    store.save("other", "x", 2)
    store.restore(version)
    assert state(store) == {("other", "x"): 1}


def test_with_backups_on_one_is_made_first(tmp_path: Path) -> None:
    with llmspell.open(tmp_path / "state", history_days=1, backup_path=tmp_path / "backups") as store:
        store.save("user", "ada", 1)
        store.save("user", "ada", 2)
        result = store.restore(1)
        assert result.pre_restore_backup_id is not None
        store.backups.restore_backup(result.pre_restore_backup_id)
        assert store.load("user", "ada") == 2


def test_when_that_backup_fails_nothing_is_restored_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("a file where the folder would be")
    with llmspell.open(tmp_path / "state", history_days=1, backup_path=tmp_path / "backups") as store:
        store.save("user", "ada", 1)
        store.save("user", "ada", 2)
        with pytest.raises(BackupError, match="nothing was restored"):
            store.restore(1)
        assert store.load("user", "ada") == 2
        store.restore(1, force=True)
        assert store.load("user", "ada") == 1


def test_a_moment_before_a_migration_is_taken_through_it(tmp_path: Path) -> None:
    (tmp_path / "2.0.0_step.toml").write_text(
        'from_version = "1.0.0"\nto_version = "2.0.0"\n'
        'transforms = [{ type = "rename", from = "name", to = "full_name" }]\n'
    )
    with llmspell.open(tmp_path / "state", history_days=1, migrations_path=tmp_path) as store:
        store.save("user", "ada", {"name": "Ada"})
        before = store.version()
        store.save("user", "ada", {"name": "Lady Ada"})
        store.migrations.migrate("2.0.0")
        store.save("user", "ada", {"full_name": "Countess"})
        store.restore(before)
        assert store.load("user", "ada") == {"full_name": "Ada"}
        assert store.schema_version() == "2.0.0"
        store.migrations.migrate("1.0.0")
        assert store.load("user", "ada") == {"name": "Ada"}


def test_without_migrations_a_moment_of_another_schema_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2.0.0_step.toml").write_text(
        'from_version = "1.0.0"\nto_version = "2.0.0"\ntransforms = [{ type = "remove", field = "x" }]\n'
    )
    with llmspell.open(tmp_path / "state", history_days=1, migrations_path=tmp_path) as store:
        store.save("user", "ada", {"x": 1})
        store.migrations.migrate("2.0.0")
    with (
        llmspell.open(tmp_path / "state", history_days=1) as store,
        pytest.raises(BackupError, match=r"has schema version 1\.0\.0, the store has 2\.0\.0, and migrations are off"),
    ):
        store.restore(1)


def test_what_history_does_not_know_is_refused(store: Store) -> None:
    store.save("user", "ada", 1)
    with pytest.raises(HistoryError, match="version 99 is not known"):
        store.restore(99)
    with pytest.raises(InvalidArgument):
        store.restore(True)
    assert store.load("user", "ada") == 1


def test_without_history_there_is_no_way_back() -> None:
    with llmspell.open(backend="memory") as store, pytest.raises(HistoryError, match="keeps no history"):
        store.restore(1)


def test_inside_a_transaction_it_is_refused(store: Store) -> None:
    store.save("user", "ada", 1)
    with store.transaction(), pytest.raises(InvalidArgument, match="inside a transaction"):
        store.restore(1)


def test_a_moment_before_a_migration_that_changed_no_entry_is_taken_through_it(tmp_path: Path, clock: Clock) -> None:
    put_step(tmp_path, {"type": "convert", "field": "age", "to": "string"}, start="1.0.0", to="2.0.0")
    with llmspell.open(backend="memory", history_days=30, clock=clock, migrations_path=tmp_path) as store:
        before = store.save("users", "ada", {"age": 36})
        store.clear("users")
        assert store.migrations.migrate("2.0.0").items_migrated == 0
        with pytest.raises(
            BackupError, match=r"version 1 has schema version 1\.0\.0 and the store has 2\.0\.0, so a part"
        ):
            store.restore(before, scopes="users")
        store.restore(before)
        assert store.load("users", "ada") == {"age": "36"}
        assert store.schema_version() == "2.0.0"


def test_moments_before_and_after_two_migrations_that_changed_no_entry_keep_their_shapes(
    tmp_path: Path, clock: Clock
) -> None:
    put_step(tmp_path, {"type": "rename", "from": "name", "to": "full_name"}, start="1.0.0", to="2.0.0")
    put_step(tmp_path, {"type": "rename", "from": "full_name", "to": "title"}, start="2.0.0", to="3.0.0")
    with llmspell.open(backend="memory", history_days=30, clock=clock, migrations_path=tmp_path) as store:
        before = store.save("users", "ada", {"name": "Ada"})
        store.delete("users", "ada")
        store.migrations.migrate("2.0.0")
        store.migrations.migrate("3.0.0")
        after = store.save("users", "bob", {"title": "Bob"})
        store.restore(before)
        assert state(store) == {("users", "ada"): {"title": "Ada"}}
        store.restore(after)
        assert state(store) == {("users", "bob"): {"title": "Bob"}}
        assert {change.migrated_to for change in store.changes()} == {None}


def test_a_moment_from_before_the_store_went_back_and_forth_is_refused(tmp_path: Path) -> None:
    (tmp_path / "2.0.0_step.toml").write_text(
        'from_version = "1.0.0"\nto_version = "2.0.0"\n'
        'transforms = [{ type = "remove", field = "nick", missing = "skip" }]\n'
    )
    with llmspell.open(tmp_path / "state", history_days=1, migrations_path=tmp_path) as store:
        store.save("user", "ada", {"nick": "A"})
        store.migrations.migrate("2.0.0")
        store.save("user", "eve", {})
        moment = store.version()
        store.migrations.migrate("1.0.0")
        before = state(store)
        with pytest.raises(BackupError, match="was migrated back and forth since"):
            store.restore(moment)
        store.migrations.migrate("2.0.0")
        with pytest.raises(BackupError, match="was migrated back and forth since"):
            store.restore(moment)
        store.migrations.migrate("1.0.0")
        assert state(store) == before

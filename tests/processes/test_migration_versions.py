"""What others learn of a migration from versions is true: which entries it changed, and which version is its."""

from __future__ import annotations

from pathlib import Path

import pytest

import llmspell
from llmspell import Store
from llmspell.migrations import history
from llmspell.migrations.results import Migrated
from tests.processes.crew import run
from tests.processes.migrating import opened, write_migrations

FILES = {
    "2.0.0_keys.toml": """
from_version = "1.0.0"
to_version = "2.0.0"
transforms = [{ type = "rename_key", to = "moved {key}", condition = "number < 3" }]
""",
    "3.0.0_nothing.toml": """
from_version = "2.0.0"
to_version = "3.0.0"
transforms = [{ type = "remove", field = "absent", missing = "skip" }]
""",
    "4.0.0_values.toml": """
from_version = "3.0.0"
to_version = "4.0.0"
transforms = [{ type = "computed", field = "number", expression = "number * 10" }]
""",
}


@pytest.fixture
def migrations(tmp_path: Path) -> str:
    return write_migrations(tmp_path / "migrations", FILES)


def changed(store: Store, since: int) -> dict[str, tuple[int, bool]]:
    """Give the keys that were written since, each with the version and whether it is there."""
    return {change.key: (change.version, change.stored is not None) for change in store.changes(since)}


def migrate(store: Store, target: str) -> Migrated:
    """Migrate, and compare what that says with what another client sees."""
    before = store.version()
    migrated = store.migrations.migrate(target)
    assert migrated.version == store.version()
    assert (migrated.items_migrated > 0) == (store.version() > before)
    return migrated


def test_entries_that_only_move_are_counted_and_told_up_and_down(folder: str, migrations: str) -> None:
    with opened(folder, migrations) as store, llmspell.open(folder) as other:
        for number in range(5):
            store.save("scope", f"{number}", {"number": number})
        assert migrate(store, "2.0.0").items_migrated == 3
        told = {f"{number}": (6, False) for number in range(3)} | {f"moved {number}": (6, True) for number in range(3)}
        assert changed(other, 5) == told
        assert migrate(store, "1.0.0").items_migrated == 3
        told = {f"{number}": (7, True) for number in range(3)} | {f"moved {number}": (7, False) for number in range(3)}
        assert changed(other, 6) == told


def test_an_entry_that_moves_and_changes_is_counted_once_up_and_down(folder: str, migrations: str) -> None:
    with opened(folder, migrations) as store:
        for number in range(5):
            store.save("scope", f"{number}", {"number": number + 1})
        assert migrate(store, "4.0.0").items_migrated == 5
        assert store.load("scope", "moved 1") == {"number": 20}
        assert migrate(store, "1.0.0").items_migrated == 5
        assert store.load("scope", "1") == {"number": 2}


def test_a_dry_run_down_tells_of_the_entries_that_move_back(folder: str, migrations: str) -> None:
    with opened(folder, migrations) as store:
        store.save("scope", "a", {"number": 1})
        store.migrations.migrate("2.0.0")
        (sample,) = store.migrations.migrate("1.0.0", dry_run=True).samples
        assert (sample.key, sample.to_key, sample.before, sample.after) == (
            "moved a",
            "a",
            b'{"number":1}',
            b'{"number":1}',
        )


def test_a_migration_that_changes_no_entry_does_not_claim_the_next_write(folder: str, migrations: str) -> None:
    with opened(folder, migrations) as store:
        store.save("scope", "a", {"number": 5})
        assert migrate(store, "3.0.0").items_migrated == 0
        mine = store.save("scope", "a", {"number": 6})
        assert mine == 2
        assert history.runs(store.backend) == {}
        assert migrate(store, "4.0.0").version == 3
        store.save("scope", "a", {"number": 7})
        assert history.runs(store.backend) == {3: "4.0.0"}


def test_processes_that_migrate_a_store_that_nobody_has_made_yet_make_it_once(folder: str, migrations: str) -> None:
    results = run(4, "migrating.migrate_numbered", folder, migrations, "4.0.0")
    assert sorted(result[0] for result in results) == ["already_current"] * 3 + ["completed"]
    with opened(folder, migrations) as store:
        assert store.schema_version() == "4.0.0"
        assert [one.to_version for one in store.migrations.applied()] == ["2.0.0", "3.0.0", "4.0.0"]
        assert store.save("scope", "a", {}) == 1
        assert list(store.backend.problems()) == []

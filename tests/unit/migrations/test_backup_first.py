"""Where backups are on, a migration begins with one: proven, named in the result, held until it is forgotten."""

import os
from pathlib import Path

import pytest

import llmspell
from llmspell.backups.results import Listed
from llmspell.errors import MigrationError
from llmspell.store import Store

RENAME = """
from_version = "1.0.0"
to_version = "2.0.0"
transforms = [{ type = "rename", from = "name", to = "full_name" }]
"""
REFUSING = """
from_version = "1.0.0"
to_version = "2.0.0"
transforms = [{ type = "convert", field = "name", to = "int" }]
"""
SECOND = """
from_version = "2.0.0"
to_version = "3.0.0"
transforms = [{ type = "default", field = "active", value = true }]
"""


def open_store(folder: Path, *files: str) -> Store:
    migrations = folder / "migrations"
    migrations.mkdir(exist_ok=True)
    for number, text in enumerate(files, 2):
        (migrations / f"{number}.0.0_step.toml").write_text(text)
    store = llmspell.open(folder / "state", migrations_path=migrations, backup_path=folder / "backups")
    store.save("users", "ada", {"name": "Ada"})
    return store


def only_backup(store: Store) -> Listed:
    (backup,) = store.backups.list_backups()
    return backup


def test_the_backup_is_named_in_the_result_and_holds_what_was_there_before(tmp_path: Path) -> None:
    with open_store(tmp_path, RENAME) as store:
        result = store.migrations.migrate("2.0.0")
        backup = only_backup(store)
        assert result.backup_id == backup.id
        assert backup.schema_version == "1.0.0"
        assert backup.verified_at is not None
        assert backup.description == "before the migration from 1.0.0 to 2.0.0"
        with llmspell.open(tmp_path / "other", backup_path=tmp_path / "backups") as other:
            other.backups.restore_backup(backup.id)
            assert other.load("users", "ada") == {"name": "Ada"}
            assert other.schema_version() == "1.0.0"


def test_it_is_held_until_the_migration_is_forgotten(tmp_path: Path) -> None:
    with open_store(tmp_path, RENAME) as store:
        store.migrations.migrate("2.0.0")
        assert only_backup(store).held == "before a migration"
        store.migrations.forget("2.0.0")
        assert only_backup(store).held is None


def test_one_backup_before_two_migrations_is_held_until_both_are_forgotten(tmp_path: Path) -> None:
    with open_store(tmp_path, RENAME, SECOND) as store:
        store.migrations.migrate("3.0.0")
        store.migrations.forget("2.0.0")
        assert only_backup(store).held == "before a migration"
        store.migrations.forget("3.0.0")
        assert only_backup(store).held is None


def test_what_a_person_holds_stays_held_when_the_migration_is_forgotten(tmp_path: Path) -> None:
    with open_store(tmp_path, RENAME) as store:
        store.migrations.migrate("2.0.0")
        store.backups.hold_backup(only_backup(store).id, "audit")
        store.migrations.forget("2.0.0")
        assert only_backup(store).held == "audit"


def test_going_back_down_makes_a_backup_too_and_ends_the_hold_of_the_first(tmp_path: Path) -> None:
    with open_store(tmp_path, RENAME) as store:
        up = store.migrations.migrate("2.0.0")
        down = store.migrations.migrate("1.0.0")
        held = {backup.id: backup.held for backup in store.backups.list_backups()}
        assert held == {up.backup_id: None, down.backup_id: None}


def test_a_migration_that_fails_leaves_a_backup_that_nobody_holds(tmp_path: Path) -> None:
    with open_store(tmp_path, REFUSING) as store:
        with pytest.raises(MigrationError):
            store.migrations.migrate("2.0.0")
        assert only_backup(store).held is None


def test_without_a_backup_nothing_is_migrated(tmp_path: Path) -> None:
    with open_store(tmp_path, RENAME) as store:
        (tmp_path / "backups").write_text("a file where the folder would be")
        with pytest.raises(MigrationError, match="was not begun, because the backup before it failed"):
            store.migrations.migrate("2.0.0")
        assert store.schema_version() == "1.0.0"
        assert store.load("users", "ada") == {"name": "Ada"}


@pytest.mark.parametrize("target", ["1.0.0", None])
def test_a_dry_run_and_a_call_with_nothing_to_do_make_no_backup(tmp_path: Path, target: str | None) -> None:
    with open_store(tmp_path, RENAME) as store:
        result = store.migrations.migrate(target, dry_run=target is None)
        assert result.backup_id is None
        assert not os.path.exists(tmp_path / "backups")


def test_retention_leaves_it_alone_however_old_it_is(tmp_path: Path) -> None:
    now = 1_000_000_000.0
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "2.0.0_step.toml").write_text(RENAME)
    with llmspell.open(
        tmp_path / "state", migrations_path=migrations, backup_path=tmp_path / "backups", clock=lambda: now
    ) as store:
        store.save("users", "ada", {"name": "Ada"})
        first = store.migrations.migrate("2.0.0").backup_id
        for _ in range(4):
            now += 40 * 86_400
            store.save("users", "ada", {"full_name": str(now)})
            store.backups.create_backup()
        assert first in [backup.id for backup in store.backups.list_backups()]
        assert len(store.backups.list_backups()) == 2

"""The words of scripts for migrations and backups are methods of the store."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import llmspell
from llmspell import InvalidArgument, Store
from llmspell.backups.verbs import Backups
from llmspell.errors import BackupNotFound, MigrationPathError
from llmspell.migrations.verbs import Migrations
from llmspell.scripting.bindings import Bindings
from tests.unit.migrations.homes import FIRST, RENAME, SECOND, put_step


@pytest.fixture
def full(tmp_path: Path) -> Store:
    """A store with migrations and backups, one migration ahead of it, one entry in it."""
    (tmp_path / "migrations").mkdir()
    put_step(tmp_path / "migrations", RENAME, to=SECOND, start=FIRST)
    store = llmspell.open(
        backend="memory", migrations_path=tmp_path / "migrations", backup_path=str(tmp_path / "backups")
    )
    store.save("users", "ada", {"name": "Ada"})
    return store


@pytest.mark.parametrize(
    ("kind", "name"),
    [*((Migrations, name) for name in Bindings.MIGRATION_NAMES), *((Backups, name) for name in Bindings.BACKUP_NAMES)],
)
def test_a_word_takes_and_gives_what_the_neighbours_does(kind: type, name: str) -> None:
    assert inspect.signature(getattr(Store, name)) == inspect.signature(getattr(kind, name))


def test_a_store_migrates_by_the_words_of_scripts(full: Store) -> None:
    assert full.schema_versions() == (FIRST, SECOND)
    assert full.migration_status().migration_available
    assert full.migrate(dry_run=True).dry_run
    assert full.load("users", "ada") == {"name": "Ada"}
    assert full.migrate(SECOND).items_migrated == 1
    assert full.load("users", "ada") == {"full_name": "Ada"}
    with pytest.raises(MigrationPathError):
        full.migrate("9.0.0")


def test_every_option_of_migrate_arrives(full: Store) -> None:
    full.save("users", "nobody", {})
    assert full.migrate(on_error="quarantine", dry_run=True).items_quarantined == 1
    with pytest.raises(llmspell.errors.MigrationError):
        full.migrate(on_error="quarantine", confirm=lambda result: False)
    with pytest.raises(llmspell.errors.MigrationError):
        full.migrate(on_error="quarantine", stopping=lambda: True)
    assert full.schema_version() == FIRST


def test_a_store_is_backed_up_by_the_words_of_scripts(full: Store) -> None:
    looks: list[int] = []

    def look(done: int, total: int) -> None:
        looks.append(total)

    made = full.create_backup(False, description="first", scopes="users", exclude="x*", hold=True, progress=look)
    assert looks
    assert [(one.id, one.description, one.held) for one in full.list_backups()] == [(made.backup_id, "first", "held")]
    assert (full.list_backups()[0].scopes, full.list_backups()[0].exclude) == (("users",), ("x*",))
    assert full.validate_backup(made.backup_id).is_valid
    assert full.get_storage_usage().total_backups == 1
    assert full.cleanup_backups(True).dry_run
    full.delete("users", "ada")
    assert full.restore_backup(made.backup_id, dry_run=True).changes
    assert full.restore_backup(made.backup_id, keys="b*").entries_restored == 0
    assert full.restore_backup(made.backup_id, scopes="users", into="copy").entries_restored == 1
    assert full.restore_backup(made.backup_id, exclude="users").entries_restored == 0
    assert full.load("users", "ada") is None
    assert full.restore_backup(made.backup_id, force=True).entries_restored == 1
    assert full.load("users", "ada") == {"name": "Ada"}
    with pytest.raises(BackupNotFound):
        full.validate_backup("20200101T000000Z-full-aaaaaa")


@pytest.mark.parametrize("name", Bindings.MIGRATION_NAMES + Bindings.BACKUP_NAMES)
def test_without_them_a_word_says_how_to_open_the_store(name: str, store: Store) -> None:
    arguments = ("20200101T000000Z-full-aaaaaa",) if name in ("restore_backup", "validate_backup") else ()
    key = "migration_enabled" if name in Bindings.MIGRATION_NAMES else "backup_enabled"
    with pytest.raises(InvalidArgument, match=f"are off for this store; open it with .*{key} = true"):
        getattr(store, name)(*arguments)


def test_a_store_that_nobody_asks_imports_no_neighbour() -> None:
    text = """
import sys, llmspell
store = llmspell.open(backend="memory", migrations_path="m", backup_path="b")
store.save("a", "b", 1)
assert not any(name.startswith(("llmspell.migrations.verbs", "llmspell.backups")) for name in sys.modules)
store.list_backups()
assert "llmspell.backups.verbs" in sys.modules
"""
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)

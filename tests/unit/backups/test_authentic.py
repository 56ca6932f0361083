"""Where a key is configured, a backup that anybody could have written is not restored unasked."""

from pathlib import Path

import pytest

import llmspell
from llmspell.backups.encryption import new_key
from llmspell.errors import BackupError
from llmspell.store import Store


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "backup.key"
    path.touch(mode=0o600)
    path.write_text(new_key()[0])
    return path


def open_store(folder: Path, key_file: Path | None = None, state: str = "state") -> Store:
    return llmspell.open(folder / state, backup_path=folder / "backups", backup_encryption_key_file=key_file)


def test_a_plain_backup_that_the_store_does_not_remember_is_refused(tmp_path: Path, key_file: Path) -> None:
    with open_store(tmp_path) as other:
        other.save("user", "ada", "planted")
        planted = other.backups.create_backup().backup_id
    with open_store(tmp_path, key_file, "mine") as store:
        store.save("user", "ada", "mine")
        with pytest.raises(BackupError, match="is not encrypted although a key is configured"):
            store.backups.restore_backup(planted)
        assert store.load("user", "ada") == "mine"
        store.backups.restore_backup(planted, force=True)
        assert store.load("user", "ada") == "planted"


def test_a_plain_backup_of_its_own_is_taken_after_the_key_came(tmp_path: Path, key_file: Path) -> None:
    with open_store(tmp_path) as store:
        store.save("user", "ada", 1)
        plain = store.backups.create_backup().backup_id
    with open_store(tmp_path, key_file) as store:
        store.save("user", "ada", 2)
        store.backups.restore_backup(plain)
        assert store.load("user", "ada") == 1


def test_an_encrypted_backup_is_taken_by_a_new_store(tmp_path: Path, key_file: Path) -> None:
    with open_store(tmp_path, key_file) as store:
        store.save("user", "ada", 1)
        secret = store.backups.create_backup().backup_id
    with open_store(tmp_path, key_file, "new") as store:
        store.backups.restore_backup(secret)
        assert store.load("user", "ada") == 1


def test_the_first_backup_after_the_key_came_stands_on_no_plain_one(tmp_path: Path, key_file: Path) -> None:
    with open_store(tmp_path) as store:
        store.save("user", "ada", 1)
        store.backups.create_backup()
    with open_store(tmp_path, key_file) as store:
        made = store.backups.create_backup(incremental=True)
        assert not made.is_incremental
        assert "the one before is not encrypted" in made.warnings[0]
        assert store.backups.create_backup(incremental=True).is_incremental


def test_a_plain_backup_beside_encrypted_ones_is_warned_of(tmp_path: Path, key_file: Path) -> None:
    with open_store(tmp_path, key_file) as store:
        store.save("user", "ada", 1)
        store.backups.create_backup()
    with open_store(tmp_path) as store:
        assert "not encrypted, although there are encrypted ones" in store.backups.create_backup().warnings[0]

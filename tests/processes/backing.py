"""What the processes of a crew do around backups; each function opens the store and returns what it has to tell."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

from llmspell.config import StateSettings
from llmspell.errors import BackupNotFound
from llmspell.opening import open_settings

if TYPE_CHECKING:
    from llmspell import State, Store

PAIRS = 20


def opened(folder: str, place: str, limit: int | None = None, migrations: str | None = None) -> Store:
    """Open the store with backups, and with migrations where their folder is named."""
    settings = StateSettings(
        path=folder,
        durability="normal",
        backup_enabled=True,
        backup_path=place,
        backup_max_backups=limit,
        migration_enabled=migrations is not None,
        migrations_path=migrations or "",
    )
    store = open_settings(settings)
    if migrations is not None:
        store.migrations.register("slowly", lambda count: count)
    return store


def pairs_of(state: State) -> dict[str, list[object]]:
    """Give what each pair holds on its two sides."""
    keys = {*state.list_keys("left"), *state.list_keys("right")}
    return {key: [state.load("left", key), state.load("right", key)] for key in keys}


def write_pairs(folder: str, place: str, ending: str, number: int) -> int:
    """Write or delete two keys together, always with the same value, until the file `ending` is there."""
    chance, turn = random.Random(number), 0
    with opened(folder, place) as store:
        while not os.path.exists(ending):
            turn += 1
            key, value = f"{chance.randrange(PAIRS):02}", f"{number}-{turn}" * chance.randrange(1, 40)
            with store.attempt(alone=True) as attempt:
                if chance.random() < 0.2:
                    attempt.state.delete("left", key)
                    attempt.state.delete("right", key)
                else:
                    attempt.state.save("left", key, value)
                    attempt.state.save("right", key, value)
    return turn


def back_up(folder: str, place: str, times: int, limit: int | None, number: int) -> list[list[Any]]:
    """Make backups, every third one a full one; give their ids and parents."""
    made = []
    with opened(folder, place, limit) as store:
        for turn in range(times):
            if turn % 2:
                store.save("turns", f"{number}", turn)
            created = store.backups.create_backup((turn + number) % 3 != 0, description=f"{number}")
            made.append([created.backup_id, created.parent_id, list(created.warnings)])
    return made


def restore_some(folder: str, place: str, times: int, number: int) -> int:
    """Restore whatever backup is there; give how often one was."""
    chance, done = random.Random(number), 0
    with opened(folder, place) as store:
        for _ in range(times):
            ids = [one.id for one in store.backups.list_backups()]
            if not ids:
                continue
            version = store.version()
            try:
                restored = store.backups.restore_backup(chance.choice(ids))
            except BackupNotFound:  # somebody has removed it since
                continue
            assert restored.version > version
            assert restored.pre_restore_backup_id is not None
            done += 1
    return done


def restore_one(folder: str, place: str, backup_id: str, migrations: str | None = None) -> list[object]:
    """Restore a backup."""
    with opened(folder, place, None, migrations) as store:
        restored = store.backups.restore_backup(backup_id)
        return [restored.entries_restored, restored.schema_version, restored.version]


def clean_up(folder: str, place: str, limit: int, ending: str, number: int) -> int:
    """Remove backups beyond the limit until the file `ending` is there; give how many went."""
    gone = 0
    with opened(folder, place, limit) as store:
        while not os.path.exists(ending):
            gone += store.backups.cleanup_backups().deleted_count
    return gone


def hold_and_release(folder: str, place: str, backup_id: str, ending: str) -> int:
    """Hold a backup and let it go until the file `ending` is there; give how often."""
    turn = 0
    with opened(folder, place) as store:
        while not os.path.exists(ending):
            turn += 1
            store.backups.hold_backup(backup_id, "held")
            assert store.backups.release_backup(backup_id, "held")
    return turn

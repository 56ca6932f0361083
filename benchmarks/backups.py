"""What do backups cost beside the engine's own copy and a bare insert, and what do those feel that go on saving?

A store is copied by the engine (`VACUUM INTO`), backed up in full and proven, changed by one per cent and backed up
again, and restored into a new store; the same entries are put into a bare database in one transaction. Then a process
saves while backups are made one after the other, and while none is.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import apsw
from benchmarks.apart import Bell, Processes, processes
from benchmarks.bare_sqlite import apsw_connection
from benchmarks.filling import SCOPE, fill, key_of, value_of
from benchmarks.measuring import DISK, PROCESS, Row, Scene, in_turns

import llmspell
from llmspell.store import Store

ROUNDS = 3

_TABLE = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, scope TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, created_at REAL NOT NULL,
    updated_at REAL NOT NULL, expires_at REAL, value BLOB, UNIQUE (scope, key)
)
"""
_INSERT = """
INSERT INTO entries (scope, key, version, created_at, updated_at, expires_at, value) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def rows(scene: Scene) -> Iterator[Row]:
    """Measure how long backups and restores take, how large backups are, and what a save takes meanwhile."""
    folder = scene.folder / "backups"
    folder.mkdir()
    entries = 10_000 if scene.quick else 50_000
    rounds = min(scene.rounds, ROUNDS)
    scene.say(f"backups of {entries:,} entries")
    with llmspell.open(folder / "state", backup_path=folder / "backups") as store:
        fill(store, entries)
        first = store.backups.create_backup().backup_id
        sizes: dict[str, list[float]] = {"llmspell": [], "llmspell, incremental": [], "VACUUM INTO": []}
        figures = in_turns(
            {
                "llmspell": partial(_full, store, sizes["llmspell"]),
                "llmspell, incremental": partial(_incremental, store, entries, sizes["llmspell, incremental"]),
                "VACUUM INTO": partial(_engine_copy, folder, sizes["VACUUM INTO"]),
                "restore": partial(_restored, folder, first),
                "insert": partial(_bare_insert, folder, store),
            },
            rounds,
        )
        scene.say("backups: what others feel")
        lasting = 0.4 if scene.quick else 1.0
        with processes(1) as other:
            works: dict[str, Callable[[], object]] = {
                "while none is made": partial(time.sleep, 0.05),
                "while full ones are": store.backups.create_backup,
            }
            calls = {name: partial(_slow_save, other, folder, lasting, work) for name, work in works.items()}
            waits = in_turns(calls, rounds)
    each: dict[str, list[float]] = {name: [one / entries for one in found] for name, found in figures.items()}
    restores = {"llmspell": each.pop("restore"), "bare apsw, insert": each.pop("insert")}
    yield Row("upkeep", "backup of all, or of 1 % changed, an entry held", DISK, "us", each)
    yield Row("upkeep", "restore, an entry", DISK, "us", restores)
    hundred_thousand = {name: [size / entries * 100_000 for size in found[-rounds:]] for name, found in sizes.items()}
    yield Row("upkeep", "size of a backup, of 100,000 entries", "", "MB", hundred_thousand)
    yield Row("upkeep", "the slowest 1 % of saves during backups (p99)", PROCESS, "us", waits)


def _full(store: Store, sizes: list[float], _: int) -> float:
    made = store.backups.create_backup()
    sizes.append(made.size_bytes)
    return made.duration_ms / 1_000


def _incremental(store: Store, entries: int, sizes: list[float], number: int) -> float:
    chance = random.Random(number)
    with store.transaction() as state:
        for _ in range(entries // 100):
            changed = chance.randrange(entries)
            state.save(SCOPE, key_of(changed), value_of(changed, chance))
    made = store.backups.create_backup(incremental=True)
    sizes.append(made.size_bytes)
    return made.duration_ms / 1_000


def _engine_copy(folder: Path, sizes: list[float], number: int) -> float:
    target = folder / f"copy{number}.db"
    connection = apsw.Connection(str(folder / "state" / "state.db"))
    started = time.perf_counter()
    connection.execute("VACUUM INTO ?", (str(target),))
    with target.open("rb") as copy:
        os.fsync(copy.fileno())  # a backup is on the disk when it is done, so the copy has to be
    seconds = time.perf_counter() - started
    connection.close()
    sizes.append(target.stat().st_size)
    target.unlink()
    return seconds


def _restored(folder: Path, backup_id: str, number: int) -> float:
    target = folder / f"restored{number}"
    with llmspell.open(target, backup_path=folder / "backups") as store:
        started = time.perf_counter()
        store.backups.restore_backup(backup_id)
        seconds = time.perf_counter() - started
    shutil.rmtree(target)
    return seconds


def _bare_insert(folder: Path, store: Store, number: int) -> float:
    entries = list(store.backend.written(0, time.time()))
    path = folder / f"bare{number}.db"
    connection = apsw_connection(path, "FULL")
    connection.execute(_TABLE)
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_INSERT, entries)
    connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    path.unlink()
    return seconds


def _slow_save(other: Processes, folder: Path, lasting: float, work: Callable[[], object], _: int) -> float:
    """Repeat `work` for so many seconds, and give what a hundredth of the other process's saves took longer than."""
    saving = other.start(_save_on, str(folder / "state"))
    until = time.perf_counter() + lasting
    while time.perf_counter() < until:
        work()
    taken = sorted(saving.stop()[0])
    return taken[len(taken) * 99 // 100]


def _save_on(bell: Bell, path: str) -> list[float]:
    """Save a thousand times a second or less, until told to end; give the seconds of each save."""
    chance = random.Random(7)
    taken: list[float] = []
    with llmspell.open(path, durability="normal") as store:
        store.save("busy", "key", 0)
        bell.ready()
        while not bell.stopped():
            key, value = key_of(chance.randrange(1_000)), value_of(len(taken), chance)
            started = time.perf_counter()
            store.save("busy", key, value)
            taken.append(time.perf_counter() - started)
            time.sleep(0.001)
    return taken

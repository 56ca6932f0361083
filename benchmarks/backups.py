"""What do backups cost beside the engine's own copy and a bare insert? All in turns, in the same run.

`make bench` runs it. A store of 100,000 entries of 200 bytes is copied by the engine (`VACUUM INTO`), backed up in
full and proven, changed by one per cent and backed up again, and restored into a new store; the same entries are
put into a bare database in one transaction. Then a writer in another process saves while backups are made, and
without. Trust the ratios: other load on the machine moves the figures on both sides.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import apsw

import llmspell
from llmspell.batch import Batch, Put
from llmspell.store import Store

_LETTERS = "abcdefghij klmnopqrstuvwxyz"
_TABLES = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, scope TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, created_at REAL NOT NULL,
    updated_at REAL NOT NULL, expires_at REAL, value BLOB, UNIQUE (scope, key)
)
"""
_INSERT = """
INSERT INTO entries (scope, key, version, created_at, updated_at, expires_at, value) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def value(number: int, rng: random.Random) -> bytes:
    about = "".join(rng.choices(_LETTERS, k=120))
    return b'{"name":"user %d","email":"user%d@example.org","about":"%b","score":%d}' % (
        number,
        number,
        about.encode(),
        rng.randrange(1_000_000),
    )


def fill(store: Store, entries: int, rng: random.Random) -> None:
    for first in range(0, entries, 10_000):
        numbers = range(first, min(first + 10_000, entries))
        puts = tuple(Put("user", f"key{number:07}", value(number, rng)) for number in numbers)
        store.backend.commit(Batch(time.time(), puts))


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def engine_copy(folder: Path, number: int) -> float:
    connection = apsw.Connection(str(folder / "state" / "state.db"))
    target = folder / f"copy{number}.db"

    def copy() -> None:
        connection.execute("VACUUM INTO ?", (str(target),))
        descriptor = os.open(target, os.O_RDONLY)
        os.fsync(descriptor)  # a backup is on the disk when it is done, so the copy has to be
        os.close(descriptor)

    taken = seconds(copy)
    connection.close()
    target.unlink()
    return taken


def bare_insert(folder: Path, store: Store, number: int) -> float:
    rows = list(store.backend.written(0, time.time()))
    path = folder / f"bare{number}.db"
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "WAL")
    connection.pragma("synchronous", "FULL")
    connection.execute(_TABLES)

    def insert() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")

    taken = seconds(insert)
    connection.close()
    path.unlink()
    return taken


def restored(folder: Path, backup_id: str, number: int) -> float:
    target = folder / f"restored{number}"
    with llmspell.open(target, backup_path=folder / "backups") as store:
        taken = seconds(lambda: store.backups.restore_backup(backup_id))
    shutil.rmtree(target)
    return taken


def write_for_ever(folder: str, told: Connection) -> None:
    """Save as fast as it goes, until told to end; then send how long each save took, with when it began."""
    rng = random.Random(7)
    taken: list[tuple[float, float]] = []
    with llmspell.open(folder + "/state", durability="normal") as store:
        while not told.poll():
            began = time.perf_counter()
            store.save("busy", f"key{rng.randrange(1_000)}", {"n": rng.random(), "text": "x" * 150})
            taken.append((began, time.perf_counter() - began))
            time.sleep(0.0005)
    told.send(taken)


def latencies(folder: Path, work: Callable[[], object], at_least: float) -> list[float]:
    """Give how long the saves of another process took while `work` was repeated, sorted."""
    ours, theirs = multiprocessing.Pipe()
    writer = multiprocessing.get_context("spawn").Process(target=write_for_ever, args=(str(folder), theirs))
    writer.start()
    time.sleep(1.0)
    began = time.perf_counter()
    while time.perf_counter() - began < at_least:
        work()
    ended = time.perf_counter()
    ours.send("end")
    taken: list[tuple[float, float]] = ours.recv()
    writer.join()
    return sorted(lasted for moment, lasted in taken if began <= moment <= ended)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rng = random.Random(1)
    folder = Path(tempfile.mkdtemp(prefix="llmspell-bench-", dir=os.environ.get("LLMSPELL_BENCH_DIR")))
    try:
        with llmspell.open(folder / "state", backup_path=folder / "backups") as store:
            fill(store, arguments.entries, rng)
            measure(folder, store, arguments.entries, arguments.rounds, rng)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, store: Store, entries: int, rounds: int, rng: random.Random) -> None:
    taken: dict[str, list[float]] = {name: [] for name in ("copy", "full", "incremental", "insert", "restore")}
    sizes = {"full": 0, "incremental": 0}
    for number in range(rounds):
        taken["copy"].append(engine_copy(folder, number))
        made = store.backups.create_backup()
        taken["full"].append(made.duration_ms / 1_000)
        sizes["full"] = made.size_bytes
        for _ in range(entries // 100):
            key = rng.randrange(entries)
            store.save("user", f"key{key:07}", {"name": f"user {key}", "about": "".join(rng.choices(_LETTERS, k=160))})
        changed = store.backups.create_backup(incremental=True)
        taken["incremental"].append(changed.duration_ms / 1_000)
        sizes["incremental"] = changed.size_bytes
        taken["insert"].append(bare_insert(folder, store, number))
        taken["restore"].append(restored(folder, made.backup_id, number))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    median = {name: statistics.median(values) for name, values in taken.items()}
    ratio = {
        "full / engine's copy": [one / other for one, other in zip(taken["full"], taken["copy"], strict=True)],
        "incremental of 1 % / full": [
            one / other for one, other in zip(taken["incremental"], taken["full"], strict=True)
        ],
        "restore / bare insert": [one / other for one, other in zip(taken["restore"], taken["insert"], strict=True)],
    }
    print(f"{entries} entries of about 200 bytes, {rounds} rounds; the full backup has {sizes['full'] / 1e6:.1f} MB")
    for name, words in (
        ("copy", "the engine's own copy (VACUUM INTO, synced)"),
        ("full", "full backup, proven"),
        ("incremental", "incremental backup after 1 % changed, proven"),
        ("insert", "bare insert of the same rows"),
        ("restore", "restore into a new store"),
    ):
        print(f"  {words:48} {median[name] * 1_000:8.1f} ms")
    for words, values in ratio.items():
        print(f"  {words:48} {statistics.median(values):8.2f} x   ({min(values):.2f} to {max(values):.2f})")
    print(f"  {'size of the incremental one / full':48} {sizes['incremental'] / sizes['full'] * 100:8.2f} %")
    quiet = latencies(folder, lambda: time.sleep(0.1), 4.0)
    busy = latencies(folder, store.backups.create_backup, 4.0)
    for words, values in (("a save while nothing else goes on", quiet), ("a save while full backups are made", busy)):
        print(f"  {words:48} p50 {_at(values, 50):7.0f} us   p99 {_at(values, 99):7.0f} us   ({len(values)} saves)")
    print(f"  {'p99 during backups / without':48} {_at(busy, 99) / _at(quiet, 99):8.2f} x")


def _at(values: list[float], percentile: int) -> float:
    return values[min(len(values) - 1, len(values) * percentile // 100)] * 1e6


if __name__ == "__main__":
    main()

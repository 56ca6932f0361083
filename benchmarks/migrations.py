"""What does a migration cost beside a loop written by hand on the bare engine? Both in turns, in the same run.

`make bench` runs it. The loops read every value, take it through `orjson` both ways and write it back, all in
one transaction; they keep nothing for the way back. The migration moves a field, fills a default and removes a
field of entries of about 300 bytes; it keeps what it takes away, stamps the store and records the run. Trust
the ratios: other load on the machine moves the microseconds on both sides.
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
from typing import cast

import apsw
import orjson

import llmspell
from llmspell.batch import Batch, Put

MIGRATION = """
from_version = "1.0.0"
to_version = "2.0.0"
scope = "user"

[[transforms]]
type = "move"
from = "age"
to = "profile.age"

[[transforms]]
type = "default"
field = "language"
value = "en"

[[transforms]]
type = "remove"
field = "fax"
"""


def document(number: int) -> bytes:
    return orjson.dumps(
        {
            "name": f"User number {number}",
            "age": number % 90,
            "email": f"user{number}@example.org",
            "about": "likes long walks and short sentences; " * 4,
            "fax": "none",
            "tags": ["reader", "writer"],
            "score": 1.5,
            "active": True,
        }
    )


def make_store(folder: Path, entries: int) -> None:
    (folder / "migrations").mkdir(parents=True)
    (folder / "migrations" / "2.0.0_profile.toml").write_text(MIGRATION)
    with llmspell.open(folder / "state") as store:
        for first in range(0, entries, 10_000):
            numbers = range(first, min(first + 10_000, entries))
            puts = tuple(Put("user", f"key{number:07}", document(number)) for number in numbers)
            store.backend.commit(Batch(time.time(), puts))


def make_bare(folder: Path, entries: int) -> None:
    connection = open_bare(folder)
    connection.execute(
        "CREATE TABLE entries (id INTEGER PRIMARY KEY, scope TEXT, key TEXT, version INTEGER, value BLOB, "
        "UNIQUE (scope, key))"
    )
    connection.execute("BEGIN")
    rows = ((f"key{number:07}", document(number)) for number in range(entries))
    connection.executemany("INSERT INTO entries (scope, key, version, value) VALUES ('user', ?, 1, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


def open_bare(folder: Path) -> apsw.Connection:
    connection = apsw.Connection(str(folder / "bare.db"))
    connection.pragma("journal_mode", "WAL")
    connection.pragma("synchronous", "FULL")
    connection.pragma("cache_size", -65536)
    connection.wal_autocheckpoint(8000)
    return connection


def changed(text: object) -> bytes:
    value = orjson.loads(cast("bytes", text))
    value["profile"] = {"age": value.pop("age")}
    value.setdefault("language", "en")
    value.pop("fax")
    return orjson.dumps(value)


def loop_by_key(folder: Path) -> float:
    """Give the seconds of the loop by hand that addresses entries as scripts do, by scope and key."""
    connection = open_bare(folder)
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for scope, key, text in connection.execute("SELECT scope, key, value FROM entries").fetchall():
        connection.execute(
            "UPDATE entries SET version = 2, value = ? WHERE scope = ? AND key = ?", (changed(text), scope, key)
        )
    connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def loop_by_row(folder: Path) -> float:
    """Give the seconds of the leanest loop: it addresses entries by the engine's own row numbers."""
    connection = open_bare(folder)
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for row, text in connection.execute("SELECT id, value FROM entries").fetchall():
        connection.execute("UPDATE entries SET version = 2, value = ? WHERE id = ?", (changed(text), row))
    connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def migrate(folder: Path, target: str) -> float:
    """Give the seconds of a whole call of `migrate`, reading of the files included."""
    with llmspell.open(folder / "state", migrations_path=folder / "migrations") as store:
        store.load("user", "key0000000")
        started = time.perf_counter()
        result = store.migrations.migrate(target)
        seconds = time.perf_counter() - started
        assert result.items_migrated == store.backend.count("user", time.time()) > 0
    return seconds


def per_entry(entries: int, rounds: int, place: Path) -> None:
    original = place / "original"
    make_store(original, entries)
    make_bare(original, entries)
    calls: dict[str, Callable[[Path], float]] = {
        "loop by key": loop_by_key,
        "loop by row": loop_by_row,
        "migrate up": lambda folder: migrate(folder, "2.0.0"),
    }
    figures: dict[str, list[float]] = {name: [] for name in (*calls, "migrate down")}
    for _ in range(rounds):
        for name in random.sample(tuple(calls), len(calls)):
            folder = place / "round"
            shutil.copytree(original, folder)
            figures[name].append(calls[name](folder))
            if name == "migrate up":
                figures["migrate down"].append(migrate(folder, "1.0.0"))
            shutil.rmtree(folder)
    print(f"{entries:,} entries of about {len(document(1))} bytes, durability full, {rounds} rounds")
    for name, seconds in figures.items():
        ratio = statistics.median(one / bare for one, bare in zip(seconds, figures["loop by key"], strict=True))
        lowest, highest = min(seconds) / entries * 1e6, max(seconds) / entries * 1e6
        print(
            f"{name:14} {statistics.median(seconds) / entries * 1e6:7.2f} us an entry  x{ratio:5.2f}"
            f"  ({lowest:.2f} to {highest:.2f})"
        )


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(entries: int, place: Path) -> None:
    make = multiprocessing.get_context("fork").Process(target=make_store, args=(place, entries))
    make.start()
    make.join()
    highest = [resident_bytes()]
    before = highest[0]
    with llmspell.open(place / "state", migrations_path=place / "migrations") as store:
        store.load("user", "key0000000")
        store.migrations.listen(lambda event: highest.append(max(highest.pop(), resident_bytes())))
        started = time.perf_counter()
        store.migrations.migrate()
        seconds = time.perf_counter() - started
    grown = (max(*highest, resident_bytes()) - before) / 1e6
    print(f"{entries:,} entries: memory grows by {grown:.0f} MB, {seconds / entries * 1e6:.2f} us an entry")


def read_on(folder: Path, told: Connection) -> None:
    longest, reads = 0.0, 0
    with llmspell.open(folder / "state") as store:
        store.load("user", "key0000001")
        told.send("ready")
        while not told.poll():
            started = time.perf_counter()
            store.load("user", "key0000001")
            longest = max(longest, time.perf_counter() - started)
            reads += 1
    told.send((longest, reads))


def readers(entries: int, place: Path) -> None:
    make_store(place, entries)
    here, there = multiprocessing.Pipe()
    reader = multiprocessing.get_context("fork").Process(target=read_on, args=(place, there))
    reader.start()
    here.recv()
    seconds = migrate(place, "2.0.0")
    here.send("stop")
    longest, reads = here.recv()
    reader.join()
    print(
        f"a reader in another process during {seconds * 1e3:.0f} ms of migration: {reads:,} reads, "
        f"the longest {longest * 1e3:.1f} ms"
    )


def opening(place: Path, times: int) -> None:
    make_store(place, 10)
    migrate(place, "2.0.0")
    figures: dict[str, list[float]] = {"off": [], "on": []}
    for _ in range(times):
        for name, folder in (("off", None), ("on", place / "migrations")):
            started = time.perf_counter()
            with llmspell.open(place / "state", migrations_path=folder) as store:
                store.load("user", "key0000001")
            figures[name].append(time.perf_counter() - started)
    off, on = (statistics.median(figures[name]) for name in ("off", "on"))
    print(f"open, load, close: {off * 1e6:.0f} us with migrations off, {on * 1e6:.0f} us with nothing to migrate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000, help="entries of the comparison (100000)")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds to take the median of (5)")
    parser.add_argument("--many", type=int, default=1_000_000, help="entries of the memory measurement (1000000)")
    options = parser.parse_args()
    print(f"SQLite {apsw.sqlite_lib_version()}, Python {sys.version.split()[0]}, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(dir=".") as name:
        place = Path(name).resolve()
        memory(options.many, place / "many")
        per_entry(options.entries, options.rounds, place / "entries")
        readers(options.entries, place / "readers")
        opening(place / "opening", 200)


if __name__ == "__main__":
    main()

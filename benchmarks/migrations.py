"""What does a migration cost beside a loop written by hand on the bare engine, and what do readers feel of it?

The loops read every value, take it through `orjson` both ways and write it back, all in one transaction; they keep
nothing for the way back. The migration moves a field, fills a default and removes a field of entries of about 300
bytes; it keeps what it takes away, stamps the store and records the run.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import orjson
from benchmarks.apart import Bell, Processes, alone, processes, resident_bytes
from benchmarks.bare_sqlite import apsw_connection
from benchmarks.filling import SCOPE, fill_with, key_of
from benchmarks.measuring import DISK, Row, Scene, in_turns

import llmspell

ROUNDS = 3

_MIGRATION = """
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


def rows(scene: Scene) -> Iterator[Row]:
    """Measure migrations there and back, their memory, what readers feel, and what opening costs with them."""
    folder = scene.folder / "migrations"
    folder.mkdir()
    entries = 10_000 if scene.quick else 50_000
    many = 50_000 if scene.quick else 100_000
    rounds = min(scene.rounds, ROUNDS)
    scene.say(f"migrations of {entries:,} entries")
    yield from _per_entry(folder / "per entry", entries, rounds)
    scene.say(f"migrations: memory, {many:,} entries")
    _make_store(folder / "many", many)
    grown: dict[str, list[float]] = {"llmspell": [alone(_growth, folder / "many")]}
    shutil.rmtree(folder / "many")
    yield Row("upkeep", "memory that a migration takes", "", "MB", grown)
    scene.say("migrations: readers")
    yield from _readers(folder / "readers", entries, rounds)
    yield _opening(folder / "opening", rounds)


def _per_entry(folder: Path, entries: int, rounds: int) -> Iterator[Row]:
    original, place = folder / "original", folder / "round"
    _make_store(original, entries)
    _make_bare(original, entries)
    there = folder / "there"
    shutil.copytree(original, there)
    _migrate(there, "2.0.0")

    def of_a_copy(source: Path, work: Callable[[Path], float], _: int) -> float:
        shutil.copytree(source, place)
        try:
            return work(place) / entries
        finally:
            shutil.rmtree(place)

    yield Row(
        "upkeep",
        "migration, an entry",
        DISK,
        "us",
        in_turns(
            {
                "llmspell": partial(of_a_copy, original, partial(_migrate, target="2.0.0")),
                "llmspell, back": partial(of_a_copy, there, partial(_migrate, target="1.0.0")),
                "bare apsw, by key": partial(of_a_copy, original, _loop_by_key),
                "bare apsw, by row number": partial(of_a_copy, original, _loop_by_row),
            },
            rounds,
        ),
    )


def _readers(folder: Path, entries: int, rounds: int) -> Iterator[Row]:
    _make_store(folder, entries)

    def longest(other: Processes, work: Callable[[], object]) -> float:
        reading = other.start(_read_on, folder / "state")
        work()
        return reading.stop()[0]

    with processes(1) as other:

        def migrating(_: int) -> float:
            seconds = longest(other, partial(_migrate, folder, "2.0.0"))
            _migrate(folder, "1.0.0")
            return seconds

        figures = in_turns(
            {"otherwise": lambda _: longest(other, partial(time.sleep, 0.3)), "during a migration": migrating}, rounds
        )
    yield Row("upkeep", "the longest load of another process", "", "ms", figures)


def _opening(folder: Path, rounds: int) -> Row:
    _make_store(folder, 10)
    _migrate(folder, "2.0.0")

    def opened(migrations_path: Path | None, _: int) -> float:
        started = time.perf_counter()
        for _ in range(20):
            with llmspell.open(folder / "state", migrations_path=migrations_path) as store:
                store.load(SCOPE, key_of(1))
        return (time.perf_counter() - started) / 20

    figures = in_turns(
        {"migrations off": partial(opened, None), "nothing to migrate": partial(opened, folder / "migrations")}, rounds
    )
    return Row("upkeep", "open, load, close", "", "us", figures)


def _migrate(folder: Path, target: str) -> float:
    """Give the seconds of a whole call of `migrate`, reading of the files included."""
    with llmspell.open(folder / "state", migrations_path=folder / "migrations") as store:
        store.load(SCOPE, key_of(0))
        started = time.perf_counter()
        result = store.migrations.migrate(target)
        seconds = time.perf_counter() - started
        if result.items_migrated != store.backend.count(SCOPE, time.time()):
            raise RuntimeError(f"the migration to {target} went wrong: {result}")
    return seconds


def _loop_by_key(folder: Path) -> float:
    """Give the seconds of the loop by hand that addresses entries as scripts do, by scope and key."""
    connection = apsw_connection(folder / "bare.db", "FULL")
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for scope, key, text in connection.execute("SELECT scope, key, value FROM entries").fetchall():
        connection.execute(
            "UPDATE entries SET version = 2, value = ? WHERE scope = ? AND key = ?", (_changed(text), scope, key)
        )
    connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def _loop_by_row(folder: Path) -> float:
    """Give the seconds of the leanest loop: it addresses entries by the engine's own row numbers."""
    connection = apsw_connection(folder / "bare.db", "FULL")
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for row, text in connection.execute("SELECT id, value FROM entries").fetchall():
        connection.execute("UPDATE entries SET version = 2, value = ? WHERE id = ?", (_changed(text), row))
    connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def _changed(text: object) -> bytes:
    value = orjson.loads(cast("bytes", text))
    value["profile"] = {"age": value.pop("age")}
    value.setdefault("language", "en")
    value.pop("fax")
    return orjson.dumps(value)


def _growth(bell: Bell, folder: Path) -> float:
    """Give by how many bytes this process grows at most, as it migrates."""
    with llmspell.open(folder / "state", migrations_path=folder / "migrations") as store:
        store.load(SCOPE, key_of(0))
        bell.ready()
        before = most = resident_bytes()

        def look(_: object) -> None:
            nonlocal most
            most = max(most, resident_bytes())

        store.migrations.listen(look)
        store.migrations.migrate()
        return max(most, resident_bytes()) - before


def _read_on(bell: Bell, path: Path) -> float:
    """Load until told to end; give the seconds of the longest load."""
    longest = 0.0
    with llmspell.open(path) as store:
        store.load(SCOPE, key_of(1))
        bell.ready()
        while not bell.stopped():
            started = time.perf_counter()
            store.load(SCOPE, key_of(1))
            longest = max(longest, time.perf_counter() - started)
    return longest


def _document(number: int) -> bytes:
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


def _make_store(folder: Path, entries: int) -> None:
    (folder / "migrations").mkdir(parents=True)
    (folder / "migrations" / "2.0.0_profile.toml").write_text(_MIGRATION)
    with llmspell.open(folder / "state") as store:
        fill_with(store, ((key_of(number), _document(number)) for number in range(entries)))


def _make_bare(folder: Path, entries: int) -> None:
    connection = apsw_connection(folder / "bare.db", "FULL")
    connection.execute(
        "CREATE TABLE entries (id INTEGER PRIMARY KEY, scope TEXT, key TEXT, version INTEGER, value BLOB, "
        "UNIQUE (scope, key))"
    )
    connection.execute("BEGIN")
    entries_made = ((SCOPE, key_of(number), _document(number)) for number in range(entries))
    connection.executemany("INSERT INTO entries (scope, key, version, value) VALUES (?, ?, 1, ?)", entries_made)
    connection.execute("COMMIT")
    connection.close()

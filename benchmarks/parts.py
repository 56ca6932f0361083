"""Where does the time of one save and one load go? The same call with one layer more each time.

Values of 200 bytes, durability "normal", so that no disk hides the rest. `docs/performance.md` tells what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import apsw
import orjson
from benchmarks.bare_sqlite import apsw_connection
from benchmarks.measuring import PROCESS, Goal, Row, Scene, in_turns, timed
from benchmarks.shapes import SMALL

import llmspell
from llmspell import Store
from llmspell.backends.sqlite import layout, writing
from llmspell.backends.sqlite.backend import SqliteBackend
from llmspell.backends.sqlite.connections import DiskDatabase
from llmspell.backends.sqlite.reading import SqliteReader
from llmspell.batch import Batch, Put

AREA = "parts of a call"
GOALS: tuple[Goal, ...] = ()
KEYS = [f"key{number}" for number in range(500)]

_WITHOUT_VERSION_ROW = """
INSERT INTO entries (scope, key, version, created_at, updated_at, expires_at, value)
VALUES ('bench', ?1, ?3, 1.0, 1.0, NULL, ?2)
ON CONFLICT (scope, key) DO UPDATE SET version = excluded.version, updated_at = ?3, value = excluded.value
"""
_BARE_SAVE = """
INSERT INTO entries (scope, key, value) VALUES ('bench', ?1, ?2)
ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value
"""
_BARE_LOAD = "SELECT value FROM entries WHERE scope = 'bench' AND key = ?"


def bare(file: Path) -> apsw.Connection:
    connection = apsw_connection(file, "NORMAL")
    connection.execute(
        "CREATE TABLE entries (id INTEGER PRIMARY KEY, scope TEXT, key TEXT, value BLOB, UNIQUE (scope, key))"
    )
    return connection


def without_version_row(file: Path) -> apsw.Connection:
    """Give a database of the store's layout whose version nobody keeps up."""
    connection = apsw_connection(file, "NORMAL")
    layout.create(connection, "1.0.0")
    connection.execute("DROP TRIGGER version_follows_insert; DROP TRIGGER version_follows_update")
    return connection


def saves(folder: Path, store: Store) -> Mapping[str, Callable[[str, int], object]]:
    """Give what saves entry `key` with a number in it, the least first."""
    plain = bare(folder / "bare.db")
    no_row = without_version_row(folder / "no-row.db")
    laid = apsw_connection(folder / "laid.db", "NORMAL")
    layout.create(laid, "1.0.0")
    reader = SqliteReader(laid)
    backend = store.backend

    def text(number: int) -> bytes:
        return orjson.dumps(SMALL.make(number))

    return {
        "bare engine: one upsert": lambda key, n: plain.execute(_BARE_SAVE, (key, text(n))),
        "+ times, expiry, version of the entry": lambda key, n: no_row.execute(
            _WITHOUT_VERSION_ROW, (key, text(n), float(n))
        ),
        "+ the store's version, in a page of its own": lambda key, n: writing.put_one(
            reader, Put("bench", key, text(n)), 1.0
        ),
        "+ turn, deleted files noticed (backend.commit)": lambda key, n: backend.commit(
            Batch(1.0, (Put("bench", key, text(n)),))
        ),
        "+ names, limits (store.save_json)": lambda key, n: store.save_json("bench", key, text(n)),
        "llmspell: + every part of the value looked at": lambda key, n: store.save("bench", key, SMALL.make(n)),
    }


def loads(folder: Path, store: Store) -> Mapping[str, Callable[[str, int], object]]:
    """Give what loads entry `key`, the least first."""
    file = folder / "store" / "state.db"
    held, usual = apsw_connection(file, "NORMAL"), apsw_connection(file, "NORMAL")
    unlocked = apsw_connection(file, "NORMAL", flags=apsw.SQLITE_OPEN_NOMUTEX)
    held.execute("BEGIN; SELECT 1 FROM sqlite_schema")
    inside, outside, without_mutex = held.cursor().execute, usual.cursor().execute, unlocked.cursor().execute
    assert isinstance(store.backend, SqliteBackend)
    database = store.backend._database
    assert isinstance(database, DiskDatabase)
    return {
        "bare engine in a read transaction held open": lambda key, _: inside(_BARE_LOAD, (key,)).get,
        "bare engine, no mutex in the connection": lambda key, _: without_mutex(_BARE_LOAD, (key,)).get,
        "bare engine": lambda key, _: outside(_BARE_LOAD, (key,)).get,
        "bare engine, a cursor made for each": lambda key, _: usual.execute(_BARE_LOAD, (key,)).get,
        "+ version, times, expiry (backend.get)": lambda key, _: database.get("bench", key, 1.0),
        "+ names (store.stored)": lambda key, _: store.stored("bench", key),
        "llmspell: + decoding": lambda key, _: store.load("bench", key),
    }


def rows(scene: Scene) -> Iterator[Row]:
    """Take a save and a load apart."""
    times = 500 if scene.quick else 3_000

    def figure(call: Callable[[str, int], object]) -> Callable[[int], float]:
        return lambda turn: timed(call, [(KEYS[n % len(KEYS)], turn * times + n) for n in range(times)])

    with llmspell.open(scene.folder / "store", durability="normal") as store:
        for number, key in enumerate(KEYS):
            store.save("bench", key, SMALL.make(number))
        for verb, kept, calls in (
            ("save", PROCESS, saves(scene.folder, store)),
            ("load", "", loads(scene.folder, store)),
        ):
            scene.say(f"parts of a {verb}")
            figures = in_turns({name: figure(call) for name, call in calls.items()}, scene.rounds)
            yield Row(AREA, f"{verb}, 200 B, layer by layer", kept, "us", figures)

"""How are llmspell and bare engines asked?

Both SQLites have the settings that the store uses; beside them LMDB, and Python's shelve."""

from __future__ import annotations

import itertools
import shelve
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from benchmarks.bare_sqlite import apsw_connection, standard_connection
from benchmarks.measuring import DISK, MEMORY, PROCESS
from benchmarks.peer import SCOPE, Entries, Peer, after

import llmspell
from llmspell.batch import Batch, Put
from llmspell.entry import JsonValue

_TABLE = "CREATE TABLE entries (id INTEGER PRIMARY KEY, scope TEXT, key TEXT, value BLOB, UNIQUE (scope, key))"
_UPSERT = (
    "INSERT INTO entries (scope, key, value) VALUES (?, ?, ?) "
    "ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value"
)
_SELECT = "SELECT value FROM entries WHERE scope = ? AND key = ?"
_DELETE = "DELETE FROM entries WHERE scope = ? AND key = ?"
_PAGE = "SELECT key FROM entries WHERE scope = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"


class Llmspell(Peer):
    """The store, as a Python program uses it."""

    def __init__(self, folder: Path, durability: str) -> None:
        self.store = (
            llmspell.open(backend="memory") if durability == "memory" else llmspell.open(folder, durability=durability)
        )

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self.store.save(SCOPE, key, value)

    def load(self, key: str) -> object:
        return self.store.load(SCOPE, key)

    def delete(self, key: str) -> object:
        return self.store.delete(SCOPE, key)

    def page(self, prefix: str, limit: int) -> list[str]:
        return self.store.list_keys(SCOPE, prefix=prefix, limit=limit)

    def fill(self, entries: Entries) -> None:
        for first in range(0, len(entries), 10_000):
            part = entries[first : first + 10_000]
            self.store.backend.commit(
                Batch(time.time(), tuple(Put(SCOPE, key, orjson.dumps(value)) for key, value in part))
            )

    def close(self) -> None:
        self.store.close()


class Apsw(Peer):
    """SQLite without us: one table, one statement in autocommit, the same engine and settings as the store's."""

    def __init__(self, folder: Path, synchronous: str) -> None:
        folder.mkdir()
        self._connection = apsw_connection(folder / "bare.db", synchronous)
        self._connection.execute(_TABLE)

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self._connection.execute(_UPSERT, (SCOPE, key, orjson.dumps(value)))

    def load(self, key: str) -> object:
        text = self._connection.execute(_SELECT, (SCOPE, key)).get
        assert isinstance(text, bytes)
        return orjson.loads(text)

    def delete(self, key: str) -> object:
        return self._connection.execute(_DELETE, (SCOPE, key))

    def page(self, prefix: str, limit: int) -> list[str]:
        return [str(key) for (key,) in self._connection.execute(_PAGE, (SCOPE, prefix, after(prefix), limit))]

    def fill(self, entries: Entries) -> None:
        with self._connection:
            self._connection.executemany(_UPSERT, ((SCOPE, key, orjson.dumps(value)) for key, value in entries))

    def close(self) -> None:
        self._connection.close()


class StandardSqlite(Peer):
    """Python's own sqlite3, with its own SQLite, in autocommit and with the same settings."""

    def __init__(self, folder: Path, synchronous: str) -> None:
        folder.mkdir()
        self._connection = standard_connection(folder / "standard.db", synchronous)
        self._connection.execute(_TABLE)

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self._connection.execute(_UPSERT, (SCOPE, key, orjson.dumps(value)))

    def load(self, key: str) -> object:
        return orjson.loads(self._connection.execute(_SELECT, (SCOPE, key)).fetchone()[0])

    def delete(self, key: str) -> object:
        return self._connection.execute(_DELETE, (SCOPE, key))

    def page(self, prefix: str, limit: int) -> list[str]:
        return [key for (key,) in self._connection.execute(_PAGE, (SCOPE, prefix, after(prefix), limit))]

    def fill(self, entries: Entries) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany(_UPSERT, ((SCOPE, key, orjson.dumps(value)) for key, value in entries))
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class Lmdb(Peer):
    """LMDB: a memory map that is copied on write; `sync` says whether a commit waits for the disk."""

    def __init__(self, folder: Path, sync: bool) -> None:
        import lmdb

        folder.mkdir()
        self._environment = lmdb.open(str(folder), map_size=4 << 30, sync=sync, metasync=sync)

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        with self._environment.begin(write=True) as transaction:
            return transaction.put(key.encode(), orjson.dumps(value))

    def load(self, key: str) -> object:
        with self._environment.begin() as transaction:
            return orjson.loads(transaction.get(key.encode()))

    def delete(self, key: str) -> object:
        with self._environment.begin(write=True) as transaction:
            return transaction.delete(key.encode())

    def page(self, prefix: str, limit: int) -> list[str]:
        start = prefix.encode()
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            if not cursor.set_range(start):
                return []
            keys = itertools.takewhile(lambda key: key.startswith(start), cursor.iternext(keys=True, values=False))
            return [key.decode() for key in itertools.islice(keys, limit)]

    def fill(self, entries: Entries) -> None:
        with self._environment.begin(write=True) as transaction:
            for key, value in entries:
                transaction.put(key.encode(), orjson.dumps(value))

    def close(self) -> None:
        self._environment.close()


_KEPT_BY_SHELVES = {
    "dbm.gnu": (MEMORY, DISK),
    "dbm.sqlite3": (DISK, DISK),
    "dbm.ndbm": (MEMORY, MEMORY),
    "dbm.dumb": (MEMORY, PROCESS),
}
"""What a shelf keeps without and with `sync`, by the module behind it: gdbm's `sync` waits for the disk; SQLite commits
each entry; ndbm has no `sync`; the plain one writes its index at `sync`, and waits for nothing."""


def shelf_module() -> str:
    """Give the name of the module behind a shelf here: dbm takes the first one that there is."""
    for name in ("dbm.sqlite3", "dbm.gnu", "dbm.ndbm"):
        try:
            import_module(name)
        except ImportError:
            continue
        return name
    return "dbm.dumb"


def shelf_keeps(sync: bool) -> str:
    """Give what has happened to an entry that was put on a shelf here."""
    return _KEPT_BY_SHELVES[shelf_module()][sync]


class Shelf(Peer):
    """Python's shelve, with its own codec (pickle); with `sync` each entry is followed by `Shelf.sync()`."""

    lists = False

    def __init__(self, folder: Path, sync: bool) -> None:
        folder.mkdir()
        self._shelf: shelve.Shelf[Any] = shelve.DbfilenameShelf(str(folder / "shelf"))
        self._sync = sync

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        self._shelf[key] = value
        if self._sync:
            self._shelf.sync()
        return None

    def load(self, key: str) -> object:
        return self._shelf[key]

    def delete(self, key: str) -> object:
        del self._shelf[key]
        if self._sync:
            self._shelf.sync()
        return None

    def fill(self, entries: Entries) -> None:
        self._shelf.update(entries)
        self._shelf.sync()

    def close(self) -> None:
        self._shelf.close()

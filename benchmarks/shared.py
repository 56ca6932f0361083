"""How are contestants asked that several processes share, and whose writes go in transactions?

Everybody can open the same files again, from any process. A value goes in as a dict, and each pays for its codec.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orjson
from benchmarks.bare_sqlite import apsw_connection, standard_connection
from benchmarks.peer import SCOPE, Entries, after

import llmspell
from llmspell.entry import JsonValue

WAIT_SECONDS = 30
"""How long engines without a queue of writers try again before they give up."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, scope TEXT, key TEXT, value BLOB, UNIQUE (scope, key))"
)
_UPSERT = (
    "INSERT INTO entries (scope, key, value) VALUES (?, ?, ?) "
    "ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value"
)
_SELECT = "SELECT value FROM entries WHERE scope = ? AND key = ?"
_KEYS = "SELECT key FROM entries WHERE scope = ? AND key >= ? AND key < ? ORDER BY key"


class Shared:
    """A store of somebody, open in one process. What a contestant is not asked for, it does not have."""

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        """Store the value, in a step of its own."""
        raise NotImplementedError

    def save_all(self, entries: Entries) -> object:
        """Store all of them, in one step that happens whole or not at all."""
        raise NotImplementedError

    def load(self, key: str) -> object:
        """Give the value as a dict."""
        raise NotImplementedError

    def keys(self, prefix: str) -> list[str]:
        """Give the keys that begin with `prefix`, in order."""
        raise NotImplementedError

    def count(self) -> int:
        """Give how many entries there are."""
        raise NotImplementedError

    def increment(self, key: str) -> object:
        """Add 1 to a number, which begins at 0, in one step."""
        raise NotImplementedError

    def number(self, key: str) -> int:
        """Give the number that `increment` counts."""
        raise NotImplementedError

    def close(self) -> None:
        """Give up files and connections."""
        raise NotImplementedError


class Contestant(NamedTuple):
    """Who takes part, in a form that other processes can be given."""

    make: Callable[[str, str], Shared]
    place: str
    """The folder; of Redis the port."""
    way: str
    """What its writes wait for, in its own words."""

    def open(self) -> Shared:
        """Open it in this process."""
        return self.make(self.place, self.way)


class Llmspell(Shared):
    """The store, as a Python program uses it."""

    def __init__(self, folder: str, durability: str) -> None:
        memory = durability == "memory"
        self._store = llmspell.open(backend="memory") if memory else llmspell.open(folder, durability=durability)

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self._store.save(SCOPE, key, value)

    def save_all(self, entries: Entries) -> object:
        with self._store.transaction() as state:
            for key, value in entries:
                state.save(SCOPE, key, value)
        return None

    def load(self, key: str) -> object:
        return self._store.load(SCOPE, key)

    def keys(self, prefix: str) -> list[str]:
        return self._store.list_keys(SCOPE, prefix=prefix)

    def count(self) -> int:
        return self._store.backend.count(SCOPE, time.time())

    def increment(self, key: str) -> object:
        return self._store.increment(SCOPE, key)

    def number(self, key: str) -> int:
        found = self._store.load(SCOPE, key, 0)
        assert isinstance(found, int)
        return found

    def close(self) -> None:
        self._store.close()


class Apsw(Shared):
    """SQLite without us: one table, the same engine and settings as the store's; who finds it locked tries again."""

    def __init__(self, folder: str, synchronous: str) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._connection = apsw_connection(Path(folder, "bare.db"), synchronous, wait_seconds=WAIT_SECONDS)
        self._connection.execute(_TABLE)

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self._connection.execute(_UPSERT, (SCOPE, key, orjson.dumps(value)))

    def save_all(self, entries: Entries) -> object:
        self._connection.execute("BEGIN IMMEDIATE")
        for key, value in entries:
            self._connection.execute(_UPSERT, (SCOPE, key, orjson.dumps(value)))
        return self._connection.execute("COMMIT")

    def load(self, key: str) -> object:
        text = self._connection.execute(_SELECT, (SCOPE, key)).get
        assert isinstance(text, bytes)
        return orjson.loads(text)

    def keys(self, prefix: str) -> list[str]:
        return [str(key) for (key,) in self._connection.execute(_KEYS, (SCOPE, prefix, after(prefix)))]

    def count(self) -> int:
        found = self._connection.execute("SELECT count(*) FROM entries").get
        assert isinstance(found, int)
        return found

    def increment(self, key: str) -> object:
        self._connection.execute("BEGIN IMMEDIATE")
        number = self.number(key) + 1
        self._connection.execute(_UPSERT, (SCOPE, key, orjson.dumps(number)))
        return self._connection.execute("COMMIT")

    def number(self, key: str) -> int:
        found = self._connection.execute(_SELECT, (SCOPE, key)).get
        return 0 if found is None else int(orjson.loads(found))

    def close(self) -> None:
        self._connection.close()


class StandardSqlite(Shared):
    """Python's own sqlite3, with its own SQLite and the same settings."""

    def __init__(self, folder: str, synchronous: str) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._connection = standard_connection(Path(folder, "standard.db"), synchronous, wait_seconds=WAIT_SECONDS)
        self._connection.execute(_TABLE)

    def save_all(self, entries: Entries) -> object:
        self._connection.execute("BEGIN IMMEDIATE")
        for key, value in entries:
            self._connection.execute(_UPSERT, (SCOPE, key, orjson.dumps(value)))
        return self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class Diskcache(Shared):
    """`diskcache.Cache` with nothing ever culled; its own setting for SQLite's `synchronous` is the way."""

    def __init__(self, folder: str, synchronous: str) -> None:
        import diskcache

        level = {"NORMAL": 1, "FULL": 2}[synchronous]
        self._cache = diskcache.Cache(folder, eviction_policy="none", sqlite_synchronous=level)

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self._cache.set(key, orjson.dumps(value), retry=True)

    def save_all(self, entries: Entries) -> object:
        with self._cache.transact(retry=True):
            for key, value in entries:
                self._cache.set(key, orjson.dumps(value))
        return None

    def increment(self, key: str) -> object:
        return self._cache.incr(key, retry=True)

    def number(self, key: str) -> int:
        return int(self._cache.get(key, 0))

    def close(self) -> None:
        self._cache.close()


class Lmdb(Shared):
    """LMDB: a memory map that is copied on write; the way "sync" has commits wait for the disk."""

    def __init__(self, folder: str, way: str) -> None:
        import lmdb

        Path(folder).mkdir(parents=True, exist_ok=True)
        self._environment = lmdb.open(folder, map_size=4 << 30, sync=way == "sync", metasync=way == "sync")

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        with self._environment.begin(write=True) as transaction:
            return transaction.put(key.encode(), orjson.dumps(value))

    def save_all(self, entries: Entries) -> object:
        with self._environment.begin(write=True) as transaction:
            for key, value in entries:
                transaction.put(key.encode(), orjson.dumps(value))
        return None

    def load(self, key: str) -> object:
        with self._environment.begin() as transaction:
            text = transaction.get(key.encode())
        assert text is not None
        return orjson.loads(text)

    def keys(self, prefix: str) -> list[str]:
        start = prefix.encode()
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            if not cursor.set_range(start):
                return []
            found = itertools.takewhile(lambda key: key.startswith(start), cursor.iternext(keys=True, values=False))
            return [key.decode() for key in found]

    def count(self) -> int:
        return int(self._environment.stat()["entries"])

    def close(self) -> None:
        self._environment.close()


class Redis(Shared):
    """Redis on loopback through redis-py; the server is somebody else's to start and end."""

    def __init__(self, port: str, _: str) -> None:
        import redis

        self._client = redis.Redis(port=int(port))

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self._client.set(key, orjson.dumps(value))

    def save_all(self, entries: Entries) -> object:
        pipeline = self._client.pipeline(transaction=True)
        for key, value in entries:
            pipeline.set(key, orjson.dumps(value))
        return pipeline.execute()

    def increment(self, key: str) -> object:
        return self._client.incr(key)

    def number(self, key: str) -> int:
        return int(self._client.get(key) or 0)

    def close(self) -> None:
        self._client.close()

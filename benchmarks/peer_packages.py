"""How are the packages asked that programs use for such state? Each in the way that its documentation shows."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Coroutine, Iterable
from pathlib import Path

import orjson
from benchmarks.measuring import collector_held, timed
from benchmarks.peer import SCOPE, Entries, Peer
from benchmarks.redis_server import RedisServer

from llmspell.entry import JsonValue


class Diskcache(Peer):
    """`diskcache.Cache`: SQLite in WAL with synchronous NORMAL, as it comes, but nothing is ever culled."""

    def __init__(self, folder: Path) -> None:
        import diskcache

        self._cache = diskcache.Cache(folder, eviction_policy="none")

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self._cache.set(key, orjson.dumps(value))

    def load(self, key: str) -> object:
        return orjson.loads(self._cache.get(key))

    def delete(self, key: str) -> object:
        return self._cache.delete(key)

    def page(self, prefix: str, limit: int) -> list[str]:
        found = itertools.takewhile(
            lambda key: key.startswith(prefix),
            itertools.dropwhile(lambda key: key < prefix, self._cache.iterkeys()),
        )
        return list(itertools.islice(found, limit))

    def fill(self, entries: Entries) -> None:
        with self._cache.transact():
            for key, value in entries:
                self._cache.set(key, orjson.dumps(value))

    def close(self) -> None:
        self._cache.close()


class Sqlitedict(Peer):
    """`SqliteDict`, with orjson as its codec. It switches SQLite's syncs off, and writes in a thread of its own.

    With `autocommit` a save only hands its entry to that thread; so the wait for the thread at the end counts as well.
    Without, each save is followed by `commit()`, which waits for the thread.
    """

    def __init__(self, folder: Path, autocommit: bool) -> None:
        import sqlitedict

        folder.mkdir()
        self._autocommit = autocommit
        self._dict = sqlitedict.SqliteDict(
            str(folder / "dict.db"), autocommit=autocommit, encode=orjson.dumps, decode=orjson.loads
        )

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        self._dict[key] = value
        if not self._autocommit:
            self._dict.commit()
        return None

    def load(self, key: str) -> object:
        return self._dict[key]

    def delete(self, key: str) -> object:
        del self._dict[key]
        if not self._autocommit:
            self._dict.commit()
        return None

    def page(self, prefix: str, limit: int) -> list[str]:
        return list(itertools.islice(sorted(key for key in self._dict if key.startswith(prefix)), limit))

    def fill(self, entries: Entries) -> None:
        self._dict.update(entries)
        self._dict.commit()

    def seconds(self, verb: str, arguments: Iterable[tuple[object, ...]]) -> float:
        calls = list(arguments)
        if not self._autocommit or verb not in ("save", "delete"):
            return super().seconds(verb, calls)
        call = getattr(self, verb)

        def all_of_them() -> None:
            for each in calls:
                call(*each)
            self._dict.commit()

        return timed(all_of_them, [()]) / len(calls)

    def close(self) -> None:
        self._dict.close()


class Redis(Peer):
    """Redis on loopback through redis-py; the server belongs to this contestant."""

    def __init__(self, folder: Path, keeping: tuple[str, ...]) -> None:
        import redis

        self._server = RedisServer(folder, keeping)
        self._client = redis.Redis(port=self._server.port)

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return self._client.set(key, orjson.dumps(value))

    def load(self, key: str) -> object:
        return orjson.loads(self._client.get(key))

    def delete(self, key: str) -> object:
        return self._client.delete(key)

    def page(self, prefix: str, limit: int) -> list[str]:
        found = self._client.scan_iter(match=f"{prefix}*", count=1000)
        return sorted(key.decode() for key in found)[:limit]

    def fill(self, entries: Entries) -> None:
        for first in range(0, len(entries), 10_000):
            self._client.mset({key: orjson.dumps(value) for key, value in entries[first : first + 10_000]})

    def close(self) -> None:
        self._client.close()
        self._server.close()


class Langgraph(Peer):
    """LangGraph's `SqliteStore`, made as its `from_conn_string` makes it; it has a codec of its own.

    What stands before the colon of a key is part of the namespace, so that a page can be asked for. A page comes with
    the values; the namespace that it asks for must be whole, and of a larger one the latest written would come.
    """

    def __init__(self, folder: Path) -> None:
        from langgraph.store.base import PutOp
        from langgraph.store.sqlite import SqliteStore

        folder.mkdir()
        self._opened = SqliteStore.from_conn_string(str(folder / "store.db"))
        self._store = self._opened.__enter__()
        self._store.setup()
        self._put = PutOp

    def save(self, key: str, value: dict[str, JsonValue]) -> object:
        space, _, name = key.partition(":")
        return self._store.put((SCOPE, space), name, value, index=False)

    def load(self, key: str) -> object:
        space, _, name = key.partition(":")
        return self._store.get((SCOPE, space), name).value

    def delete(self, key: str) -> object:
        space, _, name = key.partition(":")
        return self._store.delete((SCOPE, space), name)

    def page(self, prefix: str, limit: int) -> list[str]:
        found = self._store.search((SCOPE, prefix.removesuffix(":")), limit=limit)
        return sorted(prefix + entry.key for entry in found)

    def fill(self, entries: Entries) -> None:
        for first in range(0, len(entries), 200):
            puts = []
            for key, value in entries[first : first + 200]:
                space, _, name = key.partition(":")
                puts.append(self._put((SCOPE, space), name, value, index=False))
            self._store.batch(puts)

    def close(self) -> None:
        self._opened.__exit__(None, None, None)


class KeyValue(Peer):
    """The disk store of py-key-value-aio, which stands on diskcache; all calls of a figure are awaited in one loop."""

    lists = False

    def __init__(self, folder: Path) -> None:
        from key_value.aio.stores.disk import DiskStore

        self._loop = asyncio.new_event_loop()
        self._store = DiskStore(directory=folder)

    async def save(self, key: str, value: dict[str, JsonValue]) -> object:
        return await self._store.put(key, value, collection=SCOPE)

    async def load(self, key: str) -> object:
        return await self._store.get(key, collection=SCOPE)

    async def delete(self, key: str) -> object:
        return await self._store.delete(key, collection=SCOPE)

    def fill(self, entries: Entries) -> None:
        self.awaited(self._store.put_many(*zip(*entries, strict=True), collection=SCOPE))

    def awaited(self, call: Coroutine[object, object, object]) -> object:
        """Run the call of one verb to its end, and give what it gives."""
        return self._loop.run_until_complete(call)

    def seconds(self, verb: str, arguments: Iterable[tuple[object, ...]]) -> float:
        calls, call = list(arguments), getattr(self, verb)

        async def all_of_them() -> float:
            started = time.perf_counter()
            for each in calls:
                await call(*each)
            return (time.perf_counter() - started) / len(calls)

        with collector_held():
            return self._loop.run_until_complete(all_of_them())

    def close(self) -> None:
        self._loop.run_until_complete(self._store.close())
        self._loop.close()

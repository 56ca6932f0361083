"""Who is measured, and what does each of them promise when a call returns?

A contestant stands under the promise that it keeps as it is set here, which was looked up in its source and by the
system calls that it makes, and not under the one that would make llmspell look good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import peer_engines as engines
from benchmarks import peer_packages as packages
from benchmarks import redis_server
from benchmarks.measuring import DISK, MEMORY, PROCESS
from benchmarks.peer import Peer, left_out


class Offer(NamedTuple):
    """A contestant that could take part."""

    package: str
    """Under this name it stands where nothing is written."""
    name: str
    kept: str
    make: Callable[[Path], Peer]
    """Opens it in a folder that does not exist yet; `ImportError` when it is not installed."""
    note: str = ""


def offers() -> tuple[Offer, ...]:
    """Give all contestants, llmspell first."""
    shelf, on = partial(Offer, "shelve"), f"pickle, on {engines.shelf_module()}"
    return (
        Offer("llmspell", "llmspell full", DISK, partial(engines.Llmspell, durability="full")),
        Offer("llmspell", "llmspell normal", PROCESS, partial(engines.Llmspell, durability="normal")),
        Offer(
            *("llmspell", "llmspell memory", MEMORY, partial(engines.Llmspell, durability="memory")),
            'a store with backend="memory"',
        ),
        Offer(
            *("bare apsw", "bare apsw FULL", DISK, partial(engines.Apsw, synchronous="FULL")),
            "one table in the same engine with the same settings, and orjson",
        ),
        Offer(
            "bare apsw", "bare apsw NORMAL", PROCESS, partial(engines.Apsw, synchronous="NORMAL"), "as bare apsw FULL"
        ),
        Offer(
            *("sqlite3", "sqlite3 FULL", DISK, partial(engines.StandardSqlite, synchronous="FULL")),
            "the same with Python's sqlite3 and its SQLite",
        ),
        Offer("sqlite3", "sqlite3 NORMAL", PROCESS, partial(engines.StandardSqlite, synchronous="NORMAL")),
        Offer("LMDB", "LMDB sync", DISK, partial(engines.Lmdb, sync=True)),
        Offer(
            *("LMDB", "LMDB nosync", PROCESS, partial(engines.Lmdb, sync=False)),
            "a power cut may damage the whole database, not only take the last moments",
        ),
        Offer(
            *("LangGraph", "LangGraph SqliteStore", DISK, packages.Langgraph),
            "SQLite with a rollback journal and synchronous FULL; a page brings the values",
        ),
        Offer(
            "diskcache",
            "diskcache",
            PROCESS,
            packages.Diskcache,
            "SQLite in WAL with synchronous NORMAL; a page goes over all keys before",
        ),
        Offer("py-key-value", "py-key-value DiskStore", PROCESS, packages.KeyValue, "stands on diskcache; asyncio"),
        Offer(
            *("sqlitedict", "sqlitedict + commit()", PROCESS, partial(packages.Sqlitedict, autocommit=False)),
            "waits for its thread after each write; SQLite's syncs are off, so a power cut may damage it",
        ),
        Offer(
            *("sqlitedict", "sqlitedict autocommit", MEMORY, partial(packages.Sqlitedict, autocommit=True)),
            "a call returns while the entry waits for a thread; the thread's work is in the figure",
        ),
        shelf("shelve + sync()", engines.shelf_keeps(True), partial(engines.Shelf, sync=True), on),
        shelf("shelve", engines.shelf_keeps(False), partial(engines.Shelf, sync=False), on),
        Offer("Redis", "Redis AOF always", DISK, partial(packages.Redis, keeping=redis_server.ALWAYS), "on loopback"),
        Offer(
            *("Redis", "Redis without AOF", MEMORY, partial(packages.Redis, keeping=redis_server.NEVER)),
            "on loopback; lives in the server's memory and ends with the server; a page is a SCAN of all keys",
        ),
    )


def notes() -> dict[str, str]:
    """Give by contestant what one should know of it."""
    return {offer.name: offer.note for offer in offers() if offer.note}


@contextmanager
def opened(folder: Path, chosen: Iterable[Offer], say: Callable[[str], None]) -> Iterator[dict[str, Peer]]:
    """Open each under a folder of its own, by its name; all are closed at the end.

    One that is not installed is left out, and `say` tells so.
    """
    with ExitStack() as open_ones:
        found: dict[str, Peer] = {}
        for offer in chosen:
            try:
                peer = offer.make(folder / offer.name.replace(" ", "-"))
            except (ImportError, FileNotFoundError):
                say(left_out(offer.name))
                continue
            open_ones.callback(peer.close)
            found[offer.name] = peer
        yield found


def one_of_each_package(kept: tuple[str, ...] = (PROCESS, DISK, MEMORY)) -> dict[str, Offer]:
    """Give by package one contestant, for what does not depend on a promise: the one with the first of `kept`."""
    found: dict[str, Offer] = {}
    for promise in kept:
        for offer in offers():
            if offer.kept == promise:
                found.setdefault(offer.package, offer)
    return {offer.package: found[offer.package] for offer in offers()}

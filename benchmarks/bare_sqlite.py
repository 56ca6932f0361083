"""With which settings does a bare SQLite stand beside the store? With the store's own numbers.

They are the ones that decide speed: the log, what is synced, the cache, and when the log is moved into the database.
What the store checks beyond that (every page that it reads, the schema) is its own cost.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import apsw

from llmspell.backends.sqlite.connections import _CACHE_KIB, checkpoint_pages


def apsw_connection(file: Path, synchronous: str, *, wait_seconds: float = 0, flags: int = 0) -> apsw.Connection:
    """Open a database in the store's engine; with `wait_seconds`, who finds it locked tries again for so long."""
    usual = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(file), flags=usual | flags)
    connection.set_busy_timeout(int(wait_seconds * 1000))
    connection.pragma("journal_mode", "WAL")
    connection.pragma("synchronous", synchronous)
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.wal_autocheckpoint(checkpoint_pages(synchronous))
    return connection


def standard_connection(file: Path, synchronous: str, *, wait_seconds: float = 0) -> sqlite3.Connection:
    """Open a database in Python's own sqlite3 with the same settings, in autocommit."""
    connection = sqlite3.connect(file, timeout=wait_seconds, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages(synchronous)}")
    return connection

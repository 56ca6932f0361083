"""A bare SQLite has the settings of the store beside which it is measured."""

from pathlib import Path

import pytest
from benchmarks.bare_sqlite import apsw_connection, standard_connection

import llmspell
from llmspell.backends.sqlite.backend import SqliteBackend
from llmspell.backends.sqlite.connections import DiskDatabase

PRAGMAS = ("journal_mode", "synchronous", "cache_size", "wal_autocheckpoint")


@pytest.mark.parametrize(("durability", "synchronous"), [("full", "FULL"), ("normal", "NORMAL")])
def test_both_engines_have_what_the_store_has(durability: str, synchronous: str, tmp_path: Path) -> None:
    with llmspell.open(tmp_path / "store", durability=durability) as store:
        store.save("bench", "key", 1)
        assert isinstance(store.backend, SqliteBackend)
        database = store.backend._database
        assert isinstance(database, DiskDatabase)
        reader = database.take()
        assert reader is not None
        wanted = [reader.connection.pragma(name) for name in PRAGMAS]
        database.give_back(reader)
    bare = apsw_connection(tmp_path / "bare.db", synchronous)
    standard = standard_connection(tmp_path / "standard.db", synchronous)
    assert [bare.pragma(name) for name in PRAGMAS] == wanted
    assert [standard.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS] == wanted
    bare.close()
    standard.close()

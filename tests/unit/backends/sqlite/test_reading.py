"""An interrupt in the middle of a read or a save leaves no statement open, whose locks others would wait for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

import llmspell
from llmspell import Store
from llmspell.backends.sqlite.backend import SqliteBackend
from llmspell.backends.sqlite.connections import DiskDatabase


class Interrupted:
    """A cursor that is interrupted when a statement has begun and its row has not been taken."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._cursor = cursor

    def execute(self, statement: str, values: tuple[object, ...]) -> apsw.Cursor:
        self._cursor.execute(statement, values)
        raise KeyboardInterrupt

    def close(self, force: bool) -> None:
        self._cursor.close(force)


def interrupt(store: Store, call: Callable[[], object]) -> None:
    assert isinstance(store.backend, SqliteBackend)
    database = store.backend._database
    assert isinstance(database, DiskDatabase)
    reader = database._idle[-1]
    reader._cursor = Interrupted(reader._cursor)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        call()


@pytest.mark.parametrize("durability", ["full", "output", "normal"])
def test_others_can_write_after_an_interrupted_save(tmp_path: Path, durability: str) -> None:
    with llmspell.open(tmp_path, durability=durability) as store, llmspell.open(tmp_path) as other:
        store.save("scope", "key", 1)
        interrupt(store, lambda: store.save("scope", "key", 2))
        found = other.load("scope", "key")
        assert found in (1, 2)
        assert other.save("scope", "other", found) == store.version()
        assert store.list_keys("scope") == ["key", "other"]
        assert store.load("scope", "key") == found


def test_an_interrupted_load_does_not_hold_the_moment_that_it_saw(tmp_path: Path) -> None:
    with llmspell.open(tmp_path) as store, llmspell.open(tmp_path) as other:
        store.save("scope", "key", 1)
        interrupt(store, lambda: store.load("scope", "key"))
        other.save("scope", "other", 2)
        assert store.list_keys("scope") == ["key", "other"]
        assert store.load("scope", "other") == 2

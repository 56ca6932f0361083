"""What is a database that is no file? A private one in memory, gone at the end.

It differs from `DiskDatabase` in nothing that the backend above them would notice.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import apsw

from llmspell.backends.lock import ThreadLock
from llmspell.backends.sqlite import layout
from llmspell.backends.sqlite.connections import check_engine
from llmspell.backends.sqlite.reading import SqliteReader
from llmspell.errors import StoreClosed

if TYPE_CHECKING:
    from llmspell.entry import Stored


class MemoryDatabase:
    """A private database in memory: one connection, used by one thread at a time, gone at the end.

    The connection has a lock of its own, held for single calls only: so others can read while
    somebody has the turn.
    """

    def __init__(self, schema_version: str) -> None:
        check_engine(apsw.sqlite_lib_version())
        self.name = "memory"
        self.writer = ThreadLock()
        self.revising = 0
        self._in_use = threading.RLock()
        self._reader = SqliteReader(apsw.Connection(":memory:"))
        layout.create(self._reader.connection, schema_version)
        self._closed = False

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """See `DiskDatabase.get`."""
        reader = self.take()
        try:
            return reader.get(scope, key, now)
        finally:
            self.give_back(reader)

    def take(self) -> SqliteReader:
        """See `DiskDatabase.take`; others wait until it is given back."""
        self._in_use.acquire()
        if self._closed:
            self._in_use.release()
            self.refuse_closed()
        return self._reader

    def take_for_writing(self, schema_version: str) -> SqliteReader:
        """See `DiskDatabase.take_for_writing`."""
        return self.take()

    def give_back(self, reader: SqliteReader) -> None:
        """See `DiskDatabase.give_back`."""
        self._in_use.release()

    def take_copy(self) -> SqliteReader:
        """See `DiskDatabase.take_copy`: a real copy, because one connection sees its own writes."""
        source = self.take()
        try:
            copy = apsw.Connection(":memory:")
            with copy.backup("main", source.connection, "main") as backup:
                backup.step()
            return SqliteReader(copy)
        finally:
            self.give_back(source)

    def sync(self) -> None:
        """See `DiskDatabase.sync`: there is no disk."""
        self.refuse_closed()

    def note_use(self) -> None:
        """See `DiskDatabase.note_use`: there is no disk."""

    def settle(self) -> None:
        """See `DiskDatabase.settle`: there is no disk."""

    def file_bytes(self) -> int:
        """See `DiskDatabase.file_bytes`."""
        reader = self.take()
        connection = reader.connection
        try:
            pages = int(str(connection.pragma("page_count")))
            return pages * int(str(connection.pragma("page_size")))
        finally:
            self.give_back(reader)

    def close(self) -> None:
        """See `DiskDatabase.close`."""
        with self._in_use:
            self._closed = True
            self._reader.connection.close()

    def refuse_closed(self) -> None:
        """See `DiskDatabase.refuse_closed`."""
        if self._closed:
            raise StoreClosed("the store in memory is closed; open a new one")

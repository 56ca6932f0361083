"""Where is the database, and who uses which connection to it?

A connection (with the reader on it) is taken by one thread, used, and given back; none is used by two threads at once.
"""

from __future__ import annotations

import os
import weakref
from collections import deque

import apsw

from llmspell.backends.lock import FileLock
from llmspell.backends.sqlite import layout
from llmspell.backends.sqlite.failures import translate
from llmspell.backends.sqlite.filesystem import unsafe_type
from llmspell.backends.sqlite.reading import SqliteReader
from llmspell.backends.sqlite.syncing import LogSync
from llmspell.errors import StoreClosed, StoreUnavailable, UnsafeEngine, UnsafeFileSystem
from llmspell.folders import make_folder, sync_folder
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell.entry import Stored

OLDEST_SAFE_ENGINE = (3, 51, 3)
"""Before it, several writing connections could corrupt the database (SQLite's WAL-reset bug)."""

_BUSY_MILLISECONDS = 10_000
_CACHE_KIB = 49_152  # so much memory each connection may take for pages; the system's cache holds the rest
_CHECKPOINT_PAGES = 8_000  # a save writes two pages; more of them at once cost less
_CHECKPOINT_PAGES_WHEN_SYNCED = 500
"""Syncing a log that grows takes half as long again as one that is written over, and it grows until it is moved."""


def checkpoint_pages(synchronous: str) -> int:
    """Give how many pages the log takes before it is moved into the database; `synchronous` is the engine's word."""
    return min(_CHECKPOINT_PAGES, _CHECKPOINT_PAGES_WHEN_SYNCED) if synchronous == "FULL" else _CHECKPOINT_PAGES


def check_engine(version: str) -> None:
    """Raise `UnsafeEngine` when this SQLite can lose data with several writers.

    >>> check_engine("3.51.3")
    """
    numbers = tuple(int(part) for part in version.split("."))
    if numbers < OLDEST_SAFE_ENGINE:
        safe = ".".join(map(str, OLDEST_SAFE_ENGINE))
        raise UnsafeEngine(
            f"apsw brings SQLite {version}, which can corrupt a store that several programs write "
            f"(the WAL-reset bug); llmspell needs {safe} or newer: `pip install --upgrade apsw`"
        )


class DiskDatabase:
    """The database `state.db` in a folder, shared with other processes.

    Nothing is created before the first write. A path is never opened outside SQLite once the
    database exists: closing any descriptor of it would drop this process's POSIX locks on it.
    """

    def __init__(self, folder: str, durability: str) -> None:
        check_engine(apsw.sqlite_lib_version())
        kind = unsafe_type(folder)
        if kind is not None:
            raise UnsafeFileSystem(
                f'the store in "{folder}" would lie on {kind}, where locks between programs cannot be trusted; '
                "name a folder on a local disk in [state] path"
            )
        self.name = folder
        self._folder = os.path.abspath(folder)
        self._file = os.path.join(self._folder, "state.db")
        self._synchronous = "FULL" if durability == "full" else "NORMAL"
        self._log = LogSync(self._folder, self._file, holding=durability == "output")
        self._idle: deque[SqliteReader] = deque()
        self._identity: tuple[int, int] | None = None
        self._closed = False
        self.revising = 0
        """The thread that is inside a revision, 0 when none is."""
        self.writer = FileLock(
            os.path.join(self._folder, "state.lock"),
            before_open=self._prepare_folder,
            refusal=lambda error: translate(error, folder),
        )
        if os.path.lexists(self._folder) and not os.path.isdir(self._folder):
            raise StoreUnavailable(f'"{folder}" is a file, not a folder; name a folder in [state] path')
        _open_databases.add(self)

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """Give the live entry, or None: what `take`, a read and `give_back` do, without the calls of these two."""
        try:
            reader = self._idle.pop()
        except IndexError:
            new = self.take_copy()
            if new is None:
                return None
            reader = new
        try:
            return reader.get(scope, key, now)
        finally:
            self._log.used = True
            self._idle.append(reader)
            if self._closed:
                self._close_idle(checkpoint=False)

    def take(self) -> SqliteReader | None:
        """Give a connection for reading, None while the store does not exist."""
        try:
            return self._idle.pop()
        except IndexError:
            return self.take_copy()

    def take_for_writing(self, schema_version: str) -> SqliteReader:
        """Give a connection; the store is made if it does not exist. Called inside the writer's turn."""
        reader = self.take() or self._create(schema_version)
        self._refuse_replaced()
        return reader

    def give_back(self, reader: SqliteReader, *, wrote: bool = False) -> None:
        """Take back what was taken."""
        if wrote:
            self._log.writes += 1  # in the writer's turn, so by one thread at a time
        self._log.used = True
        if self._closed:
            reader.connection.close()
        else:
            self._idle.append(reader)

    def take_copy(self) -> SqliteReader | None:
        """Give a connection that others' writes do not disturb, for a snapshot; the caller closes it.

        Once it sees its moment, the caller says so by `note_use`.
        """
        self.refuse_closed()
        if self._exists():
            return self._connect()
        if self._identity is not None:
            self._refuse_replaced()
        return None

    def sync(self) -> None:
        """Return when what was committed, here or elsewhere, is on the disk."""
        self.refuse_closed()
        self._log.sync(connected=bool(self._idle))

    def note_use(self) -> None:
        """Take note that somebody has seen what is committed now."""
        self._log.used = True

    def settle(self) -> None:
        """In durability "output": return when what was read and written here is on the disk; else at once."""
        self.refuse_closed()
        self._log.settle(self._versions)

    def file_bytes(self) -> int:
        """Give the size of the database and its log."""
        total = 0
        for suffix in ("", "-wal"):
            try:
                total += os.stat(self._file + suffix).st_size
            except FileNotFoundError:
                continue
        return total

    def close(self) -> None:
        """Settle, and close every connection. The last one to close moves the log into the database, in its turn.

        While somebody else has the turn, this cannot be the last one, so nothing is waited for.
        """
        if self._closed:
            return
        try:
            if not self._log.failed:  # which was told then
                self.settle()
        finally:
            self._close()

    def _close(self) -> None:
        self._closed = True
        _open_databases.discard(self)
        turn = False
        try:
            turn = bool(self._idle) and self._exists() and self.writer.enter_at_once()
        except (OSError, StoreUnavailable):
            pass  # who may not take the turn, or lost the files, has nothing to move
        finally:
            self._close_idle(checkpoint=turn)
            if turn:
                self.writer.__exit__()
            self.writer.close()

    def refuse_closed(self) -> None:
        """Raise `StoreClosed` after `close`."""
        if self._closed:
            raise StoreClosed(f'the store in "{self.name}" is closed; open it again')

    def forget_after_fork(self) -> None:
        """In a forked child: start with no connection and no turn."""
        self._idle = deque()
        self.revising = 0
        self._log.forget_after_fork()

    def _versions(self) -> tuple[int, str] | None:
        """Give the store's version and that of its schema, without counting that as use."""
        reader = self.take()
        if reader is None:
            return None
        try:
            return reader.version(), reader.schema_version()
        finally:
            if self._closed:
                reader.connection.close()
            else:
                self._idle.append(reader)

    def _close_idle(self, *, checkpoint: bool) -> None:
        while self._idle:
            connection = self._idle.pop().connection
            if not checkpoint:
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()

    def _prepare_folder(self) -> None:
        """Make the folder unless the store was there before: then it was taken away, or is closed."""
        if self._identity is not None:
            self._refuse_replaced()
        else:
            self.refuse_closed()
            make_folder(self._folder)

    def _exists(self) -> bool:
        try:
            return os.stat(self._file).st_size > 0
        except FileNotFoundError:
            return False

    def _connect(self) -> SqliteReader | None:
        """Open the existing file; None when it holds nothing yet (its maker is still at it, or died)."""
        connection = self._open_file()
        try:
            if not layout.recognise(connection, self._file):
                connection.close()
                return None
            self._prepare(connection)
            self._refuse_replaced()
        except BaseException:
            connection.close()
            raise
        return SqliteReader(connection)

    def _create(self, schema_version: str) -> SqliteReader:
        try:
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            pass  # left by a maker that died before it wrote anything
        connection = self._open_file()
        try:
            if not layout.recognise(connection, self._file):
                self._prepare(connection)
                layout.create(connection, schema_version)
                sync_folder(self._folder)
        except BaseException:
            connection.close()
            raise
        return SqliteReader(connection)

    def _open_file(self) -> apsw.Connection:
        _close_those_of_parents(self.name)
        connection = apsw.Connection(self._file, flags=apsw.SQLITE_OPEN_READWRITE)
        _connections.add(connection)
        connection.set_busy_timeout(_BUSY_MILLISECONDS)
        return connection

    def _prepare(self, connection: apsw.Connection) -> None:
        connection.pragma("journal_mode", "WAL")
        connection.pragma("synchronous", self._synchronous)
        connection.pragma("cache_size", -_CACHE_KIB)
        connection.pragma("trusted_schema", False)
        connection.pragma("cell_size_check", True)
        connection.pragma("temp_store", "MEMORY")
        connection.wal_autocheckpoint(checkpoint_pages(self._synchronous))

    def _refuse_replaced(self) -> None:
        """Refuse to write into files that were deleted or replaced: such a write would be lost silently."""
        try:
            status = os.stat(self._file)
            found = (status.st_dev, status.st_ino)
        except FileNotFoundError:
            found = None
        if self._identity is None:
            self._identity = found
        if found is None or found != self._identity:
            raise StoreUnavailable(
                f'the files of the store in "{self.name}" were removed or replaced while it was open; '
                "nothing was stored: open the store again"
            )


_open_databases: weakref.WeakSet[DiskDatabase] = weakref.WeakSet()
_connections: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
_of_parents: list[apsw.Connection] = []
"""Connections that a forked child has from its parent. SQLite counts locks by process and file, so
while one of them is open in the child, a new one would believe that it has locks which only the
parent has, and its writes could be lost. Closing them touches nothing of the parent's."""


def _after_fork_in_child() -> None:
    _of_parents.extend(_connections)
    _connections.clear()
    for database in list(_open_databases):
        database.forget_after_fork()


def _close_those_of_parents(name: str) -> None:
    while _of_parents:
        connection = _of_parents[-1]
        try:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close(True)
        except apsw.ConnectionClosedError:
            pass
        except apsw.Error as error:
            raise StoreUnavailable(
                f'the store in "{name}" cannot be used in this process, which was forked while another thread '
                "was using a store: fork earlier, or start a new process instead"
            ) from error
        _of_parents.pop()


os.register_at_fork(after_in_child=_after_fork_in_child)

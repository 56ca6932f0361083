"""How does SQLite keep the promises of the gate? The backend of `disk` and of `memory`."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from llmspell.backends.base import Capabilities, Statistics
from llmspell.backends.lock import Entry
from llmspell.backends.sqlite import checking, keeping, layout, revising, writing
from llmspell.backends.sqlite.connections import DiskDatabase
from llmspell.backends.sqlite.failures import FAILURES, translate, unsynced
from llmspell.backends.sqlite.past import GuardedPast, SqlitePast, still_there
from llmspell.backends.sqlite.reading import AbsentReader, SqliteReader
from llmspell.backends.sqlite.snapshot import Snapshot
from llmspell.batch import Batch, Commit, Put
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import TypeVar

    from llmspell.backends.base import Reader, Revision
    from llmspell.backends.registry import BackendOptions
    from llmspell.backends.sqlite.memory import MemoryDatabase
    from llmspell.entry import Census, Change, Stored, Written

    Result = TypeVar("Result")


def open_disk(options: BackendOptions) -> SqliteBackend:
    """Open the store in a folder; nothing is created before the first write."""
    try:
        database = DiskDatabase(options.path, options.durability)
    except OSError as error:
        raise translate(error, options.path) from error
    return SqliteBackend(database, options, Capabilities(persistent=True, shared=True, history=True))


def open_memory(options: BackendOptions) -> SqliteBackend:
    """Open a private store in memory, gone when it is closed."""
    from llmspell.backends.sqlite.memory import MemoryDatabase

    database = MemoryDatabase(options.schema_version)
    return SqliteBackend(database, options, Capabilities(persistent=False, shared=False, history=True))


class SqliteBackend:
    """One open store; see `Backend` for what each method promises."""

    def __init__(
        self, database: DiskDatabase | MemoryDatabase, options: BackendOptions, capabilities: Capabilities
    ) -> None:
        self._database = database
        self._new_schema_version = options.schema_version
        self._accept_schema = options.accept_schema
        self._days_to_keep = options.history_days
        """Asked for and not seen to yet; 0 when there is nothing to see to."""
        self.capabilities = capabilities

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """See `Reader.get`."""
        # The one read without `_read`: everything else can afford a closure.
        try:
            return self._database.get(scope, key, now)
        except FAILURES as error:
            raise translate(error, self._database.name) from error

    def keys(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[str]:
        """See `Reader.keys`."""
        return self._read(lambda reader: reader.keys(scope, prefix, after, limit, now))

    def scan(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[Stored]:
        """See `Reader.scan`."""
        return self._read(lambda reader: reader.scan(scope, prefix, after, limit, now))

    def scopes(self, prefix: str, now: float) -> list[str]:
        """See `Reader.scopes`."""
        return self._read(lambda reader: reader.scopes(prefix, now))

    def version(self) -> int:
        """See `Reader.version`."""
        return self._read(lambda reader: reader.version())

    def changes(self, since: int, now: float) -> Iterator[Change]:
        """See `Reader.changes`."""
        with self.snapshot() as reader:
            yield from reader.changes(since, now)

    def written(self, since: int, now: float) -> Iterator[Written]:
        """See `Reader.written`."""
        with self.snapshot() as reader:
            yield from reader.written(since, now)

    def census(self, now: float) -> Census:
        """See `Reader.census`."""
        return self._read(lambda reader: reader.census(now))

    def count(self, scope: str, now: float) -> int:
        """See `Reader.count`."""
        return self._read(lambda reader: reader.count(scope, now))

    def schema_version(self) -> str | None:
        """See `Reader.schema_version`."""
        return self._read(lambda reader: reader.schema_version())

    def note(self, kind: str, name: str) -> bytes | None:
        """See `Reader.note`."""
        return self._read(lambda reader: reader.note(kind, name))

    def notes(self, kind: str, first: str = "", limit: int | None = None) -> list[tuple[str, bytes]]:
        """See `Reader.notes`."""
        return self._read(lambda reader: reader.notes(kind, first, limit))

    def note_kinds(self) -> list[str]:
        """See `Reader.note_kinds`."""
        return self._read(lambda reader: reader.note_kinds())

    def past(self) -> GuardedPast | None:
        """See `Reader.past`. Each call of what this gives sees a moment of its own."""
        if self._read(lambda reader: reader.past()) is None:
            return None
        return GuardedPast(self._read_past, self._written_at)

    def commit(self, batch: Batch) -> Commit:
        """See `Backend.commit`."""
        database = self._database

        def write() -> Commit:
            _refuse_within_revision(database)
            reader = database.take_for_writing(self._new_schema_version)
            try:
                if self._accept_schema is not None:
                    self._accept_schema(reader.schema_version())
                if self._days_to_keep and batch.mutations:
                    self._begin_history(reader.connection, batch.now)
                return _commit(reader, batch)
            finally:
                database.give_back(reader)

        try:
            return database.writer.run(write)
        except FAILURES as error:
            raise translate(error, database.name) from error

    def revise(self, now: float, work: Callable[[Revision], Result]) -> Result:
        """See `Backend.revise`."""
        database = self._database

        def write() -> Result:
            _refuse_within_revision(database)
            reader = database.take_for_writing(self._new_schema_version)
            try:
                if self._days_to_keep:
                    self._begin_history(reader.connection, now)
                database.revising = threading.get_ident()
                return revising.revise(reader.connection, now, work)
            finally:
                database.revising = 0
                database.give_back(reader)

        try:
            return database.writer.run(write)
        except FAILURES as error:
            raise translate(error, database.name) from error

    def in_revision(self) -> bool:
        """See `Backend.in_revision`."""
        return self._database.revising == threading.get_ident()

    def turn(self) -> AbstractContextManager[object]:
        """See `Backend.turn`."""
        self._database.refuse_closed()
        return Entry(self._database.writer)

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """See `Backend.snapshot`."""
        reader = self._begin()
        snapshot = Snapshot(reader or AbsentReader(), self._database.name)
        try:
            yield snapshot
        finally:
            snapshot.over = True
            if reader is not None:
                reader.connection.close()

    def stop_history(self) -> None:
        """See `Backend.stop_history`."""
        database = self._database

        def write() -> None:
            _refuse_within_revision(database)
            self._days_to_keep = 0
            reader = database.take()
            if reader is None:
                return
            try:
                keeping.end(reader.connection)
            finally:
                database.give_back(reader)

        try:
            database.refuse_closed()
            database.writer.run(write)
        except FAILURES as error:
            raise translate(error, database.name) from error

    def flush(self) -> None:
        """See `Backend.flush`."""
        try:
            self._database.sync()
        except OSError as error:
            raise unsynced(error, self._database.name) from error

    def settle(self) -> None:
        """See `Backend.settle`."""
        database = self._database
        try:
            database.settle()
        except OSError as error:
            raise unsynced(error, database.name) from error
        except FAILURES as error:
            raise translate(error, database.name) from error

    def problems(self) -> Iterator[str]:
        """See `Backend.problems`."""
        with self._moment() as reader:
            if reader is not None:
                yield from checking.problems(reader.connection)

    def statistics(self, now: float) -> Statistics:
        """See `Backend.statistics`."""
        with self._moment() as reader:
            engine = f"SQLite {apsw.sqlite_lib_version()}"
            if reader is None:
                return Statistics(0, 0, 0, 0, 0, 0, 0, layout.NEW_LAYOUT, None, engine)
            counted = checking.count(reader.connection, now)
            scopes = len(reader.scopes("", now))
            version, schema_version = reader.version(), reader.schema_version()
            found_layout = layout.of(reader.connection)
        file_bytes = self._database.file_bytes()
        return Statistics(
            counted.entries,
            scopes,
            counted.value_bytes,
            counted.tombstones,
            counted.expired,
            file_bytes,
            version,
            found_layout,
            schema_version,
            engine,
        )

    def close(self) -> None:
        """See `Backend.close`."""
        try:
            self._database.close()
        except FAILURES as error:
            raise translate(error, self._database.name) from error

    def _begin_history(self, connection: apsw.Connection, now: float) -> None:
        keeping.begin(connection, self._days_to_keep, now)
        self._days_to_keep = 0

    def _read_past(self, read: Callable[[SqlitePast], Result]) -> Result:
        def read_in_one_moment(reader: SqliteReader | AbsentReader) -> Result:
            if isinstance(reader, AbsentReader):
                return read(still_there(None))
            with _in_one_moment(reader.connection):
                return read(still_there(reader.past()))

        return self._read(read_in_one_moment)

    def _written_at(self, version: int, moment: float) -> Iterator[Written]:
        with self.snapshot() as reader:
            past = reader.past()
            if past is not None:
                yield from past.written_at(version, moment)

    def _begin(self) -> SqliteReader | None:
        """Give a reader that sees one moment until the caller closes its connection; None before the store exists."""
        reader = None
        try:
            reader = self._database.take_copy()
            if reader is not None:
                reader.connection.execute("BEGIN; SELECT 1 FROM sqlite_schema")  # the first read pins the moment
                self._database.note_use()
        except BaseException as error:
            if reader is not None:
                reader.connection.close()
            if isinstance(error, FAILURES):
                raise translate(error, self._database.name) from error
            raise
        return reader

    @contextmanager
    def _moment(self) -> Iterator[SqliteReader | None]:
        """Give the bare reader of one moment to a method of this class; the engine's errors are translated."""
        reader = self._begin()
        try:
            yield reader
        except FAILURES as error:
            raise translate(error, self._database.name) from error
        finally:
            if reader is not None:
                reader.connection.close()

    def _read(self, read: Callable[[SqliteReader | AbsentReader], Result]) -> Result:
        database = self._database
        reader = None
        try:
            reader = database.take()
            return read(reader or AbsentReader())
        except FAILURES as error:
            raise translate(error, database.name) from error
        finally:
            if reader:
                database.give_back(reader)


@contextmanager
def _in_one_moment(connection: apsw.Connection) -> Iterator[None]:
    """Let the statements of the block see one moment; it may be inside a transaction."""
    with connection:
        yield


def _refuse_within_revision(database: DiskDatabase | MemoryDatabase) -> None:
    """Refuse what a revision calls and wants to write by itself. Called in the turn, so it can be no other thread."""
    if database.revising:
        raise InvalidArgument(
            f'"{database.name}" cannot be written to by what a change of the whole store, such as a migration, calls; '
            "write when it is done"
        )


def _commit(reader: SqliteReader, batch: Batch) -> Commit:
    connection = reader.connection
    if len(batch.mutations) == 1 and not batch.checks:
        mutation = batch.mutations[0]
        if type(mutation) is Put and mutation.created_at is None and mutation.updated_at is None:
            version = writing.put_one(reader, mutation, batch.now)
            _reclaim_in_time(connection, version, batch.now)
            return Commit(version, 0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        commit = writing.apply(reader, batch)
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise
    if batch.mutations:
        _reclaim_in_time(connection, commit.version, batch.now)
    return commit


def _reclaim_in_time(connection: apsw.Connection, version: int, now: float) -> None:
    """Reclaim now and then; what was committed before stands, whatever happens here."""
    if version % writing.RECLAIM_EVERY:
        return
    try:
        connection.execute("BEGIN IMMEDIATE")
        writing.reclaim(connection, now)
        connection.execute("COMMIT")
    except apsw.Error:
        _roll_back(connection)  # a full disk, say: the next one whose turn it is tries again
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:  # some errors have ended it already
        connection.execute("ROLLBACK")

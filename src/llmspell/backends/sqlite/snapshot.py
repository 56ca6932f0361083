"""What is a consistent read of one moment? A reader that ends with its block."""

from __future__ import annotations

from llmspell.backends.sqlite.failures import FAILURES, translate
from llmspell.backends.sqlite.past import GuardedPast, SqlitePast, still_there
from llmspell.errors import StoreClosed
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from llmspell.backends.sqlite.reading import AbsentReader, SqliteReader
    from llmspell.entry import Census, Change, Stored, Written

    Result = TypeVar("Result")


class Snapshot:
    """The reader that `snapshot` gives out: it ends with its block, and raises nothing of the engine's."""

    def __init__(self, reader: SqliteReader | AbsentReader, name: str) -> None:
        self.over = False
        self._reader = reader
        self._name = name

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """See `Reader.get`."""
        return self._read(lambda reader: reader.get(scope, key, now))

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
        changes = self._read(lambda reader: reader.changes(since, now))
        while (change := self._read(lambda _: next(changes, None))) is not None:
            yield change

    def written(self, since: int, now: float) -> Iterator[Written]:
        """See `Reader.written`."""
        return self._told(self._read(lambda reader: reader.written(since, now)))

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
        """See `Reader.past`."""
        if self._read(lambda reader: reader.past()) is None:
            return None
        return GuardedPast(self._read_past, self._written_at)

    def _read_past(self, read: Callable[[SqlitePast], Result]) -> Result:
        return self._read(lambda reader: read(still_there(reader.past())))

    def _written_at(self, version: int, moment: float) -> Iterator[Written]:
        written = self._read_past(lambda past: past.written_at(version, moment))
        try:
            yield from written
        except FAILURES as error:
            raise translate(error, self._name) from error

    def _told(self, written: Iterator[Written]) -> Iterator[Written]:
        """Pass on what is read as it goes; the engine's errors are translated."""
        try:
            yield from written
        except FAILURES as error:
            raise translate(error, self._name) from error

    def _read(self, read: Callable[[SqliteReader | AbsentReader], Result]) -> Result:
        if self.over:
            raise StoreClosed("the snapshot is over; use the store, or take another snapshot")
        try:
            return read(self._reader)
        except FAILURES as error:
            raise translate(error, self._name) from error

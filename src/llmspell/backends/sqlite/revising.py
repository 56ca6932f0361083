"""How is a large part of the store changed as one step? A revision: reads, steps and rewrites in one transaction."""

from __future__ import annotations

import apsw

from llmspell.backends.sqlite import keeping, layout, writing
from llmspell.backends.sqlite.reading import SqliteReader
from llmspell.batch import Delete, DropNotes, Move, Note, Put, Rewritten, Stamp
from llmspell.errors import Conflict
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from llmspell.batch import Step
    from llmspell.entry import Written

    Result = TypeVar("Result")


_PAGE = """
SELECT id, key, value, version, created_at FROM entries
WHERE scope = ? AND key > ? AND value IS NOT NULL AND (expires_at IS NULL OR expires_at > ?)
ORDER BY key LIMIT ?
"""
_REPLACE = "UPDATE entries SET value = ?, version = ? WHERE id = ?"
_MOVE = """
INSERT INTO entries (scope, key, version, created_at, updated_at, expires_at, value)
SELECT ?3, ?4, ?5, created_at, updated_at, expires_at, value FROM entries
WHERE scope = ?1 AND key = ?2 AND value IS NOT NULL AND (expires_at IS NULL OR expires_at > ?6)
ON CONFLICT (scope, key) DO UPDATE SET
    version = excluded.version, created_at = excluded.created_at, updated_at = excluded.updated_at,
    expires_at = excluded.expires_at, value = excluded.value
"""
_PUT_AS_IS = """
INSERT INTO entries (scope, key, version, created_at, updated_at, expires_at, value)
VALUES (?1, ?2, {version}, ?4, ?5, ?6, ?7)
ON CONFLICT (scope, key) DO UPDATE SET
    version = excluded.version, created_at = excluded.created_at, updated_at = excluded.updated_at,
    expires_at = excluded.expires_at, value = excluded.value
"""
_COUNT_REST = "SELECT count(*) FROM entries WHERE version < ? AND value IS NOT NULL AND coalesce(expires_at > ?, 1)"
_REMOVE_REST = """
UPDATE entries SET value = NULL, version = ?1, updated_at = ?2, expires_at = NULL
WHERE version < ?1 AND value IS NOT NULL
"""
_PUT_NOTE = "INSERT INTO notes (kind, name, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"

_PAGE_BYTES = 8_000_000
"""Of values that are in memory at once."""

_CACHE_KIB = 24_576
"""A revision goes through the pages once: what does not fit moves into the log before the commit."""


def revise(connection: apsw.Connection, now: float, work: Callable[[SqliteRevision], Result]) -> Result:
    """Run the work in one transaction of this connection."""
    usual_cache = connection.pragma("cache_size")
    try:
        connection.pragma("cache_size", -_CACHE_KIB)
        connection.execute("BEGIN IMMEDIATE")
        if not layout.keeps_history(connection):
            # Each row would pay for keeping the store's version; here it is set once, in the same transaction.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        revision = SqliteRevision(connection, now)
        result = work(revision)
        revision.finish()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have ended it already
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
        connection.pragma("cache_size", usual_cache)
    return result


class SqliteRevision(SqliteReader):
    """See `Revision`."""

    def __init__(self, connection: apsw.Connection, now: float) -> None:
        super().__init__(connection)
        self._now = now
        self._version = super().version() + 1
        self._written = False

    def apply(self, steps: Iterable[Step]) -> None:
        """See `Revision.apply`."""
        for step in steps:
            if isinstance(step, Note):
                self._keep(step)
            elif isinstance(step, DropNotes):
                self._drop(step)
            elif isinstance(step, Stamp):
                self.connection.execute("UPDATE store SET schema_version = ?", (step.schema_version,))
            elif isinstance(step, Move):
                self._move(step)
            else:
                self._change(step)

    def rewrite(
        self, scope: str, after: str | None, limit: int, change: Callable[[str, bytes, int, float], bytes | None]
    ) -> Rewritten | None:
        """See `Revision.rewrite`."""
        execute, version = self.connection.execute, self._version
        rows = execute(_PAGE, (scope, after or "", self._now, limit))
        replaced: list[tuple[bytes, int, int]] = []
        key, seen, size = "", 0, 0
        for row, key, value, written_at, created_at in rows:
            new = change(key, value, written_at, created_at)
            seen += 1
            if new is not None:
                replaced.append((new, version, row))
                size += len(new)
            size += len(value)
            if size > _PAGE_BYTES:
                break
        rows.close(True)
        if replaced:
            self._written = True
            self.connection.executemany(_REPLACE, replaced)
        return Rewritten(key, seen) if seen else None

    def version(self) -> int:
        """See `Reader.version`: the store's version before this change, whatever was written in it so far."""
        return self._version - 1

    def advance(self, version: int) -> None:
        """See `Revision.advance`."""
        self._version = max(self._version, version)

    def put_all(self, entries: Iterable[Written]) -> None:
        """See `Revision.put_all`."""
        self.connection.executemany(_PUT_AS_IS.format(version=self._version), entries)
        self._written = True

    def remove_rest(self) -> int:
        """See `Revision.remove_rest`."""
        rest = (self._version, self._now)
        number = cast("int", self.connection.execute(_COUNT_REST, rest).get)
        self.connection.execute(_REMOVE_REST, rest)
        self._written = True
        return number

    def finish(self) -> None:
        """Give the store the version that the changes have."""
        if self._written:
            self.connection.execute("UPDATE store SET version = ?", (self._version,))
            keeping.stamp(self.connection, self._version, self._now)

    def _change(self, step: Put | Delete) -> None:
        written = writing.change(self.connection, step, self._version, self._now)
        self._written = self._written or written

    def _move(self, move: Move) -> None:
        there = self.get(move.to_scope, move.to_key, self._now)
        if there is not None:
            raise Conflict(move.to_scope, move.to_key, 0, there.version)
        place = (move.scope, move.key, move.to_scope, move.to_key, self._version, self._now)
        self.connection.execute(_MOVE, place)
        self._change(Delete(move.scope, move.key))

    def _keep(self, note: Note) -> None:
        layout.add_notes(self.connection)
        if note.value is None:
            self.connection.execute("DELETE FROM notes WHERE kind = ? AND name = ?", (note.kind, note.name))
        else:
            self.connection.execute(_PUT_NOTE, note)

    def _drop(self, notes: DropNotes) -> None:
        if layout.of(self.connection) >= 2:
            self.connection.execute("DELETE FROM notes WHERE kind = ?", (notes.kind,))

"""How is a store read? Every query on one connection; each call is one statement, so it sees one moment."""

from __future__ import annotations

from llmspell.backends.sqlite import layout
from llmspell.entry import Census, Change, Stored
from llmspell.errors import ChangesForgotten, StoreDamaged
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import apsw

    from llmspell.backends.sqlite.past import SqlitePast
    from llmspell.entry import Written

_LIVE = "value IS NOT NULL AND (expires_at IS NULL OR expires_at > :now)"

_GET = (
    "SELECT value, version, created_at, updated_at, expires_at FROM entries "
    "WHERE scope = ? AND key = ? AND value IS NOT NULL"
)
_RANGE = f"FROM entries WHERE scope = :scope AND key >= :first AND key < :end AND {_LIVE} ORDER BY key LIMIT :limit"
_KEYS = f"SELECT key {_RANGE}"
_SCAN = f"SELECT scope, key, value, version, created_at, updated_at, expires_at {_RANGE}"

# Hops from scope to scope along the index instead of walking all entries.
_SCOPES = f"""
WITH RECURSIVE hop (scope) AS (
    SELECT min(scope) FROM entries WHERE scope >= :first AND scope < :end
    UNION ALL
    SELECT (SELECT min(scope) FROM entries WHERE scope > hop.scope AND scope < :end)
    FROM hop WHERE hop.scope IS NOT NULL
)
SELECT hop.scope FROM hop WHERE hop.scope IS NOT NULL
AND EXISTS (SELECT 1 FROM entries WHERE entries.scope = hop.scope AND {_LIVE})
"""
_CHANGES = """
SELECT value IS NULL OR coalesce(expires_at <= :now, 0),
    scope, key, value, version, created_at, updated_at, expires_at
FROM entries WHERE version > :since ORDER BY version, scope, key
"""

_WRITTEN = """
SELECT scope, key, version, created_at, updated_at, expires_at, CASE WHEN expires_at <= ?2 THEN NULL ELSE value END
FROM entries WHERE version > ?1
"""
# The table is read from its first page to its last, as when everything written is told; what is not live is taken off
# with the help of its own indexes, which is quicker than to look at each row. The index of all names says how many
# there must be: a page that lost some without the engine noticing has them there.
_CENSUS = """
WITH
    told (entries, versions) AS (SELECT count(*), sum(version & 0xFFFFFFFF) FROM entries NOT INDEXED WHERE version > 0),
    gone (entries, versions) AS (
        SELECT count(*), sum(version & 0xFFFFFFFF) FROM entries INDEXED BY tombstones_by_version WHERE value IS NULL
    ),
    expired (entries, versions) AS (
        SELECT count(*), sum(version & 0xFFFFFFFF) FROM entries INDEXED BY entries_by_expiry WHERE expires_at <= :now
    )
SELECT
    told.entries - gone.entries - expired.entries,
    coalesce(told.versions, 0) - coalesce(gone.versions, 0) - coalesce(expired.versions, 0),
    told.entries,
    (SELECT count(*) FROM entries INDEXED BY sqlite_autoindex_entries_1)
FROM told, gone, expired
"""

_COUNT = f"SELECT count(*) FROM entries WHERE scope = :scope AND {_LIVE}"
_NOTE = "SELECT value FROM notes WHERE kind = ? AND name = ?"
_NOTES = "SELECT name, value FROM notes WHERE kind = ? AND name >= ? ORDER BY name LIMIT ?"

_make_tuple = tuple.__new__
"""Makes a named tuple of a whole tuple, without the call of Python's that its class has for that."""

_AFTER_ALL_TEXT = b""
"""A bound above every text: SQLite orders BLOBs, even empty ones, after all TEXT."""


class SqliteReader:
    """Reads through one connection that the caller owns."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self._execute = connection.execute
        self._cursor = connection.cursor()

    def one(self, statement: str, values: tuple[str | bytes | float | None, ...]) -> object:
        """Execute a statement to its end and give its one value or row; None when there is none.

        The cursor stays: a new one for each would take a seventh longer. An interrupt may strike while rows are left,
        and the statement would stay open with its locks; so the cursor goes then.
        """
        try:
            return self._cursor.execute(statement, values).get
        except BaseException:
            self._cursor.close(True)
            self._cursor = self.connection.cursor()
            raise

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """See `Reader.get`."""
        row = cast("tuple[Any, ...] | None", self.one(_GET, (scope, key)))
        try:
            if row is None or (row[4] is not None and row[4] <= now):
                return None
        except TypeError as error:
            raise StoreDamaged(f'scope "{scope}", key "{key}" has an expiry that is no number') from error
        return _make_tuple(Stored, (scope, key, *row))

    def keys(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[str]:
        """See `Reader.keys`."""
        rows = self._execute(_KEYS, _bounds(scope, prefix, after, limit, now))
        return [key for (key,) in rows]

    def scan(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[Stored]:
        """See `Reader.scan`."""
        rows = self._execute(_SCAN, _bounds(scope, prefix, after, limit, now))
        return [Stored(*row) for row in rows]

    def scopes(self, prefix: str, now: float) -> list[str]:
        """See `Reader.scopes`."""
        end = end_of_prefix(prefix)
        bounds = {"first": prefix, "end": _AFTER_ALL_TEXT if end is None else end, "now": now}
        return [scope for (scope,) in self._execute(_SCOPES, bounds)]

    def version(self) -> int:
        """See `Reader.version`."""
        version = self._execute("SELECT version FROM store").get
        if type(version) is not int:
            raise StoreDamaged("the store's own row, which holds its version, is damaged or missing")
        return version

    def changes(self, since: int, now: float) -> Iterator[Change]:
        """See `Reader.changes`."""
        self._refuse_forgotten(since)
        for gone, *columns in self._execute(_CHANGES, {"since": since, "now": now}):
            stored = Stored(*columns)
            yield Change(stored.scope, stored.key, stored.version, None if gone else stored)

    def written(self, since: int, now: float) -> Iterator[Written]:
        """See `Reader.written`."""
        self._refuse_forgotten(since)
        return cast("Iterator[Written]", self._execute(_WRITTEN, (since, now)))

    def census(self, now: float) -> Census:
        """See `Reader.census`."""
        entries, version_sum, told, indexed = self._execute(_CENSUS, {"now": now}).get
        if told != indexed:
            raise StoreDamaged(
                f"the store's table has {told} entries and its index {indexed}; keep a copy of the folder, look with "
                "`llmspell state check`, and go back to a copy or backup that is sound"
            )
        return Census(entries, version_sum)

    def count(self, scope: str, now: float) -> int:
        """See `Reader.count`."""
        return cast("int", self._execute(_COUNT, {"scope": scope, "now": now}).get)

    def schema_version(self) -> str:
        """See `Reader.schema_version`."""
        return cast("str", self._execute("SELECT schema_version FROM store").get)

    def note(self, kind: str, name: str) -> bytes | None:
        """See `Reader.note`."""
        if layout.of(self.connection) < 2:
            return None
        return cast("bytes | None", self._execute(_NOTE, (kind, name)).get)

    def notes(self, kind: str, first: str = "", limit: int | None = None) -> list[tuple[str, bytes]]:
        """See `Reader.notes`."""
        if layout.of(self.connection) < 2:
            return []
        rows = self._execute(_NOTES, (kind, first, -1 if limit is None else limit)).fetchall()
        return cast("list[tuple[str, bytes]]", rows)

    def past(self) -> SqlitePast | None:
        """See `Reader.past`."""
        if not layout.keeps_history(self.connection):
            return None
        from llmspell.backends.sqlite.past import SqlitePast

        return SqlitePast(self.connection)

    def note_kinds(self) -> list[str]:
        """See `Reader.note_kinds`."""
        if layout.of(self.connection) < 2:
            return []
        return [kind for (kind,) in self._execute("SELECT DISTINCT kind FROM notes ORDER BY kind")]

    def _refuse_forgotten(self, since: int) -> None:
        forgotten = cast("int", self._execute("SELECT forgotten_version FROM store").get)
        if 0 < since < forgotten:
            raise ChangesForgotten(
                f"deletions up to version {forgotten} are forgotten, changes since {since} would be incomplete; "
                "read everything instead (since 0)"
            )


class AbsentReader:
    """Reads of a store that nobody has written to yet: there is nothing."""

    def get(self, scope: str, key: str, now: float) -> Stored | None:
        """See `Reader.get`."""
        return None

    def keys(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[str]:
        """See `Reader.keys`."""
        return []

    def scan(self, scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> list[Stored]:
        """See `Reader.scan`."""
        return []

    def scopes(self, prefix: str, now: float) -> list[str]:
        """See `Reader.scopes`."""
        return []

    def version(self) -> int:
        """See `Reader.version`."""
        return 0

    def changes(self, since: int, now: float) -> Iterator[Change]:
        """See `Reader.changes`."""
        return iter(())

    def written(self, since: int, now: float) -> Iterator[Written]:
        """See `Reader.written`."""
        return iter(())

    def census(self, now: float) -> Census:
        """See `Reader.census`."""
        return Census(0, 0)

    def count(self, scope: str, now: float) -> int:
        """See `Reader.count`."""
        return 0

    def schema_version(self) -> None:
        """See `Reader.schema_version`."""
        return

    def note(self, kind: str, name: str) -> None:
        """See `Reader.note`."""
        return

    def notes(self, kind: str, first: str = "", limit: int | None = None) -> list[tuple[str, bytes]]:
        """See `Reader.notes`."""
        return []

    def past(self) -> None:
        """See `Reader.past`."""
        return

    def note_kinds(self) -> list[str]:
        """See `Reader.note_kinds`."""
        return []


def end_of_prefix(prefix: str) -> str | None:
    """Give the smallest text after every text that begins with `prefix`; None when there is none.

    >>> end_of_prefix("user:")
    'user;'
    """
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            following = 0xE000 if last == 0xD7FF else last + 1  # UTF-8 has no surrogates
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


def _bounds(scope: str, prefix: str, after: str | None, limit: int | None, now: float) -> dict[str, Any]:
    first = prefix
    if after is not None and after >= prefix:
        first = after + "\0"  # no key holds NUL, so this is the next possible text
    end = end_of_prefix(prefix)
    return {
        "scope": scope,
        "first": first,
        "end": _AFTER_ALL_TEXT if end is None else end,
        "limit": -1 if limit is None else limit,
        "now": now,
    }

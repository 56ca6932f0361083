"""How is the past read? Every query on what the triggers have kept."""

from __future__ import annotations

from llmspell.backends.base import CLOCK_SLACK_SECONDS, Kept, Window
from llmspell.entry import Stored
from llmspell.errors import HistoryError
from llmspell.quick_typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    import apsw

    from llmspell.entry import Written

    Result = TypeVar("Result")


_WINDOW = """
SELECT from_version, (SELECT at FROM moments WHERE moments.version = from_version), store.version,
    (SELECT at FROM moments ORDER BY moments.version DESC LIMIT 1), days
FROM keeping, store
"""
_MOMENT_OF = "SELECT at FROM moments WHERE version <= ? ORDER BY version DESC LIMIT 1"
_FIRST_AFTER = "SELECT version FROM moments WHERE at > ?1 AND version >= ?2 ORDER BY version LIMIT 1"
_LAST_UNTIL = "SELECT version FROM moments WHERE at <= ?1 AND version >= ?2 ORDER BY version DESC LIMIT 1"
_BETWEEN = "SELECT version, at FROM moments WHERE version BETWEEN ? AND ? ORDER BY version"

_PRESENT = """
SELECT version, coalesce((SELECT at FROM moments WHERE moments.version = entries.version), updated_at),
    value, created_at, updated_at, expires_at
FROM entries WHERE scope = ? AND key = ?
"""
_REPLACED = """
SELECT version, coalesce((SELECT at FROM moments WHERE moments.version = past.version), updated_at),
    value, created_at, updated_at, expires_at, until_version
FROM past WHERE scope = ? AND key = ? AND until_version > ? ORDER BY until_version DESC LIMIT ?
"""

_LIVE = "version <= :version AND (expires_at IS NULL OR expires_at > :moment)"
_GET_PRESENT = (
    "SELECT value, version, created_at, updated_at, expires_at FROM entries "
    "WHERE scope = ? AND key = ? AND version <= ? AND value IS NOT NULL"
)
_GET_REPLACED = (
    "SELECT value, version, created_at, updated_at, expires_at FROM past "
    "WHERE scope = ? AND key = ? AND until_version > ? ORDER BY until_version LIMIT 1"
)
_KEYS = f"""
SELECT key, version FROM entries WHERE scope = :scope AND value IS NOT NULL AND {_LIVE}
UNION ALL
SELECT key, version FROM past WHERE scope = :scope AND until_version > :version AND {_LIVE}
ORDER BY key
"""

# The rows that ended after a version are the last ones.
_SINCE = "id > coalesce((SELECT id FROM past WHERE until_version <= :version ORDER BY id DESC LIMIT 1), 0)"
_SCOPES = f"""
SELECT scope FROM entries WHERE value IS NOT NULL AND {_LIVE}
UNION
SELECT scope FROM past WHERE {_SINCE} AND {_LIVE}
ORDER BY scope
"""
_WRITTEN = f"""
SELECT scope, key, version, created_at, updated_at, expires_at, value FROM entries WHERE value IS NOT NULL AND {_LIVE}
UNION ALL
SELECT scope, key, version, created_at, updated_at, expires_at, value FROM past WHERE {_SINCE} AND {_LIVE}
"""


class SqlitePast:
    """See `Past`: reads through one connection that the caller owns, on a store that keeps history."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute = connection.execute

    def window(self) -> Window:
        """See `Past.window`."""
        return Window(*cast("tuple[Any, ...]", self._execute(_WINDOW).get))

    def moment_of(self, version: int) -> float:
        """See `Past.moment_of`."""
        return cast("float", self._execute(_MOMENT_OF, (version,)).get)

    def version_at(self, moment: float) -> int:
        """See `Past.version_at`. Looks at every moment of the window."""
        first = cast("int", self._execute("SELECT from_version FROM keeping").get)
        last = cast("int | None", self._execute(_LAST_UNTIL, (moment, first)).get)
        if last is None:
            return first
        later = cast("int | None", self._execute(_FIRST_AFTER, (moment, first)).get)
        if later is not None and later < last:
            self._refuse_twice(later, last, moment)
        return last

    def versions(self, scope: str, key: str, limit: int | None) -> list[Kept]:
        """See `Past.versions`."""
        first = cast("int", self._execute("SELECT from_version FROM keeping").get)
        most = -1 if limit is None else limit
        kept: list[Kept] = []
        following: int | None = None  # where what was looked at last begins
        present = cast("tuple[Any, ...] | None", self._execute(_PRESENT, (scope, key)).get)
        if present is not None:
            following = present[0]
            if present[2] is not None or following > first:
                kept.append(_kept(present, None))
        for *columns, until in self._execute(_REPLACED, (scope, key, first, most)):
            version, _, _, created_at, *_ = columns
            if until != following:
                at = self.moment_of(until)
                kept.append(Kept(until, at, None, created_at, at, None, following))
            kept.append(_kept(columns, until))
            following = version
        return kept[:limit]

    def get(self, scope: str, key: str, version: int, moment: float) -> Stored | None:
        """See `Past.get`."""
        place = (scope, key, version)
        found = self._execute(_GET_PRESENT, place).get or self._execute(_GET_REPLACED, place).get
        row = cast("tuple[Any, ...] | None", found)
        if row is None or row[1] > version or (row[4] is not None and row[4] <= moment):
            return None
        return Stored(scope, key, *row)

    def keys(self, scope: str, version: int, moment: float) -> list[tuple[str, int]]:
        """See `Past.keys`."""
        rows = self._execute(_KEYS, {"scope": scope, "version": version, "moment": moment})
        return cast("list[tuple[str, int]]", rows.fetchall())

    def scopes(self, version: int, moment: float) -> list[str]:
        """See `Past.scopes`."""
        return [scope for (scope,) in self._execute(_SCOPES, {"version": version, "moment": moment})]

    def written_at(self, version: int, moment: float) -> Iterator[Written]:
        """See `Past.written_at`."""
        return cast("Iterator[Written]", self._execute(_WRITTEN, {"version": version, "moment": moment}))

    def _refuse_twice(self, first: int, last: int, moment: float) -> None:
        """Raise when, from `first` to `last`, the clock passed the moment, was set back, and passed it again."""
        ahead, highest = first, moment
        for version, at in self._execute(_BETWEEN, (first, last)):
            if at > highest:
                ahead, highest = version, at
            elif highest - at > CLOCK_SLACK_SECONDS:
                raise HistoryError(
                    f"the clock was set back between version {ahead} and version {version} of the store, so the moment "
                    f"{moment} was there twice; name a version instead"
                )


class ReadPast(Protocol):
    """Runs one read of the past in one moment and gives what it gives."""

    def __call__(self, read: Callable[[SqlitePast], Result], /) -> Result:
        """Run it."""


class GuardedPast:
    """See `Past`: what a snapshot or an open store gives out. Nothing of the engine's is raised."""

    def __init__(self, read: ReadPast, written_at: Callable[[int, float], Iterator[Written]]) -> None:
        self._read = read
        self.written_at = written_at

    def window(self) -> Window:
        """See `Past.window`."""
        return self._read(lambda past: past.window())

    def moment_of(self, version: int) -> float:
        """See `Past.moment_of`."""
        return self._read(lambda past: past.moment_of(version))

    def version_at(self, moment: float) -> int:
        """See `Past.version_at`."""
        return self._read(lambda past: past.version_at(moment))

    def versions(self, scope: str, key: str, limit: int | None) -> list[Kept]:
        """See `Past.versions`."""
        return self._read(lambda past: past.versions(scope, key, limit))

    def get(self, scope: str, key: str, version: int, moment: float) -> Stored | None:
        """See `Past.get`."""
        return self._read(lambda past: past.get(scope, key, version, moment))

    def keys(self, scope: str, version: int, moment: float) -> list[tuple[str, int]]:
        """See `Past.keys`."""
        return self._read(lambda past: past.keys(scope, version, moment))

    def scopes(self, version: int, moment: float) -> list[str]:
        """See `Past.scopes`."""
        return self._read(lambda past: past.scopes(version, moment))


def still_there(past: SqlitePast | None) -> SqlitePast:
    """Give it back; raises `HistoryError` when somebody has stopped history since it was asked for."""
    if past is None:
        raise HistoryError("the store keeps no history any more: it was stopped meanwhile; open it with history_days")
    return past


def _kept(columns: Sequence[Any], until: int | None) -> Kept:
    version, at, value, created_at, updated_at, expires_at = columns
    expired = expires_at is not None and expires_at <= at
    return Kept(version, at, None if expired else value, created_at, updated_at, expires_at, until)

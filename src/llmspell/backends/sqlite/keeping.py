"""How is the past kept? What begins, stamps, trims and ends it; triggers do the recording itself."""

from __future__ import annotations

from llmspell.backends.base import CLOCK_SLACK_SECONDS
from llmspell.backends.sqlite import layout
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import apsw

_DAY_SECONDS = 86_400.0

TRIM_AT_ONCE = 10_000
"""So many rows more than were added since the last time are trimmed at once: it never lags behind for long."""

# Not the trigger's business: an entry may keep the `updated_at` that it had, or bring one along.
_STAMP = "INSERT INTO moments (version, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at"

_MOMENT_BEFORE = "SELECT at FROM moments WHERE version <= ? ORDER BY version DESC LIMIT 1"
_LAST_OLD = """
WITH looked_at AS (SELECT version, at FROM moments WHERE version > ?1 ORDER BY version LIMIT ?2)
SELECT max(version) FROM looked_at
WHERE version < coalesce((SELECT min(version) FROM looked_at WHERE at >= ?3), 9223372036854775807)
"""
_NEXT = "SELECT version, at FROM moments WHERE version >= ? ORDER BY version LIMIT 1"
_FORGET_MOMENTS = """
DELETE FROM moments WHERE version IN (SELECT version FROM moments WHERE version < ? ORDER BY version LIMIT ?)
"""
_ADDED = """
SELECT coalesce(max(id), 0)
    - coalesce((SELECT id FROM past WHERE until_version <= ? ORDER BY id DESC LIMIT 1), 0)
FROM past
"""
_FORGET_PAST = """
DELETE FROM past WHERE id IN (
    SELECT id FROM (SELECT id, until_version FROM past ORDER BY id LIMIT ?2) WHERE until_version <= ?1
)
"""


def begin(connection: apsw.Connection, days: int, now: float) -> None:
    """Let the store keep its past for so many days, in a transaction of its own; nothing is written if it does already.

    What was there before history began belongs to the version that the store has now.
    """
    if layout.keeps_history(connection) and connection.execute("SELECT days FROM keeping").get == days:
        return
    try:
        connection.execute("BEGIN IMMEDIATE")
        if layout.keeps_history(connection):
            connection.execute("UPDATE keeping SET days = ?", (days,))
        else:
            layout.add_history(connection)
            connection.execute("INSERT INTO keeping (id, days, from_version) SELECT 1, ?, version FROM store", (days,))
            connection.execute("INSERT INTO moments (version, at) SELECT version, ? FROM store", (now,))
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def end(connection: apsw.Connection) -> None:
    """Throw the past away and keep no more of it, in a transaction of its own."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        if layout.keeps_history(connection):
            layout.drop_history(connection)
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def stamp(connection: apsw.Connection, version: int, now: float) -> None:
    """Say when a version was made that wrote entries with times of their own, inside the caller's open transaction."""
    if layout.keeps_history(connection):
        connection.execute(_STAMP, (version, now))


def trim(connection: apsw.Connection, version: int, now: float, every: int) -> None:
    """Forget what ended too long ago, inside the caller's open transaction; called `every` so many versions.

    The first version of the window moves up to the last one that was made before the days that are kept, so that
    every moment in them is still known. It moves at once; what no version of the window needs any more is
    deleted oldest first, a bounded number at a time.
    """
    if not layout.keeps_history(connection):
        return
    first, days = cast("tuple[int, int]", connection.execute("SELECT from_version, days FROM keeping").get)
    before = connection.execute(_MOMENT_BEFORE, (version - every,)).get
    if before is not None:
        # Not by the newest moment alone: a clock that was wrong for a few writes destroys nothing.
        bound = min(now, cast("float", before)) - days * _DAY_SECONDS
        first = _move_up(connection, first, version, bound, now)
    connection.execute(_FORGET_MOMENTS, (first, TRIM_AT_ONCE))
    added = cast("int", connection.execute(_ADDED, (version - every,)).get)
    connection.execute(_FORGET_PAST, (first, TRIM_AT_ONCE + added))


def _move_up(connection: apsw.Connection, first: int, version: int, bound: float, now: float) -> int:
    """Let the window begin with the last version made before `bound`, as far as it is found; give its first version."""
    found = connection.execute(_LAST_OLD, (first, TRIM_AT_ONCE, bound)).get
    if found is None:
        found = _beyond_the_future(connection, first, version, bound, now)
    if found is None:
        return first
    connection.execute("UPDATE keeping SET from_version = ?", (found,))
    return cast("int", found)


def _beyond_the_future(connection: apsw.Connection, first: int, version: int, bound: float, now: float) -> int | None:
    """Give an old version that lies beyond many from a clock that ran ahead: these would never be old enough."""
    found, step = None, 1
    while first + step <= version:
        probed, at = cast("tuple[int, float]", connection.execute(_NEXT, (first + step,)).get)
        if at < bound:
            found = probed
        elif step == 1 and at <= now + CLOCK_SLACK_SECONDS:
            break  # the usual case: nothing is old enough yet
        step *= 2
    return found


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:  # some errors have ended it already
        connection.execute("ROLLBACK")

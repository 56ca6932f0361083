"""How is a batch written? Every statement that changes entries, run inside the caller's turn."""

from __future__ import annotations

from llmspell.backends.sqlite import keeping
from llmspell.backends.sqlite.reading import SqliteReader
from llmspell.batch import Batch, Check, Commit, Delete, EntryCheck, KeysCheck, Mutation, Put
from llmspell.errors import Conflict
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import apsw

# One statement, so that a single save needs no BEGIN and COMMIT around it; the triggers of the
# layout move the store's version along.
_PUT_ONE = """
INSERT INTO entries (scope, key, version, created_at, updated_at, expires_at, value)
VALUES (?1, ?2, (SELECT version + 1 FROM store), ?4, ?4, ?5, ?3)
ON CONFLICT (scope, key) DO UPDATE SET
    version = excluded.version, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
    value = excluded.value,
    created_at = CASE WHEN value IS NULL OR expires_at <= ?4 THEN excluded.created_at ELSE created_at END
RETURNING version
"""
_PUT = """
INSERT INTO entries (scope, key, version, created_at, updated_at, expires_at, value)
VALUES (?1, ?2, ?6, coalesce(?7, ?4), coalesce(?8, ?4), ?5, ?3)
ON CONFLICT (scope, key) DO UPDATE SET
    version = excluded.version, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
    value = excluded.value,
    created_at = CASE WHEN ?7 IS NOT NULL OR value IS NULL OR expires_at <= ?4
                      THEN excluded.created_at ELSE created_at END
"""
_DELETE = """
UPDATE entries SET value = NULL, version = ?3, updated_at = ?4, expires_at = NULL
WHERE scope = ?1 AND key = ?2 AND value IS NOT NULL AND (expires_at IS NULL OR expires_at > ?4)
"""
_RECLAIM_EXPIRED = """
UPDATE entries SET value = NULL, version = ?2, updated_at = ?4, expires_at = NULL
WHERE id IN (SELECT id FROM entries WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?3)
"""
_OLD_TOMBSTONES = """
SELECT max(
    coalesce((SELECT version FROM entries WHERE value IS NULL ORDER BY version DESC LIMIT 1 OFFSET ?2), 0),
    coalesce((SELECT max(version) FROM (
        SELECT version, updated_at FROM entries WHERE value IS NULL ORDER BY version LIMIT ?3
    ) WHERE updated_at < ?1), 0)
)
"""
_FORGET_TOMBSTONES = """
DELETE FROM entries WHERE id IN (
    SELECT id FROM entries WHERE value IS NULL AND version <= ?1 ORDER BY version LIMIT ?2
) RETURNING version
"""

RECLAIM_EVERY = 256
"""Every so many versions, whoever writes that version also reclaims; so short processes do their share."""

EXPIRY_GRACE_SECONDS = 3_600.0
"""An expired entry is invisible at once; its value is thrown away this much later, so that a clock
that was wrong for a moment has destroyed nothing."""

TOMBSTONE_SECONDS = 30 * 86_400.0
TOMBSTONES_KEPT = 100_000
"""Deletions are remembered for 30 days, but never more than this many of them."""

_RECLAIM_AT_ONCE = 10_000


def put_one(reader: SqliteReader, put: Put, now: float) -> int:
    """Write one entry that nothing is checked for; give its version."""
    return cast("int", reader.one(_PUT_ONE, (put.scope, put.key, put.value, now, put.expires_at)))


def apply(reader: SqliteReader, batch: Batch) -> Commit:
    """Check and write the batch inside the caller's open transaction."""
    connection = reader.connection
    for check in batch.checks:
        _hold(reader, check, batch.now)
    before = reader.version()
    if not batch.mutations:
        return Commit(before, 0)
    removed = written = 0
    stated = False
    for mutation in batch.mutations:
        if change(connection, mutation, before + 1, batch.now):
            written += 1
            if isinstance(mutation, Delete):
                removed += 1
            elif mutation.updated_at is not None:
                stated = True
    if stated:
        keeping.stamp(connection, before + 1, batch.now)
    return Commit(before + 1 if written else before, removed)


def change(connection: apsw.Connection, mutation: Mutation, version: int, now: float) -> bool:
    """Write one entry or remove it, inside the caller's open transaction; False when there was nothing to remove."""
    if isinstance(mutation, Delete):
        connection.execute(_DELETE, (mutation.scope, mutation.key, version, now))
        return connection.changes() > 0
    put = mutation
    stamps = (version, put.created_at, put.updated_at)
    connection.execute(_PUT, (put.scope, put.key, put.value, now, put.expires_at, *stamps))
    return True


def reclaim(connection: apsw.Connection, now: float) -> None:
    """Give back the space of what is too old, inside the caller's open transaction.

    That is what expired long ago, old tombstones, and the past that need not be kept any longer.
    """
    version = SqliteReader(connection).version()
    expired = (now - EXPIRY_GRACE_SECONDS, version + 1, _RECLAIM_AT_ONCE, now)
    connection.execute(_RECLAIM_EXPIRED, expired)
    keeping.trim(connection, version, now, RECLAIM_EVERY)
    bounds = (now - TOMBSTONE_SECONDS, TOMBSTONES_KEPT, _RECLAIM_AT_ONCE)
    old = cast("int", connection.execute(_OLD_TOMBSTONES, bounds).get)
    if old == 0:
        return
    gone = [version for (version,) in connection.execute(_FORGET_TOMBSTONES, (old, _RECLAIM_AT_ONCE))]
    if gone:
        # Tombstones of one commit share a version: those of the last one may be forgotten in part.
        connection.execute("UPDATE store SET forgotten_version = max(forgotten_version, ?)", (max(gone),))


def _hold(reader: SqliteReader, check: Check, now: float) -> None:
    """Raise `Conflict` unless the check holds."""
    if isinstance(check, EntryCheck):
        stored = reader.get(check.scope, check.key, now)
        actual = stored.version if stored else 0
        if actual != check.version:
            raise Conflict(check.scope, check.key, check.version, actual)
    elif isinstance(check, KeysCheck):
        if tuple(reader.keys(check.scope, check.prefix, check.after, check.limit, now)) != check.keys:
            raise Conflict(check.scope, None, None, None)
    elif tuple(reader.scopes(check.prefix, now)) != check.scopes:
        raise Conflict(None, None, None, None)

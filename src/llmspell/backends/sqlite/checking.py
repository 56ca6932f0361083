"""Is the database sound, and what is in it? Reads everything; for `state check` and `state stats`."""

from __future__ import annotations

from llmspell.backends.sqlite import layout
from llmspell.backends.sqlite.failures import DAMAGED
from llmspell.limits import MAX_KEY_BYTES, MAX_SCOPE_BYTES
from llmspell.quick_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw


class Counted(NamedTuple):
    """Numbers of rows by kind, and the bytes of the live values."""

    entries: int
    value_bytes: int
    tombstones: int
    expired: int


_COUNT = """
SELECT
    count(*) FILTER (WHERE value IS NOT NULL AND (expires_at IS NULL OR expires_at > ?1)),
    coalesce(sum(length(value)) FILTER (WHERE value IS NOT NULL AND (expires_at IS NULL OR expires_at > ?1)), 0),
    count(*) FILTER (WHERE value IS NULL),
    count(*) FILTER (WHERE expires_at <= ?1)
FROM entries
"""

# What must never be true, each with the words for it.
_INVARIANTS = (
    ("version > (SELECT version FROM store) OR version < 1", "has a version that the store never gave"),
    ("value IS NULL AND expires_at IS NOT NULL", "is deleted, yet has an expiry"),
    ("value IS NOT NULL AND typeof(value) <> 'blob'", "has a value of the wrong kind"),
    ("NOT json_valid(CAST(value AS TEXT))", "has a value that is no JSON text"),
    (f"length(CAST(scope AS BLOB)) NOT BETWEEN 1 AND {MAX_SCOPE_BYTES}", "has a scope of an impossible length"),
    (f"length(CAST(key AS BLOB)) NOT BETWEEN 1 AND {MAX_KEY_BYTES}", "has a key of an impossible length"),
    ("typeof(scope) <> 'text' OR typeof(key) <> 'text'", "has a scope or key that is no text"),
)

_PAST_INVARIANTS = (
    ("version >= until_version", "ended before it began"),
    ("until_version > (SELECT version FROM store)", "ended with a version that the store never gave"),
    (
        "until_version > (SELECT version FROM entries WHERE entries.scope = past.scope AND entries.key = past.key)",
        "ended, yet nothing took its place",
    ),
    ("until_version < (SELECT until_version FROM past AS before WHERE before.id = past.id - 1)", "is out of order"),
    ("NOT json_valid(CAST(value AS TEXT))", "had a value that is no JSON text"),
)


def count(connection: apsw.Connection, now: float) -> Counted:
    """Count entries, their bytes, tombstones and what has expired."""
    return Counted(*connection.execute(_COUNT, (now,)).get)


def problems(connection: apsw.Connection) -> Iterator[str]:
    """Give a sentence for every damage that the engine finds, then for every broken rule of ours."""
    try:
        yield from _problems(connection)
    except DAMAGED as error:
        yield f"the engine cannot go on: {error}"


def _problems(connection: apsw.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"the engine finds: {line}"
    if connection.execute("SELECT count(*) FROM store").get != 1:
        yield "the store's own row is missing"
        return
    for condition, words in _INVARIANTS:
        for scope, key in connection.execute(f"SELECT scope, key FROM entries WHERE {condition}"):
            yield f"scope {scope!r}, key {key!r} {words}"
    if layout.keeps_history(connection):
        yield from _problems_of_history(connection)


def _problems_of_history(connection: apsw.Connection) -> Iterator[str]:
    if connection.execute("SELECT count(*) FROM keeping JOIN moments ON version = from_version").get != 1:
        yield "history does not say where it begins"
    for condition, words in _PAST_INVARIANTS:
        for scope, key, version in connection.execute(f"SELECT scope, key, version FROM past WHERE {condition}"):
            yield f"what scope {scope!r}, key {key!r} was at version {version} {words}"

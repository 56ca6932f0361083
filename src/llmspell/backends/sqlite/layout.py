"""What stands in the store's database? Its tables, numbered as layouts 1 to 3, and how they are recognised.

One table holds live entries and tombstones (`value` NULL), so that a deletion keeps its place in
the order of versions. `value` is the last column: the others are then read without following a
large value's overflow pages. There is no index on `version`; it would make every save a third slower.
The triggers keep the store-wide version at least as high as every entry's, whoever writes.

Layout 2 adds the table of notes. A store of layout 1 is read as it is, and gets the table when its
first note is written.

Layout 3 adds what history needs: the table `past`, one row for every value that was replaced or removed; `moments`,
when each version was made; `keeping`, one row that says how much of both is there; and triggers that fill
them, whoever writes. A store gets it when a program that asks for history writes to it. When history
is stopped the tables go and the number stays: whether they are there is asked of the schema.

Rows of `past` are never changed and are added in the order of versions: the order of their `id` is that of
`until_version`. So the oldest can be found, and everything since a version, without an index.
"""

from __future__ import annotations

import time

from llmspell.errors import ForeignStore, LayoutTooNew
from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import apsw

LAYOUT = 3
"""The newest layout that is known."""

NEW_LAYOUT = 2
"""The layout of a new store, before history is asked for: older programs can use it as well."""

APPLICATION_ID = 0x6C6C6D73
"""`llms` in ASCII, in the place that SQLite's file format keeps for telling owners apart."""

_LAYOUT_1 = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    expires_at REAL,
    value BLOB,
    UNIQUE (scope, key)
);
CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX tombstones_by_version ON entries (version) WHERE value IS NULL;
CREATE TABLE store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    forgotten_version INTEGER NOT NULL,
    schema_version TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE TRIGGER version_follows_insert AFTER INSERT ON entries
    BEGIN UPDATE store SET version = new.version WHERE version < new.version; END;
CREATE TRIGGER version_follows_update AFTER UPDATE OF version ON entries
    BEGIN UPDATE store SET version = new.version WHERE version < new.version; END;
"""

_LAYOUT_2 = """
CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (kind, name)
);
"""

# Conditions instead of OR IGNORE: in a trigger that gives way to the ON CONFLICT of the outer statement.
_LAYOUT_3 = """
CREATE TABLE past (
    id INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    until_version INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    expires_at REAL,
    value BLOB NOT NULL
);
CREATE INDEX past_by_entry ON past (scope, key, until_version);
CREATE TABLE moments (version INTEGER PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE keeping (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    days INTEGER NOT NULL,
    from_version INTEGER NOT NULL
);
CREATE TRIGGER history_follows_insert AFTER INSERT ON entries BEGIN
    INSERT INTO moments SELECT new.version, new.updated_at
    WHERE NOT EXISTS (SELECT 1 FROM moments WHERE version = new.version);
END;
CREATE TRIGGER history_follows_update AFTER UPDATE OF version ON entries BEGIN
    INSERT INTO past (scope, key, version, until_version, created_at, updated_at, expires_at, value)
    SELECT old.scope, old.key, old.version, new.version, old.created_at, old.updated_at, old.expires_at, old.value
    WHERE old.value IS NOT NULL AND old.version < new.version;
    INSERT INTO moments SELECT new.version, new.updated_at
    WHERE NOT EXISTS (SELECT 1 FROM moments WHERE version = new.version);
END;
"""
_WITHOUT_HISTORY = """
DROP TRIGGER history_follows_insert;
DROP TRIGGER history_follows_update;
DROP TABLE keeping;
DROP TABLE moments;
DROP TABLE past;
"""


def recognise(connection: apsw.Connection, name: str) -> bool:
    """Tell whether the database holds a store (True) or nothing at all (False).

    Raises `ForeignStore` for another program's database, `LayoutTooNew` for a newer layout.
    """
    # Counted before the owner is looked at: another process may be making the store between the two.
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    owner = cast("int", connection.pragma("application_id"))
    if owner == APPLICATION_ID:
        layout = of(connection)
        if layout > LAYOUT:
            raise LayoutTooNew(
                f'"{name}" has layout {layout}, this llmspell knows layouts up to {LAYOUT}: '
                "it was written by a newer llmspell; update this one"
            )
        return True
    if owner == 0 and tables == 0:
        return False
    raise ForeignStore(
        f'"{name}" is a database of another program, not a store of llmspell; '
        "nothing was changed: name another folder in [state] path"
    )


def of(connection: apsw.Connection) -> int:
    """Give the number of the layout that the store has."""
    return cast("int", connection.pragma("user_version"))


def add_notes(connection: apsw.Connection) -> None:
    """Bring a store of layout 1 to layout 2, inside the caller's open transaction."""
    if of(connection) < 2:
        connection.execute(_LAYOUT_2)
        connection.pragma("user_version", 2)


def keeps_history(connection: apsw.Connection) -> bool:
    """Tell whether the tables of history are there."""
    return of(connection) >= 3 and connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'keeping'").get == 1


def add_history(connection: apsw.Connection) -> None:
    """Add the tables of history, empty, inside the caller's open transaction."""
    add_notes(connection)
    connection.execute(_LAYOUT_3)
    connection.pragma("user_version", 3)


def drop_history(connection: apsw.Connection) -> None:
    """Drop the tables of history, inside the caller's open transaction."""
    connection.execute(_WITHOUT_HISTORY)


def create(connection: apsw.Connection, schema_version: str) -> None:
    """Make an empty store without history, in one transaction."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_LAYOUT_1 + _LAYOUT_2)
        connection.execute(
            "INSERT INTO store (id, version, forgotten_version, schema_version, created_at) VALUES (1, 0, 0, ?, ?)",
            (schema_version, time.time()),
        )
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", NEW_LAYOUT)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise

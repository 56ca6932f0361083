"""Which values do the layers hand to each other?

They are named tuples, not dataclasses: as frozen as those, made in a quarter of the time, and
importing `dataclasses` would add 10 ms to the start of every script.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What can be stored: JSON, with 64-bit integers kept apart from floats."""


class Stored(NamedTuple):
    """An entry as a backend holds it: `value` is JSON text in UTF-8; times are epoch seconds."""

    scope: str
    key: str
    value: bytes
    version: int
    created_at: float
    updated_at: float
    expires_at: float | None


class Change(NamedTuple):
    """What the newest write to one key was: `stored` is None when it removed the entry.

    `migrated_to` is the schema version that a migration brought the store to with this write, None
    when it was an ordinary one.
    """

    scope: str
    key: str
    version: int
    stored: Stored | None
    migrated_to: str | None = None


class Entry(NamedTuple):
    """An entry as users see it: the value with its version and times (epoch seconds).

    `version` is 0 for an entry that the running transaction itself has written: its number is
    given when the transaction commits.
    """

    scope: str
    key: str
    value: JsonValue
    version: int
    created_at: float
    updated_at: float
    expires_at: float | None

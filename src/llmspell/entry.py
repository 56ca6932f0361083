"""Which values do the layers hand to each other?

They are named tuples, not dataclasses: as frozen as those, made in a quarter of the time, and
importing `dataclasses` would add 10 ms to the start of every script.
"""

from __future__ import annotations

from llmspell.quick_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias


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


Written: TypeAlias = tuple[str, str, int, float, float, float | None, bytes | None]
"""The newest write to a key as a plain tuple, for loops over very many of them: scope, key, version, `created_at`,
`updated_at`, `expires_at` and the value as JSON text, None when the entry was deleted or has expired."""


class Census(NamedTuple):
    """How many entries are live at one moment, and the sum of the lower 32 bits of their versions.

    Two states of one store that differ have, all but certainly, another sum.
    """

    entries: int
    version_sum: int


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

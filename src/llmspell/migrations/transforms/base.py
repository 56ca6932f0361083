"""What is a transform? One step of a migration: it changes a document and remembers what it takes away.

The law: after `complement = up(draft)`, `down(draft, complement)` gives the document back, byte for byte as JSON
text, order of fields included. After edits in between, fields that the transform maps keep the edit, the
others come back. What cannot go through raises `Refusal` and the whole run is undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from llmspell.migrations.paths import ABSENT, Absent

if TYPE_CHECKING:
    from llmspell.entry import JsonValue

SKIPPED: Final = 0
"""The complement of a transform that left the document alone."""

Complement: TypeAlias = "JsonValue | Absent"
"""What `down` is given: what `up` gave, or ABSENT for a document made in the new version, which never went up."""

LOSSLESS: Final = "lossless"
"""Going down needs nothing but what is kept."""
LOSSY: Final = "lossy"
"""Going down drops what the older version has no place for: fields that `up` had made."""
OPAQUE: Final = "opaque"
"""Code decides; the whole document is kept, and comes back unless it was edited since."""


class Refusal(Exception):
    """The document cannot go through; the text is a sentence without the names of scope, key and transform."""


MAX_GROWTH: Final = 100_000_000
"""Bytes, about, that the transforms of a migration may add to one document, so that none takes all memory."""


class Draft:
    """A document on its way through the transforms: they change it in place.

    `now` is the one moment of the run, in epoch seconds; `growth` is how many bytes, about, may still be added.
    """

    __slots__ = ("deleted", "growth", "key", "now", "scope", "value")

    def __init__(self, scope: str, key: str, value: JsonValue, now: float) -> None:
        self.scope = scope
        self.key = key
        self.value = value
        self.now = now
        self.deleted = False
        self.growth = MAX_GROWTH

    def count(self, made: JsonValue) -> None:
        """Count a value that is made out of others; raises `Refusal` when all of them are too much."""
        if isinstance(made, str | list | dict):
            self.growth -= _size(made)
            if self.growth < 0:
                raise Refusal("what the transforms add to this one document is too much; copy and compute less")


class Transform(Protocol):
    """One step. Instances are immutable and compiled: they are called for every document."""

    loss: str
    """LOSSLESS, LOSSY or OPAQUE."""

    def up(self, draft: Draft) -> JsonValue:
        """Change the draft and give the complement: SKIPPED, None when nothing is to be remembered, or any JSON.

        Raises `Refusal`; the draft may then be half changed and must be thrown away.
        """

    def down(self, draft: Draft, complement: Complement) -> None:
        """Undo `up`; `complement` is what `up` gave, or ABSENT. Raises `Refusal`."""

    def describe(self) -> str:
        """Say in a few words what it does, as in "move age to profile.age"."""

    def writes(self) -> tuple[str, ...]:
        """Give the paths that it sets, as they are written in the file."""


def _size(value: JsonValue) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(len, value)) + sum(map(_size, value.values())) + 16
    return sum(map(_size, value)) + 16 if isinstance(value, list) else 16


__all__ = ["ABSENT", "LOSSLESS", "LOSSY", "OPAQUE", "SKIPPED", "Complement", "Draft", "Refusal", "Transform"]

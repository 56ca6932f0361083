"""What does one commit ask for?

A batch is all or nothing: every check holds and every mutation is applied under one new version,
or nothing is and a `Conflict` names the check that failed.
"""

from __future__ import annotations

from llmspell.quick_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias


class Put(NamedTuple):
    """Store `value` (JSON text). Times left None are the batch's moment; `created_at` left None is kept."""

    scope: str
    key: str
    value: bytes
    expires_at: float | None = None
    created_at: float | None = None
    updated_at: float | None = None


class Delete(NamedTuple):
    """Remove the entry; where there is none, nothing happens."""

    scope: str
    key: str


class Move(NamedTuple):
    """Give the entry another scope or key; its value and times stay. Where there is none, nothing happens."""

    scope: str
    key: str
    to_scope: str
    to_key: str


class Note(NamedTuple):
    """Keep `value` as the note `name` of a kind, or remove the note when it is None.

    Notes are what llmspell itself remembers beside the entries; users never see them as entries.
    """

    kind: str
    name: str
    value: bytes | None


class DropNotes(NamedTuple):
    """Remove every note of a kind."""

    kind: str


class Stamp(NamedTuple):
    """Stamp the store with another schema version."""

    schema_version: str


class Rewritten(NamedTuple):
    """What a page of rewriting was: the last key looked at, and how many entries were."""

    last: str
    seen: int


class EntryCheck(NamedTuple):
    """The entry has this version; 0 means that there is no entry."""

    scope: str
    key: str
    version: int


class KeysCheck(NamedTuple):
    """Listing the keys again gives the same keys."""

    scope: str
    prefix: str
    after: str | None
    limit: int | None
    keys: tuple[str, ...]


class ScopesCheck(NamedTuple):
    """Listing the scopes again gives the same scopes."""

    prefix: str
    scopes: tuple[str, ...]


Mutation: TypeAlias = Put | Delete
Step: TypeAlias = Put | Delete | Move | Note | DropNotes | Stamp
"""What a revision can do."""

Check: TypeAlias = EntryCheck | KeysCheck | ScopesCheck


class Batch(NamedTuple):
    """`now` (epoch seconds) decides what has expired and stamps what is written."""

    now: float
    mutations: tuple[Mutation, ...] = ()
    checks: tuple[Check, ...] = ()


class Commit(NamedTuple):
    """What a commit did: the store's version after it and how many live entries its deletes removed.

    A batch that changes nothing (only checks, or deletes of absent entries) keeps the version.
    """

    version: int
    removed: int

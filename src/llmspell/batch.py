"""What does one commit ask for?

A batch is all or nothing: every check holds and every mutation is applied under one new version,
or nothing is and a `Conflict` names the check that failed.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


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

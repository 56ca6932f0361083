"""Which backups were made of this store? The store remembers them, so that it is known what a next one can stand on.

A store that was made anew, or a copy of its files that was put back, knows none of the later ones; what was written
since one of those cannot be told from its versions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from llmspell.batch import Note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell.backends.base import Backend, Reader, Revision

KIND = "backup"
OWN_KINDS = (KIND, "migration run")
"""Kinds of notes that are about a store's own past, which no other store has, and which no backup brings along."""


def made_of(reader: Reader) -> dict[str, str]:
    """Give the backups that were made of this store: the checksums of their manifests by their ids."""
    return {name: str(json.loads(text)["checksum"]) for name, text in reader.notes(KIND)}


def remember(backend: Backend, backup_id: str, checksum: str, now: float, still_there: Iterable[str]) -> None:
    """Note in the store that a backup was made of it, and forget those that are there no more."""
    there = {backup_id, *still_there}

    def work(revision: Revision) -> None:
        text = json.dumps({"checksum": checksum}).encode()
        gone = [Note(KIND, name, None) for name, _ in revision.notes(KIND) if name not in there]
        revision.apply((Note(KIND, backup_id, text), *gone))

    backend.revise(now, work)

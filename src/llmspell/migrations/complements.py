"""Where is kept what a migration takes away, so that going back gives it again? In notes, beside the entries.

Of every entry that a migration has seen there is a record: what each of its transforms returned. Records stand
in chunks, as one JSON object by key; a chunk's note is named by the scope and the last key in it, so that the
first note from an entry's name on is the one that holds its record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from llmspell import codec
from llmspell.batch import DropNotes, Move, Note, Put
from llmspell.migrations.paths import ABSENT, Absent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell.backends.base import Reader, Revision
    from llmspell.entry import JsonValue, Stored


class Complements:
    """What the migration that leads to `version` has taken away."""

    def __init__(self, version: str) -> None:
        self._records = f"complement {version}"
        self._moves = f"moved {version}"
        self._deletions = f"deleted {version}"
        self._late = f"late {version}"

    def drop(self, revision: Revision) -> None:
        """Forget everything."""
        revision.apply(map(DropNotes, (self._records, self._moves, self._deletions, self._late)))

    def keep(self, revision: Revision, scope: str, records: dict[str, JsonValue]) -> None:
        """Keep the records of a page of entries, which come in the order of their keys."""
        if records:
            revision.apply((Note(self._records, _name(scope, next(reversed(records))), codec.encode_trusted(records)),))

    def insert(self, revision: Revision, scope: str, key: str, record: JsonValue) -> None:
        """Keep one record more."""
        name, records = self._chunk(revision, scope, key)
        if name is None:
            self.keep(revision, scope, {key: record})
        else:
            revision.apply((Note(self._records, name, codec.encode_trusted({**records, key: record})),))

    def reader(self, reader: Reader, applied_at: float) -> RecordReader:
        """Give what finds records of the migration made then; quick when it is asked in the order of keys."""
        return RecordReader(self, reader, applied_at)

    def keep_late(self, revision: Revision, scope: str, late: list[tuple[str, float]]) -> None:
        """Keep which entries of a page seem to be created after the migration that saw them: key, moment.

        Clocks are set back, and entries come from machines whose clocks are fast.
        """
        if late:
            text = codec.encode_trusted([list(one) for one in late])
            revision.apply((Note(self._late, _name(scope, late[-1][0]), text),))

    def late(self, reader: Reader) -> dict[tuple[str, str], float]:
        """Give when those entries were created, by scope and key."""
        return {
            (name.partition("\0")[0], key): created_at
            for name, text in _each(reader, self._late)
            for key, created_at in cast("list[tuple[str, float]]", codec.decode(text))
        }

    def keep_moves(self, revision: Revision, scope: str, moves: list[tuple[str, str, str]]) -> None:
        """Keep where entries of a page go: key, new scope, new key."""
        if moves:
            text = codec.encode_trusted([list(move) for move in moves])
            revision.apply((Note(self._moves, _name(scope, moves[-1][0]), text),))

    def moves(self, reader: Reader) -> Iterator[Move]:
        """Give the moves from the old place to the new one."""
        for name, text in _each(reader, self._moves):
            scope = name.partition("\0")[0]
            for key, to_scope, to_key in cast("list[list[str]]", codec.decode(text)):
                yield Move(scope, key, to_scope, to_key)

    def keep_deleted(self, revision: Revision, stored: Stored) -> None:
        """Keep a whole entry that the migration deletes."""
        revision.apply((Note(self._deletions, _name(stored.scope, stored.key), whole_entry(stored)),))

    def deleted(self, reader: Reader) -> Iterator[Put]:
        """Give the writes that bring back the entries that the migration has deleted."""
        for _, text in _each(reader, self._deletions):
            yield entry_of(text)

    def bytes_kept(self, reader: Reader) -> int:
        """Count what all of it takes."""
        kinds = (self._records, self._moves, self._deletions)
        return sum(len(text) for kind in kinds for _, text in _each(reader, kind))

    def _chunk(self, reader: Reader, scope: str, key: str) -> tuple[str | None, dict[str, JsonValue]]:
        """Give the name and the records of the chunk that has the place of an entry."""
        found = reader.notes(self._records, _name(scope, key), 1)
        if not found or found[0][0].partition("\0")[0] != scope:
            return None, {}
        return found[0][0], cast("dict[str, JsonValue]", codec.decode(found[0][1]))


class RecordReader:
    """Finds the records of one migration."""

    def __init__(self, complements: Complements, reader: Reader, applied_at: float) -> None:
        self._complements = complements
        self._reader = reader
        self._applied_at = applied_at
        self._late: dict[tuple[str, str], float] | None = None
        self._scope = ""
        self._first, self._last = "", ""
        self._records: dict[str, JsonValue] = {}

    def saw(self, scope: str, key: str, created_at: float) -> bool:
        """Tell whether an entry was there before the migration, and not made anew under its old key since."""
        if created_at <= self._applied_at:
            return True
        if self._late is None:
            self._late = self._complements.late(self._reader)
        return self._late.get((scope, key)) == created_at

    def find(self, scope: str, key: str) -> JsonValue | Absent:
        """Give the record of an entry; ABSENT when the migration has not seen it."""
        if scope != self._scope or not self._first <= key <= self._last:
            name, self._records = self._complements._chunk(self._reader, scope, key)
            self._scope, self._first = scope, key
            # Without a chunk there are no records from here on.
            self._last = _AFTER_ALL_KEYS if name is None else name.partition("\0")[2]
        return self._records.get(key, ABSENT)


_AFTER_ALL_KEYS = "\U0010ffff" * 129
"""Longer than any key of the highest character."""


def whole_entry(stored: Stored) -> bytes:
    """Give an entry as JSON text."""
    times = (codec.encode_number(stored.created_at), codec.encode_number(stored.updated_at))
    expires_at = b"null" if stored.expires_at is None else codec.encode_number(stored.expires_at)
    return b'{"scope":%b,"key":%b,"created_at":%b,"updated_at":%b,"expires_at":%b,"value":%b}' % (
        codec.encode(stored.scope),
        codec.encode(stored.key),
        *times,
        expires_at,
        stored.value,
    )


def entry_of(text: bytes) -> Put:
    """Give the write that brings back what `whole_entry` wrote."""
    entry = cast("dict[str, JsonValue]", codec.decode(text))
    expires_at, created_at, updated_at = (
        cast("float | None", entry[name]) for name in ("expires_at", "created_at", "updated_at")
    )
    text = codec.encode_trusted(entry["value"])
    return Put(cast("str", entry["scope"]), cast("str", entry["key"]), text, expires_at, created_at, updated_at)


def _name(scope: str, key: str) -> str:
    return f"{scope}\0{key}"  # neither holds NUL, so the names stand in the order of scope, then key


def _each(reader: Reader, kind: str) -> Iterator[tuple[str, bytes]]:
    """Give the notes of a kind, a few at a time."""
    first = ""
    while notes := reader.notes(kind, first, 16):
        yield from notes
        first = notes[-1][0] + "\0"

"""Is a backup sound, and what does it hold? Every byte of its files is read, and every entry decoded."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from llmspell.backups.compression import NONE
from llmspell.backups.content import check_file, read_content
from llmspell.backups.lines import Lines, parse
from llmspell.backups.manifest import DETAILS, ENTRIES, NOTES, Manifest, packing_of
from llmspell.backups.origin import OWN_KINDS
from llmspell.batch import Note
from llmspell.errors import BackupDamaged

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from llmspell.backups.content import Part
    from llmspell.backups.encryption import Key
    from llmspell.entry import Written

    OpenFile = Callable[[str], AbstractContextManager[BinaryIO]]


class Contents(NamedTuple):
    """Reads the files of one backup; `open_file` opens one by its name."""

    manifest: Manifest
    open_file: OpenFile
    key: Key | None

    def entries(self, take: Callable[[list[Written]], object]) -> None:
        """Pass all entries on to `take`, some at a time, deletions with the value None.

        Raises `BackupDamaged` unless the file is what was written, which can be known only at the end.
        """
        counts = [0, 0]
        first, last = self.manifest.since_version, self.manifest.version

        def take_lines(lines: list[bytes]) -> None:
            entries = parse(lines)
            deletions = [entry[6] for entry in entries].count(None)
            counts[0] += len(entries) - deletions
            counts[1] += deletions
            if deletions and self.manifest.full:
                raise BackupDamaged("it is a full backup and holds deletions")
            versions = [entry[2] for entry in entries]
            if versions and not (first < min(versions) and max(versions) <= last):
                raise BackupDamaged(f"it holds an entry with a version that is not in {first + 1} to {last}")
            take(entries)

        self._read_lines(ENTRIES, take_lines)
        told = [self.manifest.entry_count, self.manifest.tombstone_count]
        if counts != told:
            raise BackupDamaged(
                f"it holds {counts[0]} entries and {counts[1]} deletions, its manifest tells {told[0]} and {told[1]}"
            )

    def notes(self, take: Callable[[list[Note]], object]) -> None:
        """Pass all notes of the store on to `take`, some at a time."""
        if self.manifest.part(NOTES) is not None:
            self._read_lines(NOTES, lambda lines: take([_note(line) for line in lines]))

    def check_files(self) -> None:
        """Read everything; raises `BackupDamaged` for a file that is not, byte for byte, what its manifest tells."""
        for part in self.manifest.parts:
            with self.open_file(part.name) as source:
                check_file(source, part)

    def check_lines(self) -> None:
        """Unpack everything and decode every line; raises `BackupDamaged` unless the content is what was written.

        That is enough for a backup that was just written from a store: its lines are known by their checksum.
        """
        from orjson import loads

        counted = 0

        def take(lines: list[bytes]) -> None:
            nonlocal counted
            counted += len(lines)
            deque(map(loads, lines), 0)

        try:
            self._read_lines(ENTRIES, take)
            self.notes(_ignore)
            if self.manifest.part(DETAILS) is not None:
                self._read_lines(DETAILS, _ignore)
        except ValueError as error:
            raise BackupDamaged(f"it holds a line that cannot be decoded ({error})") from error
        if counted != self.manifest.entry_count + self.manifest.tombstone_count:
            raise BackupDamaged(f"it holds {counted} lines, and another number was written")

    def check_entries(self) -> None:
        """Unpack everything and look at every entry; raises `BackupDamaged` for what no store could have written."""
        self.entries(_ignore)
        self.notes(_ignore)

    def _read_lines(self, stem: str, take: Callable[[list[bytes]], object]) -> None:
        part = self._part(stem)
        lines = Lines(take)
        with self.open_file(part.name) as source:
            packing = packing_of(self.manifest, self.key)
            read_content(source, part, packing if stem != DETAILS else packing._replace(compression=NONE), lines.feed)
        lines.end()

    def _part(self, stem: str) -> Part:
        part = self.manifest.part(stem)
        if part is None:
            raise BackupDamaged(f"its manifest names no file with {stem}")
        return part


def _ignore(_: object) -> None:
    """Take what is read only to be checked."""


def note_line(kind: str, name: str, value: bytes) -> bytes:
    """Give the line of a note; what it keeps is JSON text, kept as text."""
    text = json.dumps({"kind": kind, "name": name, "value": value.decode()}, ensure_ascii=False)
    return text.encode() + b"\n"


def _note(line: bytes) -> Note:
    try:
        fields = json.loads(line)
        kind, name, value = fields["kind"], fields["name"], fields["value"]
        if not (type(kind) is str and type(name) is str and type(value) is str):
            raise ValueError("its parts are no texts")
        if kind in OWN_KINDS:
            raise ValueError(f"notes of the kind {kind!r} are in no backup")
        return Note(kind, name, value.encode())
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BackupDamaged(f"it holds a line that is no note ({error})") from error

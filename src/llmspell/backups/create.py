"""How is a backup made? From one moment of the store, written aside, read back, and only then shown to anybody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from llmspell.backups import lines, marks, origin
from llmspell.backups import manifest as manifests
from llmspell.backups.catalog import read_known
from llmspell.backups.compression import NONE
from llmspell.backups.content import Packing, Part, write_content
from llmspell.backups.manifest import DETAILS, ENTRIES, NOTES, Details, Manifest
from llmspell.backups.marks import Hold, Marks
from llmspell.backups.names import FULL, INCREMENTAL, new_id
from llmspell.backups.options import FULL_VERIFICATION
from llmspell.backups.place import MARKS
from llmspell.backups.reading import Contents, note_line
from llmspell.backups.results import Created
from llmspell.backups.selection import Selection
from llmspell.errors import BackupDamaged, BackupError, ChangesForgotten, StoreError
from llmspell.fail_points import reach
from llmspell.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from llmspell.backends.base import Backend, Reader
    from llmspell.backups.catalog import Catalog, Known
    from llmspell.backups.encryption import Key
    from llmspell.backups.options import BackupOptions
    from llmspell.backups.place import Draft, Place
    from llmspell.entry import Written


class Request(NamedTuple):
    """What a call asks for. `progress` is told how many entries were looked at, and of how many."""

    incremental: bool = False
    description: str = ""
    selection: Selection = Selection()
    hold: Hold | None = None
    progress: Callable[[int, int], object] | None = None


class Creation:
    """One call of `create_backup`, made while its maker is alone in the place."""

    def __init__(
        self, backend: Backend, place: Place, options: BackupOptions, key: Key | None, clock: Callable[[], float]
    ) -> None:
        self._backend = backend
        self._place = place
        self._options = options
        self._packing = Packing(options.compression, options.compression_level, key)
        self._clock = clock
        self._counts = [0, 0]
        self._warnings: list[str] = []

    def make(self, request: Request, catalog: Catalog) -> Created:
        """Make the backup and add it to the catalog of the place.

        Raises `BackupError` or `StoreError` and leaves nothing behind when it cannot be made.
        """
        began = time.perf_counter()
        if self._packing.key is None and any(one.manifest.recipient for one in catalog.known.values()):
            self._warnings.append(
                "this backup is not encrypted, although there are encrypted ones: no key is configured"
            )
        with self._backend.snapshot() as reader:
            now = self._clock()
            parent = self._parent(catalog, reader, request, now) if request.incremental else None
            manifest = self._outline(reader, catalog, parent, request, now)
            with self._place.draft(manifest.id) as draft:
                if request.hold is not None:
                    with draft.write(MARKS) as out:
                        out.write(marks.text_of(Marks((request.hold,))))
                manifest, text = self._fill(draft, reader, manifest, request)
                self._prove(draft, manifest)
                manifests.parse(text, None)
                self._backend.flush()  # a power cut must not leave a store that is older than its backup
                draft.publish(text)
        checksum = manifests.checksum_of(text)
        self._note(manifest, checksum, request, catalog, now)
        files = self._place.files(manifest.id)
        made = catalog.known[manifest.id] = read_known(self._place, manifest.id, files, self._packing.key)
        return Created(
            manifest.id,
            made.size_bytes,
            manifest.entry_count,
            not manifest.full,
            not manifest.full,
            manifest.parent_id,
            int(now),
            (time.perf_counter() - began) * 1_000,
            tuple(self._warnings),
        )

    def _parent(self, catalog: Catalog, reader: Reader, request: Request, now: float) -> Known | None:
        """Give what an incremental backup stands on; None, and a warning, where there is nothing."""
        if not self._options.incremental:
            return self._nothing("backup_incremental is switched off")
        checksums = origin.made_of(reader)
        damages = catalog.damages()
        reason = "there is no backup to stand on"
        for one in catalog.newest_first():
            manifest = one.manifest
            if checksums.get(manifest.id) != one.checksum:
                reason = "no backup here was made of this store"
            elif manifest.details is None or manifest.details[1:3] != request.selection[:2]:
                reason = "no backup here is of the same scopes"
            elif (manifest.recipient is None) != (self._packing.key is None):
                reason = (
                    "the one it would stand on is encrypted"
                    if manifest.recipient
                    else "the one before is not encrypted"
                )
            elif damages[manifest.id] is not None:
                reason = f"the one it would stand on cannot be restored: {damages[manifest.id]}"
            elif manifest.version > reader.version():
                reason = "the store is older than its newest backup"
            else:
                return self._young_enough(catalog, one, reader, now)
        return self._nothing(reason)

    def _young_enough(self, catalog: Catalog, parent: Known, reader: Reader, now: float) -> Known | None:
        if parent.manifest.created_at > now:
            # What had expired then and has not now is in neither of the two.
            return self._nothing("the clock was set back since the one before was made")
        interval = self._options.full_interval_seconds
        full = catalog.chain(parent.manifest.id)[0].manifest
        if interval is not None and now - full.created_at >= interval:
            return self._nothing(f"the full one is older than backup_full_interval_seconds = {interval}")
        try:
            reader.written(parent.manifest.version, now)
        except ChangesForgotten:
            return self._nothing("deletions since the one before are no longer known")
        return parent

    def _nothing(self, reason: str) -> Known | None:
        """Say why there is nothing to stand on."""
        self._warnings.append(f"this is a full backup, although an incremental one was asked for: {reason}")
        return None

    def _outline(
        self, reader: Reader, catalog: Catalog, parent: Known | None, request: Request, now: float
    ) -> Manifest:
        """Give the manifest as far as it is known before anything is written."""
        census = reader.census(now)
        whole = request.selection.everything
        key = self._packing.key
        return Manifest(
            new_id(now, FULL if parent is None else INCREMENTAL),
            None if parent is None else parent.manifest.id,
            None if parent is None else parent.checksum,
            catalog.next_sequence(),
            float(now),
            reader.schema_version() or self._options.new_schema_version,
            0 if parent is None else parent.manifest.version,
            reader.version(),
            0,
            0,
            census.entries if whole else None,
            census.version_sum if whole else None,
            self._packing.compression,
            None if key is None else key.recipient,
            (),
            Details(request.description, request.selection.scopes, request.selection.exclude, {}),
            f"llmspell {__version__}",
        )

    def _fill(self, draft: Draft, reader: Reader, manifest: Manifest, request: Request) -> tuple[Manifest, bytes]:
        """Write the files; give the manifest and its text."""
        total = manifest.total_entries or 0
        chosen = _chosen(reader.written(manifest.since_version, manifest.created_at), request.selection)

        def counted(entries: int, deletions: int) -> None:
            self._counts[0] += entries
            self._counts[1] += deletions
            if request.progress is not None:
                request.progress(self._counts[0], max(total, self._counts[0]))

        content = lines.chunks(chosen, counted, deletions=not manifest.full)
        parts = [self._write(draft, ENTRIES, content)]
        notes = _notes(reader) if request.selection.everything else iter(())
        first = next(notes, None)
        if first is not None:
            parts.append(self._write(draft, NOTES, _with_first(first, notes)))
        assert manifest.details is not None  # it was made with them
        details = manifest.details._replace(content_sha256={part.name: part.content_sha256 or "" for part in parts})
        key = self._packing.key
        if key is not None:
            parts.append(self._write_details(draft, details, key))
        manifest = manifest._replace(
            entry_count=self._counts[0], tombstone_count=self._counts[1], parts=tuple(parts), details=details
        )
        return manifest, manifests.text_of(manifest, None if key is None else key.authenticate)

    def _write(self, draft: Draft, stem: str, content: Iterable[bytes]) -> Part:
        name = self._packing.file_name(stem)
        with draft.write(name) as out:
            return write_content(out, name, content, self._packing)

    def _write_details(self, draft: Draft, details: Details, key: Key) -> Part:
        packing = Packing(NONE, 0, key)
        name = packing.file_name(DETAILS)
        with draft.write(name) as out:
            return write_content(out, name, (manifests.details_text(details),), packing)

    def _prove(self, draft: Draft, manifest: Manifest) -> None:
        """Read back what was written, before anybody can see it."""
        reach("backup.proving")
        contents = Contents(manifest, draft.read, self._packing.key)
        try:
            if self._options.verify == FULL_VERIFICATION:
                contents.check_lines()
            else:
                contents.check_files()
        except BackupDamaged as error:
            raise BackupDamaged(
                f'the backup was not made: what was read back from "{self._place.name}" is not what was written '
                f"({error}); look at the disk before going on"
            ) from error

    def _note(self, manifest: Manifest, checksum: str, request: Request, catalog: Catalog, now: float) -> None:
        """Note what was found; the backup stands whatever happens here."""
        reach("backup.noting")
        holds = () if request.hold is None else (request.hold,)
        try:
            origin.remember(self._backend, manifest.id, checksum, now, catalog.known)
        except StoreError as error:
            self._warnings.append(f"the next incremental backup cannot stand on this one: {error}")
        reach("backup.remembered")
        try:
            marks.write(self._place, manifest.id, Marks(holds, verified_at=now))
        except BackupError as error:
            self._warnings.append(f"it could not be noted that the backup is verified: {error}")


def _chosen(written: Iterable[Written], selection: Selection) -> Iterable[Written]:
    if selection.everything:
        return written
    matches = selection.matcher()
    return (entry for entry in written if matches(entry[0], entry[1]))


def _notes(reader: Reader) -> Iterator[bytes]:
    for kind in reader.note_kinds():
        if kind in origin.OWN_KINDS:
            continue
        first: str | None = ""
        while first is not None:
            page = reader.notes(kind, first, 16)
            for name, value in page:
                yield note_line(kind, name, value)
            first = f"{page[-1][0]}\0" if page else None


def _with_first(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others

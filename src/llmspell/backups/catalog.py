"""Which backups are there, and what does each stand on? Read from the place anew each time it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llmspell.backups import manifest as manifests
from llmspell.backups import marks
from llmspell.backups.content import Packing, check_file, read_content
from llmspell.backups.manifest import DETAILS, Manifest
from llmspell.backups.place import MANIFEST, MARKS
from llmspell.backups.results import Listed
from llmspell.errors import (
    BackupDamaged,
    BackupError,
    BackupKeyMissing,
    BackupKeyWrong,
    BackupNotFound,
    BackupTooNew,
    BackupUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmspell.backups.encryption import Key
    from llmspell.backups.marks import Marks
    from llmspell.backups.place import FileFacts, Place


class Known(NamedTuple):
    """A backup whose manifest can be read. `checksum` is that of the manifest."""

    manifest: Manifest
    checksum: str
    files: Mapping[str, FileFacts]
    marks: Marks

    @property
    def size_bytes(self) -> int:
        """How much it takes, everything included."""
        return sum(facts.size_bytes for facts in self.files.values())


class Catalog(NamedTuple):
    """All backups of a place by their ids, and those that cannot be read with the reason.

    `unopened` has what those say of themselves whose manifest is whole and cannot be vouched for: another key is
    needed. It is good for nothing but leaving them alone.
    """

    place: Place
    known: dict[str, Known]
    unreadable: dict[str, BackupError]
    unopened: dict[str, Manifest]

    def newest_first(self) -> list[Known]:
        """Give the backups in the order in which they were made, the newest first."""
        return sorted(self.known.values(), key=lambda one: _order(one.manifest), reverse=True)

    def next_sequence(self) -> int:
        """Give the number of the next backup."""
        known = [one.manifest for one in self.known.values()]
        return max((manifest.sequence for manifest in (*known, *self.unopened.values())), default=0) + 1

    def find(self, backup_id: str) -> Known:
        """Give a backup; raises `BackupNotFound`, or what is wrong with its manifest."""
        if backup_id in self.unreadable:
            raise self.unreadable[backup_id]
        if backup_id not in self.known:
            known = f"the newest is {self.newest_first()[0].manifest.id}" if self.known else "there is none"
            raise BackupNotFound(f'there is no backup {backup_id} in "{self.place.name}"; {known}')
        return self.known[backup_id]

    def chain(self, backup_id: str) -> list[Known]:
        """Give what a backup stands on and the backup itself, the full one first.

        Raises `BackupDamaged` when a parent is missing, unreadable, another one than it was, or its own descendant.
        """
        chain = [self.find(backup_id)]
        seen = {backup_id}
        while (parent_id := chain[0].manifest.parent_id) is not None:
            child = chain[0].manifest
            if parent_id in seen:
                raise BackupDamaged(f"{backup_id} cannot be restored: {parent_id} stands on itself")
            seen.add(parent_id)
            try:
                parent = self.find(parent_id)
            except BackupNotFound as error:
                raise BackupDamaged(
                    f"{backup_id} cannot be restored: {parent_id}, which {child.id} stands on, is missing"
                ) from error
            except BackupError as error:
                raise type(error)(f"{backup_id} cannot be restored: {error}") from error
            if not _fits(child, parent):
                raise BackupDamaged(
                    f"{backup_id} cannot be restored: {parent_id} is not the backup that {child.id} was made upon"
                )
            chain.insert(0, parent)
        return chain

    def missing_files(self, backup_id: str) -> list[str]:
        """Tell what is wrong with the files of a backup as far as their names and sizes show."""
        one = self.known[backup_id]
        problems = []
        for part in one.manifest.parts:
            facts = one.files.get(part.name)
            if facts is None:
                problems.append(f"{part.name} is missing")
            elif facts.size_bytes != part.size_bytes:
                problems.append(f"{part.name} has {facts.size_bytes} bytes, its manifest tells {part.size_bytes}")
        return problems

    def damages(self) -> dict[str, str | None]:
        """Say of every backup what is known to be wrong with it or with what it stands on; None if nothing.

        Nothing is read for it: that is what `verify` is for.
        """
        found: dict[str, str | None] = {backup_id: str(error) for backup_id, error in self.unreadable.items()}
        for one in reversed(self.newest_first()):
            backup_id, parent_id = one.manifest.id, one.manifest.parent_id
            own = one.marks.damaged or "; ".join(self.missing_files(backup_id))
            found[backup_id] = f"{backup_id} is damaged: {own}" if own else None
            if not own and parent_id is not None:
                found[backup_id] = self._fault_below(one) or found.get(parent_id)
        return found

    def _fault_below(self, one: Known) -> str | None:
        parent = self.known.get(one.manifest.parent_id or "")
        if parent is not None and parent.manifest.sequence < one.manifest.sequence and _fits(one.manifest, parent):
            return None
        try:
            self.chain(one.manifest.id)
        except BackupError as error:
            return str(error)
        return None


def read_catalog(place: Place, key: Key | None) -> Catalog:
    """Read every manifest; a backup that cannot be read is listed with the reason, and stops nothing."""
    catalog = Catalog(place, {}, {}, {})
    for backup_id, files in place.listing().items():
        try:
            catalog.known[backup_id] = read_known(place, backup_id, files, key)
        except BackupUnavailable:
            raise
        except BackupError as error:
            if place.files(backup_id):  # else somebody has removed it since the place was listed
                catalog.unreadable[backup_id] = error
                if isinstance(error, BackupKeyWrong):
                    text = place.read(backup_id, MANIFEST, manifests.MAX_BYTES) or b""
                    catalog.unopened[backup_id] = manifests.parse(text, None)
    return catalog


def read_known(place: Place, backup_id: str, files: Mapping[str, FileFacts], key: Key | None) -> Known:
    """Read one backup's manifest and marks."""
    text = place.read(backup_id, MANIFEST, manifests.MAX_BYTES)
    if text is None:
        raise BackupDamaged(f"{backup_id} is damaged: {MANIFEST} is missing")
    try:
        authenticate = None if key is None else key.authenticate
        found = manifests.parse(text, authenticate)
    except BackupKeyWrong as error:
        raise BackupKeyWrong(f"{backup_id} is encrypted for another key: {error}") from error
    except BackupDamaged as error:
        raise BackupDamaged(f"{backup_id} is damaged: {error}") from error
    except BackupTooNew as error:
        raise BackupTooNew(f"{backup_id} cannot be read: {error}") from error
    if found.id != backup_id:
        raise BackupDamaged(f"{backup_id} is damaged: its manifest is that of {found.id}")
    if found.recipient is not None and key is not None:
        found = _opened(place, found, key)
    return Known(found, manifests.checksum_of(text), files, marks.read(place, backup_id, files))


def listed(one: Known, damage: str | None, now: float) -> Listed:
    """Give what the list tells of a backup."""
    manifest = one.manifest
    return Listed(
        manifest.id,
        int(manifest.created_at),
        one.size_bytes,
        manifest.entry_count,
        not manifest.full,
        not manifest.full,
        manifest.parent_id,
        manifest.schema_version,
        None if manifest.details is None else manifest.details.description,
        one.marks.verified_at,
        one.marks.held(now),
        damage,
        manifest.recipient is not None,
        manifest.total_entries is None,
        () if manifest.details is None else manifest.details.scopes,
        () if manifest.details is None else manifest.details.exclude,
    )


def unknown_files(known: Known) -> list[str]:
    """Give the names of files that do not belong to the backup."""
    own = {MANIFEST, MARKS, *(part.name for part in known.manifest.parts)}
    return sorted(name for name in known.files if name not in own)


def require_key(chain: Iterable[Known], key: Key | None) -> None:
    """Raise `BackupKeyMissing` when one of the backups is encrypted and there is no key."""
    for one in chain:
        if one.manifest.recipient is not None and key is None:
            raise BackupKeyMissing(
                f"{one.manifest.id} is encrypted for {one.manifest.recipient}; name the file with that key in "
                "[state] backup_encryption_key_file"
            )


def _opened(place: Place, manifest: Manifest, key: Key) -> Manifest:
    """Give the manifest with the details that stand encrypted beside it."""
    part = manifest.part(DETAILS)
    if part is None:
        raise BackupDamaged(f"{manifest.id} is damaged: its manifest names no file with details")
    pieces: list[bytes] = []
    try:
        # First as it is: damage to the header of an encrypted file cannot be told from another key.
        with place.open(manifest.id, part.name) as source:
            check_file(source, part)
        with place.open(manifest.id, part.name) as source:
            read_content(source, part, Packing("none", 0, key), pieces.append)
        return manifests.with_details(manifest, b"".join(pieces))
    except BackupDamaged as error:
        raise BackupDamaged(f"{manifest.id} is damaged: {error}") from error


def _fits(child: Manifest, parent: Known) -> bool:
    return parent.checksum == child.parent_checksum and parent.manifest.version == child.since_version


def _order(manifest: Manifest) -> tuple[int, float, str]:
    return manifest.sequence, manifest.created_at, manifest.id

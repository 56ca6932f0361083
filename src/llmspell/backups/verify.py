"""Can a backup be restored? Everything it stands on is read and decoded, and the verdict is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.backups import marks, origin
from llmspell.backups.catalog import require_key, unknown_files
from llmspell.backups.compose import compose, contents_of
from llmspell.backups.reading import Contents
from llmspell.backups.results import Validated
from llmspell.errors import BackupDamaged, BackupError, BackupUnavailable
from llmspell.fail_points import reach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.backends.base import Reader
    from llmspell.backups.catalog import Catalog, Known
    from llmspell.backups.encryption import Key
    from llmspell.backups.place import Place


class Verification:
    """Looks at the backups of one place. Each verdict is noted at once, so that an interruption loses little."""

    def __init__(self, place: Place, catalog: Catalog, key: Key | None, reader: Reader, now: float) -> None:
        self._place = place
        self._catalog = catalog
        self._key = key
        self._checksums = origin.made_of(reader)
        self._now = now
        self._warnings: list[str] = []

    def validate(self, backup_id: str, progress: Callable[[int, int], object] | None = None) -> Validated:
        """Read a backup and what it stands on; raises `BackupNotFound` or `BackupUnavailable`."""
        self._catalog_has(backup_id)
        errors: list[str] = []
        checksum_valid = integrity_valid = False
        try:
            chain = self._catalog.chain(backup_id)
            require_key(chain, self._key)
        except BackupUnavailable:
            raise
        except BackupError as error:
            errors.append(str(error))
        else:
            checksum_valid, integrity_valid = self._look_through(chain, errors, progress)
        restorable = () if not errors else self.others_restorable(backup_id)
        valid = checksum_valid and integrity_valid
        warnings = tuple(self._warnings)
        self._warnings = []
        return Validated(
            valid, checksum_valid, integrity_valid, tuple(errors), warnings, self._now, backup_id, restorable
        )

    def require_untouched(self, chain: Sequence[Known]) -> None:
        """Raise `BackupDamaged` when a file is not what its manifest tells, a manifest not what the store knows."""
        for known in chain:
            self._require_remembered(known)
            self._check(known, Contents.check_files)

    def require_authentic(self, chain: Sequence[Known]) -> None:
        """Raise `BackupError` for a plain backup where a key is configured, unless the store remembers it."""
        for known in chain:
            manifest = known.manifest
            if self._key is not None and manifest.recipient is None and manifest.id not in self._checksums:
                raise BackupError(
                    f"{manifest.id} is not encrypted although a key is configured, and this store does not remember "
                    "it, so anybody may have written it; if you know that it is yours, use force (--force)"
                )

    def others_restorable(self, backup_id: str) -> tuple[str, ...]:
        """Give the other backups that can be restored: those whose whole chain is as its checksums tell."""
        sound: dict[str, bool] = {}
        for one in reversed(self._catalog.newest_first()):
            manifest = one.manifest
            try:
                require_key(self._catalog.chain(manifest.id), self._key)
                self._require_remembered(one)
                self._check(one, Contents.check_files)
                sound[manifest.id] = manifest.parent_id is None or sound.get(manifest.parent_id, False)
            except BackupError:
                sound[manifest.id] = False
        ids = [one.manifest.id for one in self._catalog.newest_first()]
        return tuple(one for one in ids if sound[one] and one != backup_id)

    def _look_through(
        self, chain: Sequence[Known], errors: list[str], progress: Callable[[int, int], object] | None
    ) -> tuple[bool, bool]:
        checksum_valid = integrity_valid = True
        for number, known in enumerate(chain, 1):
            untouched = False
            try:
                self._require_remembered(known)
                self._check(known, Contents.check_files)
                untouched = True
                self._check(known, Contents.check_entries)
            except BackupUnavailable:
                raise
            except BackupError as error:
                errors.append(str(error))
                checksum_valid = checksum_valid and untouched
                integrity_valid = False
                if isinstance(error, BackupDamaged):
                    self._note(known, None, str(error).removeprefix(f"{known.manifest.id} is damaged: "))
            else:
                self._note(known, self._now, None)
            self._warn(known)
            if progress is not None:
                progress(number, len(chain))
        if not errors:
            try:
                compose(self._place, chain, self._key, _ignore)
            except BackupDamaged as error:
                errors.append(str(error))
                integrity_valid = False
        return checksum_valid, integrity_valid

    def _check(self, known: Known, check: Callable[[Contents], None]) -> None:
        try:
            check(contents_of(self._place, known, self._key))
        except BackupDamaged as error:
            raise BackupDamaged(f"{known.manifest.id} is damaged: {error}") from error

    def _require_remembered(self, known: Known) -> None:
        remembered = self._checksums.get(known.manifest.id)
        if remembered is not None and remembered != known.checksum:
            raise BackupDamaged(
                f"{known.manifest.id} is damaged: its manifest is not the one that the store remembers; somebody has "
                "written it anew"
            )

    def _note(self, known: Known, verified_at: float | None, damaged: str | None) -> None:
        backup_id = known.manifest.id
        reach("validate.noting")
        try:
            with self._place.alone():
                files = self._place.files(backup_id)
                found = marks.read(self._place, backup_id, files)
                if files:
                    marks.write(self._place, backup_id, found._replace(verified_at=verified_at, damaged=damaged))
        except BackupError as error:
            self._warnings.append(f"the verdict on {backup_id} could not be noted: {error}")

    def _warn(self, known: Known) -> None:
        backup_id = known.manifest.id
        for name in unknown_files(known):
            self._warnings.append(f"{backup_id} has a file that does not belong to it: {name}")
        if self._key is not None and known.manifest.recipient is None:
            self._warnings.append(f"{backup_id} is not encrypted, although a key is configured")

    def _catalog_has(self, backup_id: str) -> None:
        if backup_id not in self._catalog.unreadable:
            self._catalog.find(backup_id)


def _ignore(_: object) -> None:
    """Take what is read only to be checked."""

"""What can be done with backups? Create, list, restore, validate, clean up, hold."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from llmspell.backups import marks, origin, restore
from llmspell.backups.catalog import Catalog, Known, listed, read_catalog, require_key
from llmspell.backups.cleanup import clean_up
from llmspell.backups.compose import compose, contents_of
from llmspell.backups.create import Creation, Request
from llmspell.backups.manifest import MAX_VERSION
from llmspell.backups.marks import Hold
from llmspell.backups.names import require_id
from llmspell.backups.places import open_place
from llmspell.backups.request import description_of, hold_of, require_flag
from llmspell.backups.results import CleanedUp, Created, Listed, Restored, Usage, Validated
from llmspell.backups.selection import Selection, globs
from llmspell.backups.verify import Verification
from llmspell.errors import BackupDamaged, BackupError, BackupKeyMissing, InvalidArgument, StoreError
from llmspell.fail_points import reach
from llmspell.migrations.history import applied, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llmspell.backends.base import Backend, Revision
    from llmspell.backups.encryption import Key
    from llmspell.backups.options import BackupOptions
    from llmspell.backups.place import Place
    from llmspell.entry import Written
    from llmspell.migrations.chain import Chain

    Progress = Callable[[int, int], object]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

BEFORE_RESTORE = ("before restoring ", "before going back to ")
"""How the descriptions begin of backups that undo a restore."""


def _verb(
    method: Callable[Concatenate[Backups, Arguments], Result],
) -> Callable[Concatenate[Backups, Arguments], Result]:
    """Let a thread run one verb at a time: what a verb calls (`progress`) cannot begin another one."""

    @wraps(method)
    def call(self: Backups, /, *args: Arguments.args, **options: Arguments.kwargs) -> Result:
        self.begin(method.__name__)
        try:
            return method(self, *args, **options)
        finally:
            self.end()

    return call


class Backups:
    """The backups of one store, in the place that its options name. Safe in many threads and processes.

    Every call raises `BackupError` (or a narrower kind of it) when the backup or its place is the trouble, `StoreError`
    when the store is, `InvalidArgument` for wrong arguments. Whatever is raised, the store is as it was.
    """

    def __init__(
        self,
        backend: Backend,
        options: BackupOptions,
        *,
        clock: Callable[[], float],
        in_transaction: Callable[[], bool],
        chain: Callable[[], Chain] | None = None,
    ) -> None:
        self._backend = backend
        self._options = options
        self._clock = clock
        self._in_transaction = in_transaction
        self._chain = chain
        self._place: Place = open_place(options.place)
        self._running = threading.local()

    @_verb
    def create_backup(
        self,
        incremental: bool | None = None,
        *,
        description: str = "",
        scopes: Sequence[str] | str | None = None,
        exclude: Sequence[str] | str | None = None,
        hold: str | bool | None = None,
        progress: Progress | None = None,
    ) -> Created:
        """Make a backup of one moment of the store and prove it; others go on reading and writing meanwhile.

        An incremental one holds what was written and deleted since the newest backup of this store; where there
        is none to stand on it becomes a full one, and `warnings` says why. `scopes` and `exclude` are globs over
        scopes, those of the configuration unless given. `hold` (a reason, or True) keeps it whatever the rules of
        retention say. Those rules run afterwards. The backup is seen by others once all of it is on the disk and
        was read back; before that, a crash leaves nothing that counts.

        >>> import tempfile; folder = tempfile.TemporaryDirectory()
        >>> store = llmspell.open(backend="memory", backup_path=folder.name)
        >>> _ = store.save("global", "greeting", "hello")
        >>> made = store.backups.create_backup()
        >>> made.entry_count, made.is_incremental
        (1, False)
        >>> _ = store.delete("global", "greeting")
        >>> store.backups.restore_backup(made.backup_id).entries_restored
        1
        >>> store.load("global", "greeting")
        'hello'
        >>> folder.cleanup()
        """
        require_flag(incremental, "incremental")
        selection = Selection(
            self._options.scopes if scopes is None else globs(scopes, "scopes"),
            self._options.exclude if exclude is None else globs(exclude, "exclude"),
        )
        request = Request(bool(incremental), description_of(description), selection, hold_of(hold, None), progress)
        with self._place.alone():
            self._place.tidy()
            catalog = self._catalog()
            created = self._create(request, catalog)
            try:
                self._clean_up(catalog, dry_run=False)
            except BackupError as error:
                warning = f"the backup is made, but cleaning up the older ones failed: {error}"
                return created._replace(warnings=(*created.warnings, warning))
        return created

    def back_up_before(self, description: str, hold: str | None) -> str:
        """Make a backup of everything before a change of the whole store, and give its id; nothing is cleaned up."""
        running = getattr(self._running, "verb", None)
        if self._backend.in_revision() or running not in (None, "restore_backup"):
            # It would tidy away what the running verb is making, or leave a backup before a change that is refused.
            within = running or "a migration or a restore"
            raise InvalidArgument(f"the whole store cannot be changed inside {within}; do it before or afterwards")
        with self._place.alone():
            self._place.tidy()
            request = Request(True, description, hold=hold_of(hold, None))
            catalog = self._catalog()
            made = self._create(request, catalog)
            if made.is_incremental and not self._stands(made.backup_id, catalog):
                self._place.remove(made.backup_id)
                made = self._create(request._replace(incremental=False), self._catalog())
            return made.backup_id

    @contextmanager
    def undoable(self, description: str, *, force: bool) -> Iterator[str | None]:
        """Make a backup, and let nobody else write between it and what the block does; give its id.

        None where there is nothing to lose, or where it failed and `force` goes on without.
        """
        with ExitStack() as stack:
            undo = None
            try:
                # In this order everywhere: whoever makes a backup is alone in the place before it takes the turn.
                stack.enter_context(self._place.alone())
                stack.enter_context(self._backend.turn())
                if self._backend.version() > 0:
                    undo = self.back_up_before(description, None)
            except (BackupError, StoreError) as error:
                if not force:
                    raise BackupError(
                        f"nothing was restored, because the store as it is now could not be backed up first: {error}; "
                        "mend that, or use force (--force) to go on without"
                    ) from error
            yield undo

    def list_backups(self) -> list[Listed]:
        """Give the backups, the newest first; [] where there is none. Those that cannot be read are in `problems`."""
        catalog, now = self._catalog_as_it_is(), self._clock()
        damages = catalog.damages()
        return [listed(one, damages[one.manifest.id], now) for one in catalog.newest_first()]

    def problems(self) -> dict[str, str]:
        """Give the ids of what looks like a backup and cannot be read, each with the reason; a key file likewise."""
        found = {backup_id: str(error) for backup_id, error in self._catalog_as_it_is().unreadable.items()}
        try:
            self._key()
        except BackupKeyMissing as error:
            found[str(self._options.key_file)] = str(error)
        return found

    def chain_of(self, backup_id: str) -> list[Listed]:
        """Give what a backup stands on and the backup itself, the full one first."""
        catalog, now = self._catalog_as_it_is(), self._clock()
        damages = catalog.damages()
        chain = catalog.chain(require_id(backup_id))
        return [listed(one, damages[one.manifest.id], now) for one in chain]

    @_verb
    def restore_backup(
        self,
        backup_id: str,
        *,
        scopes: Sequence[str] | str | None = None,
        keys: Sequence[str] | str | None = None,
        exclude: Sequence[str] | str | None = None,
        into: str | None = None,
        dry_run: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Restored:
        """Make the store what it was when the backup was made, in one atomic step.

        Everything is verified first. Then a backup of the store as it is now is made, whose id is given back so that
        the restore can be undone; when that fails nothing is restored, unless `force` says to go on without. Entries
        that were made later are gone, deleted ones are back; every entry gets a new version, higher than any that the
        store has given, and keeps its times. A backup of another schema version is migrated in the same step.

        Where a key is configured, a plain backup that this store does not remember is refused, because anybody may have
        written it; `force` takes it.

        `scopes`, `keys` and `exclude` are globs: only what they select is touched. `into` writes the selected entries
        of one scope into another one, and removes nothing there. A `dry_run` changes nothing and lists what would be.

        Raises `BackupNotFound`, `BackupDamaged` (naming what is damaged and what can still be restored),
        `BackupKeyMissing`, `BackupKeyWrong`, `BackupTooNew`.
        """
        require_flag(force, "force")
        request = restore.request_of(scopes, keys, exclude, into, dry_run, self._options.max_value_bytes)
        require_id(backup_id)
        self._require_there(backup_id)
        with self._place.alone():
            catalog = self._catalog()
            verification = self._verification(catalog)
            try:
                chain = catalog.chain(backup_id)
                require_key(chain, self._key())
                if not force:
                    verification.require_authentic(chain)
                verification.require_untouched(chain)
                reach("restore.verified")
                source = self._source(catalog, chain, progress)
                restoring = restore.Restore(self._backend, source, request, self._chain, self._clock)
                if dry_run:
                    return restoring.make(None)
                with self.undoable(f"{BEFORE_RESTORE[0]}{backup_id}", force=force) as undo:
                    reach("restore.backed_up")
                    return restoring.make(undo)
            except BackupDamaged as error:
                left = ", ".join(verification.others_restorable(backup_id)) or "none"
                raise BackupDamaged(
                    f"{error}; the store is as it was; other backups that can be restored: {left}"
                ) from error

    @_verb
    def validate_backup(self, backup_id: str, *, progress: Progress | None = None) -> Validated:
        """Read a backup and everything it stands on, decode every entry, and note the verdict.

        What is wrong is in the result. Raises `BackupNotFound`, and `BackupUnavailable` when the place cannot be read.
        """
        require_id(backup_id)
        return self._verification(self._catalog()).validate(backup_id, progress)

    @_verb
    def cleanup_backups(self, dry_run: bool = False) -> CleanedUp:
        """Remove the backups that the rules of retention do not keep; every decision has its reason."""
        require_flag(dry_run, "dry_run")
        if not self._place.listing():
            return CleanedUp(dry_run, 0, 0, 0, ())  # without making the place
        with self._place.alone():
            if not dry_run:
                self._place.tidy()
            return self._clean_up(self._catalog_as_it_is(), dry_run=dry_run)

    def get_storage_usage(self) -> Usage:
        """Count the backups and what they take."""
        catalog = self._catalog_as_it_is()
        ordered = catalog.newest_first()
        full = sum(one.manifest.full for one in ordered)
        return Usage(
            len(ordered),
            sum(one.size_bytes for one in ordered),
            full,
            len(ordered) - full,
            ordered[-1].manifest.id if ordered else None,
            ordered[0].manifest.id if ordered else None,
        )

    @_verb
    def hold_backup(self, backup_id: str, reason: str | None = None, until: float | None = None) -> None:
        """Keep a backup whatever the rules of retention say, until a moment (epoch seconds) or until it is released."""
        hold = hold_of(reason or True, until)
        assert hold is not None  # a reason, or True, makes one
        self._mark(backup_id, lambda holds: (*(one for one in holds if one.reason != hold.reason), hold))

    @_verb
    def release_backup(self, backup_id: str, reason: str | None = None) -> bool:
        """Take a reason to hold it away (all of them unless one is given); False if it was not held."""
        return self._mark(backup_id, lambda holds: tuple(one for one in holds if reason not in (None, one.reason)))

    def _clean_up(self, catalog: Catalog, *, dry_run: bool) -> CleanedUp:
        return clean_up(catalog, self._options.rules, self._clock(), origin.made_of(self._backend), dry_run=dry_run)

    def _create(self, request: Request, catalog: Catalog) -> Created:
        return Creation(self._backend, self._place, self._options, self._key(), self._clock).make(request, catalog)

    def _stands(self, backup_id: str, catalog: Catalog) -> bool:
        """Read the files of a backup and of what it stands on; tell whether all are what was written."""
        try:
            self._verification(catalog).require_untouched(catalog.chain(backup_id))
        except BackupDamaged:
            return False
        return True

    def _source(self, catalog: Catalog, chain: list[Known], progress: Progress | None) -> restore.Source:
        target, key, place = chain[-1].manifest, self._key(), self._place
        total = sum(one.manifest.entry_count + one.manifest.tombstone_count for one in chain)
        done = 0

        def looked_at(number: int) -> None:
            nonlocal done
            done += number
            if progress is not None:
                progress(done, total)

        def entries(take: Callable[[list[Written]], object]) -> None:
            compose(place, chain, key, take, looked_at)

        def notes(revision: Revision) -> None:
            contents_of(place, chain[-1], key).notes(revision.apply)

        details = target.details
        return restore.Source(
            f"backup {target.id}",
            target.id,
            target.schema_version,
            entries,
            notes,
            self._highest_version(catalog),
            Selection() if details is None else Selection(details.scopes, details.exclude),
            origin.made_of(self._backend).get(target.id) == chain[-1].checksum,
            lambda reader: (
                any(version > target.version for version in runs(reader))
                or any(one.applied_at > target.created_at for one in applied(reader))
            ),
        )

    def _highest_version(self, catalog: Catalog) -> int:
        """Give the highest version that the store is known to have had, by manifests that can be believed."""
        key = self._key()
        manifests = [one.manifest for one in catalog.known.values()]
        believed = [one.version for one in manifests if key is None or one.recipient is not None]
        return max((version for version in believed if version <= MAX_VERSION), default=0)

    def _mark(self, backup_id: str, change: Callable[[tuple[Hold, ...]], tuple[Hold, ...]]) -> bool:
        require_id(backup_id)
        self._require_there(backup_id)
        with self._place.alone():
            known = self._catalog_as_it_is().find(backup_id)
            holds = change(known.marks.holds)
            if holds == known.marks.holds:
                return False
            marks.write(self._place, backup_id, known.marks._replace(holds=holds))
            return True

    def _require_there(self, backup_id: str) -> None:
        """Raise `BackupNotFound` without making the place, as waiting in it does."""
        if not self._place.files(backup_id):
            self._catalog_as_it_is().find(backup_id)

    def _catalog(self) -> Catalog:
        return read_catalog(self._place, self._key())

    def _catalog_as_it_is(self) -> Catalog:
        """Read what can be read when the key is not there: nothing of what is asked then needs it."""
        try:
            return self._catalog()
        except BackupKeyMissing:
            return read_catalog(self._place, None)

    def _verification(self, catalog: Catalog) -> Verification:
        return Verification(self._place, catalog, self._key(), self._backend, self._clock())

    def _key(self) -> Key | None:
        """Read the key anew each time: it may have been put there, or rotated, since."""
        if self._options.key_file is None:
            return None
        from llmspell.backups.encryption import read_key

        return read_key(self._options.key_file)

    def begin(self, verb: str) -> None:
        """Refuse a verb where it would wait for itself, or for others who wait for it."""
        if self._in_transaction():
            raise InvalidArgument(f"{verb} cannot run inside a transaction; end the transaction first")
        if self._backend.in_revision():
            raise InvalidArgument(f"{verb} cannot run inside a migration or a restore; call it before or afterwards")
        running = getattr(self._running, "verb", None)
        if running is not None:
            raise InvalidArgument(f"{verb} cannot run inside {running}; call it before or afterwards")
        self._running.verb = verb

    def end(self) -> None:
        """Let this thread begin another verb."""
        self._running.verb = None

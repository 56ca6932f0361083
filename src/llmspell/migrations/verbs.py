"""What can be done with migrations? The verbs, over one open store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.errors import InvalidArgument, MigrationPathError
from llmspell.migrations import history, quarantine
from llmspell.migrations.attempt import Attempt, Request
from llmspell.migrations.complements import Complements
from llmspell.migrations.expressions import Functions
from llmspell.migrations.load import load_folder
from llmspell.migrations.passage import FAIL, QUARANTINE
from llmspell.migrations.planning import plan, refuse_circles
from llmspell.migrations.results import Event, Migrated, Status
from llmspell.migrations.retrying import retry
from llmspell.schema_range import order, require_version, same_version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from llmspell.backends.base import Backend, Reader, Revision
    from llmspell.migrations.attempt import MigrationOptions
    from llmspell.migrations.chain import Chain, Leg
    from llmspell.migrations.results import Applied, Plan, Quarantined, Retried


class Migrations:
    """The migrations of one open store. Got as `store.migrations`; safe in many threads."""

    def __init__(
        self,
        backend: Backend,
        options: MigrationOptions,
        *,
        clock: Callable[[], float],
        in_transaction: Callable[[], bool],
    ) -> None:
        self._backend = backend
        self._options = options
        self._clock = clock
        self._in_transaction = in_transaction
        self._functions: dict[str, Callable[..., object]] = {}
        self._listeners: list[Callable[[Event], object]] = []

    def migrate(
        self,
        target: str | None = None,
        *,
        dry_run: bool = False,
        on_error: str = FAIL,
        confirm: Callable[[Migrated], bool] | None = None,
        stopping: Callable[[], bool] | None = None,
    ) -> Migrated:
        """Take the store to schema version `target` (the latest one when None), up or down, as one atomic step.

        `dry_run` does all of it, reports, and undoes it. `on_error="quarantine"` puts entries that cannot
        go through aside instead of failing. `confirm` is given the result before it is committed;
        when it gives False everything is undone and `MigrationError` raised. `stopping` is asked now
        and then; once it gives True the run is undone and `MigrationError` raised.

        Raises `InvalidArgument` for a target that is no semantic version, `MigrationFileError`,
        `MigrationPathError`, `MigrationFailed`, and `StoreError`. The store is then as it was.

        >>> import tempfile; from pathlib import Path; folder = tempfile.TemporaryDirectory()
        >>> _ = Path(folder.name, "2.0.0_full_name.toml").write_text('''
        ... from_version = "1.0.0"
        ... to_version = "2.0.0"
        ... transforms = [{ type = "rename", from = "name", to = "full_name" }]
        ... ''')
        >>> store = llmspell.open(backend="memory", migrations_path=folder.name)
        >>> _ = store.save("users", "ada", {"name": "Ada"})
        >>> store.migrations.migrate("2.0.0").items_migrated
        1
        >>> store.load("users", "ada")
        {'full_name': 'Ada'}
        >>> folder.cleanup()
        """
        if target is not None:
            require_version(target)
        if on_error not in (FAIL, QUARANTINE):
            raise InvalidArgument(f'on_error must be "{FAIL}" or "{QUARANTINE}", not {on_error!r}')
        self._refuse_transaction("migrate")
        request = Request(target, dry_run, on_error, confirm, stopping)
        return Attempt(self._backend, self._options, self.chain(), self._clock, request, self._listeners).make()

    def migration_status(self) -> Status:
        """Tell where the store stands among the known schema versions; raises `MigrationFileError` for bad files."""
        chain, current = self.chain(), self.current_version()
        targets: tuple[str, ...] = ()
        error = None
        if not chain.migrations:
            error = f'there are no migrations in "{self._options.folder}"'
        elif not chain.knows(current):
            error = f"the store's schema version {current} is not among the known ones: {', '.join(chain.versions)}"
        else:
            targets = tuple(version for version in chain.versions if not same_version(current, version))
        is_latest = chain.latest is None or same_version(current, chain.latest)
        available = error is None and not is_latest
        return Status(current, chain.latest, is_latest, available, targets, len(chain.versions), error)

    def schema_versions(self) -> tuple[str, ...]:
        """Give all known schema versions, ascending by semantic version."""
        return self.chain().versions

    def plan(self, target: str | None = None) -> Plan:
        """Find out what `migrate` would do, without changing anything.

        Raises what `migrate` raises before it begins.
        """
        if target is not None:
            require_version(target)
        chain = self.chain()
        with self._backend.snapshot() as reader:
            current = reader.schema_version() or self._options.new_schema_version
            target = target or chain.latest or current
            legs = chain.path(current, target)
            history.refuse_changed(history.applied(reader), chain)
            history.refuse_forgotten(reader, legs)
            return plan(reader, legs, current, target, self._clock(), self._options.max_value_bytes)

    def applied(self) -> list[Applied]:
        """Give the migrations that the store stands on, in the order in which they were made."""
        return sorted(history.applied(self._backend), key=lambda one: order(one.to_version))

    def quarantine(self) -> list[Quarantined]:
        """Give the entries that were put aside, the oldest first."""
        return quarantine.listed(self._backend)

    def retry(self, numbers: Collection[int] | None = None) -> list[Retried]:
        """Take quarantined entries (all of them when None) to the store's schema version and give them their places.

        Each one arrives or stays aside with the new reason; all that arrive do so in one commit. Raises
        `MigrationFileError` when a migration that the store stands on was edited: what the edited one takes
        away could not be brought back by the one that was applied.
        """
        self._refuse_transaction("retry")
        chain, now = self.chain(), self._clock()
        if not self._chosen(self._backend, numbers):
            return []  # without taking the turn or making files

        def work(revision: Revision) -> list[Retried]:
            history.refuse_changed(history.applied(revision), chain)
            current = revision.schema_version() or self._options.new_schema_version

            def legs_from(schema_version: str) -> tuple[Leg, ...]:
                return chain.path(schema_version, current)

            entries = self._chosen(revision, numbers)
            return [retry(revision, one, legs_from, now, self._options.max_value_bytes) for one in entries]

        return self._backend.revise(now, work)

    def discard(self, numbers: Collection[int]) -> int:
        """Throw quarantined entries away for good; give how many."""

        def work(revision: Revision) -> int:
            chosen = self._chosen(revision, numbers)
            for one in chosen:
                quarantine.discard(revision, one.number)
            return len(chosen)

        self._refuse_transaction("discard")
        if not self._chosen(self._backend, numbers):
            return 0
        return self._backend.revise(self._clock(), work)

    def forget(self, version: str) -> int:
        """Purge what the migration to `version` had taken away; give how many bytes that were.

        There is no way back over that migration then. The backup that was made before it is no longer held, once
        every migration that it was made before is forgotten; `BackupError` when that cannot be noted.
        """
        require_version(version)

        def work(revision: Revision) -> int:
            applied = _standing_on(revision, version)
            complements = Complements(version)
            freed = complements.bytes_kept(revision)
            complements.drop(revision)
            history.record(revision, applied._replace(forgotten=True))
            return freed

        self._refuse_transaction("forget")
        forgotten = _standing_on(self._backend, version)
        freed = self._backend.revise(self._clock(), work)
        first, backup_id = self._options.backup_first, forgotten.backup_id
        if first is not None and backup_id is not None and backup_id not in history.backups(self._backend):
            first.release(backup_id)
        return freed

    def bytes_kept(self, version: str) -> int:
        """Count what is kept for the way back over the migration to `version`, in bytes."""
        return Complements(version).bytes_kept(self._backend)

    def register(self, name: str, function: Callable[..., object]) -> None:
        """Let the expressions of migrations call `function` by `name`; it is given and gives JSON values."""
        self._functions[name] = function

    def listen(self, listener: Callable[[Event], object]) -> None:
        """Call `listener` with every `Event` of a run from now on; what it raises becomes a warning of the run."""
        self._listeners.append(listener)

    def chain(self) -> Chain:
        """Read the migration files; raises `MigrationFileError` with all that is wrong in them."""
        options = self._options
        chain = load_folder(
            options.folder,
            functions=Functions(self._functions),
            allow_python=options.allow_python,
            open_script=options.open_script,
        )
        for migration in chain.migrations:
            refuse_circles(migration)
        return chain

    def current_version(self) -> str:
        """Give the schema version stamped in the store; before anything is stored, what it will be stamped with."""
        return self._backend.schema_version() or self._options.new_schema_version

    def _refuse_transaction(self, verb: str) -> None:
        if self._in_transaction():
            raise InvalidArgument(f"{verb} cannot run inside a transaction; end the transaction first")

    def _chosen(self, reader: Reader, numbers: Collection[int] | None) -> list[Quarantined]:
        entries = quarantine.listed(reader)
        if numbers is None:
            return entries
        by_number = {one.number: one for one in entries}
        wanted = list(dict.fromkeys(numbers))
        for number in wanted:
            if number not in by_number:
                known = ", ".join(map(str, by_number)) or "none"
                raise InvalidArgument(f"there is no quarantined entry {number}; there are: {known}")
        return [by_number[number] for number in wanted]


def _standing_on(reader: Reader, version: str) -> Applied:
    applied = history.applied_to(reader, version)
    if applied is None:
        known = ", ".join(one.to_version for one in history.applied(reader)) or "none"
        raise MigrationPathError(f"the store stands on no migration to {version}; it stands on: {known}")
    return applied

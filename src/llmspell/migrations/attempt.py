"""How is one call of `migrate` made? In one revision of the store, undone unless all of it is done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import BackupError, MigrationError
from llmspell.fail_points import reach
from llmspell.migrations import history
from llmspell.migrations.documents import Way
from llmspell.migrations.passage import QUARANTINE, Conditions
from llmspell.migrations.results import ALREADY_CURRENT, COMPLETED, Event, Migrated
from llmspell.migrations.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmspell.backends.base import Backend, Revision
    from llmspell.migrations.chain import Chain
    from llmspell.migrations.transforms.custom import Code


class BackupFirst(NamedTuple):
    """What makes a backup before a migration: `make` is given its description and whether it is held, and gives its id.

    `release` ends that hold; both raise `BackupError`.
    """

    make: Callable[[str, bool], str]
    release: Callable[[str], object]


class MigrationOptions(NamedTuple):
    """What migrations of a store work with.

    `folder` holds the files. `new_schema_version` is what a store that nobody has written to yet is stamped
    with. `allow_python` lets the files name Python code, which then runs with all rights of the program.
    With `backup_first` every migration begins with a backup.
    """

    folder: str
    new_schema_version: str
    max_value_bytes: int
    allow_python: bool = False
    open_script: Callable[[str, bytes], Code] | None = None
    backup_first: BackupFirst | None = None


class Request(NamedTuple):
    """What a call asks for; see `Migrations.migrate`."""

    target: str | None
    dry_run: bool
    on_error: str
    confirm: Callable[[Migrated], bool] | None
    stopping: Callable[[], bool] | None


class Attempt:
    """One call of `migrate`."""

    def __init__(
        self,
        backend: Backend,
        options: MigrationOptions,
        chain: Chain,
        clock: Callable[[], float],
        request: Request,
        listeners: Sequence[Callable[[Event], object]],
    ) -> None:
        self._backend = backend
        self._options = options
        self._chain = chain
        self._clock = clock
        self._request = request
        self._listeners = listeners
        self._began = time.perf_counter()
        self._warnings: list[str] = []
        self._from = self._to = ""
        self._backup_id: str | None = None
        self._released: set[str] = set()
        self._done = self._total = 0

    def make(self) -> Migrated:
        """Run it and tell the listeners."""
        settled = self._settled()
        if settled is not None:
            return settled
        self._back_up()
        try:
            try:
                result = self._backend.revise(self._clock(), self._work)
            except _Undone as undone:
                result = undone.result
            except _Asked as asked:
                raise asked.error from None
        except BaseException as error:
            if self._from:
                self._tell("migration.failed", str(error) or type(error).__name__)
            self._release((self._backup_id,))
            raise
        reach("migration.committed")
        self._release(self._released if result.status == COMPLETED else (self._backup_id,))
        if result.status == COMPLETED:
            self._tell("migration.completed")
        return result._replace(
            warnings=(*result.warnings, *self._warnings),
            duration_ms=self._elapsed_ms(),
            backup_id=self._backup_id if result.status == COMPLETED else None,
        )

    def _settled(self) -> Migrated | None:
        """Give the result where nothing is to be done, without taking the turn or making files; None elsewhere."""
        stamp = self._backend.schema_version()
        current = stamp or self._options.new_schema_version
        target = self._request.target or self._chain.latest or current
        legs = self._chain.path(current, target)
        if legs and not (self._request.dry_run and stamp is None):
            return None
        status = COMPLETED if legs else ALREADY_CURRENT
        return Migrated(status, current, target, duration_ms=self._elapsed_ms(), dry_run=self._request.dry_run)

    def _back_up(self) -> None:
        """Make the backup from which everything can come back, whatever the migration does."""
        first = self._options.backup_first
        if first is None or self._request.dry_run:
            return
        current = self._backend.schema_version() or self._options.new_schema_version
        target = self._request.target or self._chain.latest or current
        way_up = not any(leg.down for leg in self._chain.path(current, target))
        try:
            self._backup_id = first.make(f"before the migration from {current} to {target}", way_up)
        except BackupError as error:
            raise MigrationError(
                f"the migration from {current} to {target} was not begun, because the backup before it failed: {error}"
            ) from error

    def _release(self, backup_ids: Iterable[str | None]) -> None:
        """End the holds of backups that no migration stands on; one that stays held harms nobody."""
        first = self._options.backup_first
        for backup_id in backup_ids:
            if first is not None and backup_id is not None:
                try:
                    first.release(backup_id)
                except BackupError as error:
                    self._warnings.append(f"the backup {backup_id} is still held: {error}")

    def _work(self, revision: Revision) -> Migrated:
        reach("migration.turn_taken")
        options, request = self._options, self._request
        # Asked for in the turn: whatever was written while we waited for it is older than the migration.
        now = self._clock()
        current = revision.schema_version() or options.new_schema_version
        target = self._request.target or self._chain.latest or current
        legs = self._chain.path(current, target)
        if not legs:
            return Migrated(ALREADY_CURRENT, current, target, dry_run=self._request.dry_run)
        history.refuse_changed(history.applied(revision), self._chain)
        history.refuse_forgotten(revision, legs)
        if legs[0].down and request.on_error == QUARANTINE:
            raise MigrationError(
                f"quarantine is for the way up; on the way down from {current} to {target} an entry would leave behind "
                "what brings it back: leave on_error out, and mend the entries that are named"
            )
        self._from, self._to = current, target
        if self._listeners:
            self._total = sum(
                revision.count(scope, now)
                for scope in revision.scopes("", now)
                for leg in legs
                if not Way(leg.migration, scope, options.max_value_bytes).leads_nowhere
            )
        self._tell("migration.started")
        conditions = Conditions(
            now, options.max_value_bytes, request.on_error, request.dry_run, self._looked_at, self._stop
        )
        run = Run(revision, conditions)
        held_before = history.backups(revision)
        try:
            run.lead(legs, self._backup_id)
            self._released = held_before - history.backups(revision)
            result = Migrated(
                COMPLETED,
                current,
                target,
                run.items_migrated,
                run.items_quarantined,
                self._elapsed_ms(),
                tuple(run.warnings),
                request.dry_run,
                run.samples(),
                revision.version() + 1 if run.items_migrated or run.items_quarantined else revision.version(),
            )
            confirm = request.confirm
            if confirm is not None and not _ask(lambda: confirm(result)):
                raise MigrationError(f"the migration from {current} to {target} was not confirmed; nothing was changed")
        except BaseException:
            reach("migration.undoing")
            raise
        if request.dry_run:
            raise _Undone(result)
        reach("migration.committing")
        return result

    def _looked_at(self, number: int) -> None:
        self._done += number
        if self._listeners:
            self._tell("migration.progress")

    def _stop(self) -> None:
        stopping = self._request.stopping
        if stopping is not None and _ask(stopping):
            raise MigrationError(f"the migration from {self._from} to {self._to} was stopped; nothing was changed")

    def _tell(self, name: str, error: str | None = None) -> None:
        event = Event(name, self._from, self._to, self._done, self._total, error, self._request.dry_run)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as problem:  # noqa: BLE001 - whoever only listens cannot undo what others want
                warning = f"a listener failed at {name}: {type(problem).__name__}: {problem}"
                if warning not in self._warnings:
                    self._warnings.append(warning)

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1_000


class _Undone(Exception):
    """Ends a dry run; nothing of it is kept."""

    def __init__(self, result: Migrated) -> None:
        self.result = result


class _Asked(Exception):
    """Carries what somebody's own function has raised past those who would take it for an error of the engine."""

    def __init__(self, error: OSError) -> None:
        self.error = error


def _ask(function: Callable[[], bool]) -> bool:
    try:
        return function()
    except OSError as error:
        raise _Asked(error) from error

"""How does the store become again what it was? In one change of the whole store, or not at all.

Everything that comes back is written anew, so that every entry has a version that nobody has seen before; what was
made later is removed in the same change. A backup of another schema version is migrated within it.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from llmspell.arguments import scope_name
from llmspell.backends.registry import BackendOptions, open_backend
from llmspell.backups.origin import OWN_KINDS
from llmspell.backups.results import Restored, RestoredChange
from llmspell.backups.selection import Selection, globs
from llmspell.batch import Delete, DropNotes, Stamp
from llmspell.errors import BackupDamaged, BackupError, InvalidArgument, MigrationError, StoreDamaged
from llmspell.fail_points import reach
from llmspell.migrations import history, quarantine
from llmspell.migrations.passage import Conditions
from llmspell.migrations.run import Run
from llmspell.schema_range import order, same_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.backends.base import Backend, Reader, Revision
    from llmspell.entry import Written
    from llmspell.migrations.chain import Chain

VERSION_GAP = 1_000_000
"""A store that does not know its own past goes on at least this far above the highest version that is known."""


class Source(NamedTuple):
    """What is to come back: the state of one moment. `name` is what to call it in sentences.

    `entries` passes all of it on, some at a time, and raises when it is not sound; it may be asked several times.
    `notes` does the same for what the store notes beside its entries, None where the source has no notes.
    `least_version` is the highest version that the store is known to have had. `selection` is what the source is of.
    `remembered`: it is known to come from this store. `migrated_since` tells whether the store that is being restored
    has been migrated after the source's moment.
    """

    name: str
    backup_id: str
    schema_version: str
    entries: Callable[[Callable[[list[Written]], object]], None]
    notes: Callable[[Revision], None] | None
    least_version: int
    selection: Selection
    remembered: bool
    migrated_since: Callable[[Reader], bool]


class Request(NamedTuple):
    """What a call asks for. `into` is the scope to write to instead of the one that the entries were in."""

    selection: Selection = Selection()
    into: str | None = None
    dry_run: bool = False
    max_value_bytes: int = 0


def request_of(
    scopes: Sequence[str] | str | None,
    keys: Sequence[str] | str | None,
    exclude: Sequence[str] | str | None,
    into: str | None,
    dry_run: bool,
    max_value_bytes: int,
) -> Request:
    """Give the request that the arguments of a call make; raises `InvalidArgument`."""
    if not isinstance(dry_run, bool):
        raise InvalidArgument(f"dry_run takes true or false, not {dry_run!r}")
    selection = Selection(globs(scopes, "scopes"), globs(exclude, "exclude"), globs(keys, "keys"))
    return Request(selection, None if into is None else scope_name(into), dry_run, max_value_bytes)


class Restore:
    """One restore of a source into a store."""

    def __init__(
        self,
        backend: Backend,
        source: Source,
        request: Request,
        chain: Callable[[], Chain] | None,
        clock: Callable[[], float],
    ) -> None:
        self._backend = backend
        self._source = source
        self._request = request
        self._chain = chain
        self._clock = clock
        self._matches = request.selection.matcher()
        self._restored = 0
        self._now = 0.0

    def make(self, pre_restore_backup_id: str | None) -> Restored:
        """Do it; raises `BackupError`, `MigrationError` or `StoreError`, and the store is then as it was."""
        began = time.perf_counter()
        if self._request.dry_run and self._backend.schema_version() is None:
            # A dry run leaves no trace, and changing the store itself would make its files.
            with closing(_memory(self._source.schema_version)) as aside:
                result = self._revise(aside)
        else:
            result = self._revise(self._backend)
        reach("restore.committed")
        return result._replace(
            pre_restore_backup_id=pre_restore_backup_id, duration_ms=(time.perf_counter() - began) * 1_000
        )

    def _revise(self, backend: Backend) -> Restored:
        try:
            return backend.revise(self._clock(), self._work)
        except _Undone as undone:
            return undone.result

    def _work(self, revision: Revision) -> Restored:
        reach("restore.turn_taken")
        source, request = self._source, self._request
        self._now = self._clock()
        before = _places(revision, self._now) if request.dry_run else {}
        current = revision.version()
        if current < source.least_version or not source.remembered:
            highest = max(current, source.least_version)
            revision.advance((highest // VERSION_GAP + 2) * VERSION_GAP)
        version = revision.version() + 1
        removed = self._bring_back(revision, current)
        reach("restore.written")
        schema_version = revision.schema_version() or source.schema_version
        result = Restored(
            source.backup_id, self._restored, removed, None, version, schema_version, 0.0, request.dry_run
        )
        if request.dry_run:
            raise _Undone(result._replace(changes=_changes(before, _places(revision, self._now))))
        reach("restore.committing")
        return result

    def _bring_back(self, revision: Revision, current: int) -> int:
        """Write what comes back and remove the rest; give how many entries were removed."""
        source, request = self._source, self._request
        stamp = revision.schema_version() or source.schema_version
        # Nobody has given it a shape: neither an entry nor a migration.
        fresh = current == 0 and not history.applied(revision)
        same = fresh or same_version(stamp, source.schema_version)
        revision.put_all(())  # so that the change has a version of its own even when nothing comes back
        if not (request.selection.everything and source.selection.everything and request.into is None):
            self._refuse_mixing(revision, stamp, same=same)
            if fresh:
                revision.apply((Stamp(source.schema_version),))
            self._put_selected(revision)
            return 0 if request.into is not None else self._remove_selected(revision)
        source.entries(lambda entries: self._put(revision, entries))
        removed = 0 if current == 0 else revision.remove_rest()
        if revision.census(self._now).entries != self._restored:
            raise BackupDamaged(f"{source.name} holds an entry twice")
        if source.notes is None:
            self._refuse_lossy(revision, stamp, same=same)
        else:
            revision.apply(DropNotes(kind) for kind in revision.note_kinds() if kind not in OWN_KINDS)
            source.notes(revision)
            _require_readable(revision, source.name)
        revision.apply((Stamp(source.schema_version),))
        if not same:
            self._migrate(revision, stamp)
        return removed

    def _refuse_mixing(self, revision: Revision, stamp: str, *, same: bool) -> None:
        """Refuse a part of another schema version: what migrations keep for the way back would not be about it."""
        source = self._source
        if not same:
            raise BackupError(
                f"{source.name} has schema version {source.schema_version} and the store has {stamp}, so a part of it "
                "cannot come back alone; restore it whole into a new folder, migrate that, and take the part from there"
            )
        if history.applied(revision) and source.migrated_since(revision):
            raise BackupError(
                f"the store was migrated since {source.name}, so a part of it cannot come back alone: what the "
                "migration keeps for the way back is about other values; restore it whole"
            )

    def _refuse_lossy(self, revision: Revision, stamp: str, *, same: bool) -> None:
        """Refuse a moment of history whose values do not belong to what migrations keep for the way back now."""
        source = self._source
        if (same and history.applied(revision) and source.migrated_since(revision)) or (
            not same and order(source.schema_version) > order(stamp)
        ):
            raise BackupError(
                f"the store was migrated back and forth since {source.name}, and history does not have what those "
                "migrations kept for the way back; restore a backup instead"
            )

    def _put(self, revision: Revision, entries: list[Written]) -> None:
        self._restored += len([entry for entry in entries if entry[5] is None or entry[5] > self._now])
        revision.put_all(entries)
        reach("restore.putting")

    def _put_selected(self, revision: Revision) -> None:
        into, scopes = self._request.into, set[str]()

        def take(written: list[Written]) -> None:
            chosen = [entry for entry in written if self._matches(entry[0], entry[1])]
            if into is not None:
                scopes.update(entry[0] for entry in chosen)
                if len(scopes) > 1:
                    raise InvalidArgument(
                        f'into = "{into}" takes the entries of one scope, and these are meant: '
                        f"{', '.join(sorted(scopes)[:2])}; name one with scopes"
                    )
                chosen = [(into, *entry[1:]) for entry in chosen]
            self._put(revision, chosen)

        self._source.entries(take)

    def _remove_selected(self, revision: Revision) -> int:
        """Remove what is selected and was not written just now."""
        now, version, removed = self._now, revision.version() + 1, 0
        in_source = self._source.selection.matcher()
        for scope in revision.scopes("", now):
            after: str | None = None
            while keys := revision.keys(scope, "", after, 1_000, now):
                after = keys[-1]
                for key in keys:
                    if not (self._matches(scope, key) and in_source(scope, key)):
                        continue
                    stored = revision.get(scope, key, now)
                    if stored is not None and stored.version < version:
                        revision.apply((Delete(scope, key),))
                        removed += 1
        return removed

    def _migrate(self, revision: Revision, target: str) -> None:
        """Take what came back to the schema version that the store has."""
        source = self._source
        if self._chain is None:
            raise BackupError(
                f"{source.name} has schema version {source.schema_version}, the store has {target}, and migrations are "
                "off; set migration_enabled = true, or migrate the store to the version of the backup first"
            )
        try:
            chain = self._chain()
            legs = chain.path(source.schema_version, target)
            history.refuse_changed(history.applied(revision), chain)
            history.refuse_forgotten(revision, legs)
            conditions = Conditions(
                self._now, self._request.max_value_bytes, "fail", False, lambda _: None, lambda: None
            )
            Run(revision, conditions).lead(legs, recorded=False)
        except MigrationError as error:
            raise BackupError(
                f"{source.name} has schema version {source.schema_version} and cannot be taken to {target}, which the "
                f"store has: {error}",
                error.problems,
            ) from error


class _Undone(Exception):
    """Ends a dry run; nothing of it is kept."""

    def __init__(self, result: Restored) -> None:
        self.result = result


def _require_readable(revision: Revision, name: str) -> None:
    """Raise `BackupDamaged` when what came back of the store's own notes is none that a store could have written."""
    try:
        history.applied(revision)
        quarantine.listed(revision)
        quarantine.next_number(revision)
    except (ValueError, TypeError, KeyError, AttributeError, StoreDamaged) as error:
        raise BackupDamaged(f"{name} holds notes that no store has written ({error})") from error


def _memory(schema_version: str) -> Backend:
    return open_backend("memory", BackendOptions("", "full", schema_version))


def _places(revision: Revision, now: float) -> dict[tuple[str, str], int]:
    """Give every live entry with what its value and times amount to."""
    return {entry[:2]: hash(entry[3:]) for entry in revision.written(0, now) if entry[6] is not None}


def _changes(before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]) -> tuple[RestoredChange, ...]:
    changes = []
    for place in sorted(before.keys() | after.keys()):
        if place not in before:
            changes.append(RestoredChange("added", *place))
        elif place not in after:
            changes.append(RestoredChange("removed", *place))
        elif before[place] != after[place]:
            changes.append(RestoredChange("changed", *place))
    return tuple(changes)

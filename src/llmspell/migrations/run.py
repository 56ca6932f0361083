"""How does a store go from one schema version to another? All entries in one commit, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.batch import Move, Stamp
from llmspell.errors import Conflict, MigrationFailed
from llmspell.fail_points import reach
from llmspell.migrations import history, quarantine
from llmspell.migrations.complements import Complements
from llmspell.migrations.documents import Way
from llmspell.migrations.passage import PAGE, QUARANTINE, Downward, Tally, Upward
from llmspell.migrations.results import Applied, Sample
from llmspell.schema_range import order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmspell.backends.base import Revision
    from llmspell.migrations.chain import Leg
    from llmspell.migrations.migration import Migration
    from llmspell.migrations.passage import Conditions, Passage

FAILURES_TOLD = 20
SAMPLES = 5


class Run:
    """One run inside one revision: `lead` makes the change, the counts tell what it was."""

    def __init__(self, revision: Revision, conditions: Conditions) -> None:
        self.items_quarantined = 0
        self.warnings: list[str] = []
        self._revision = revision
        self._conditions = conditions
        self._tally = Tally(revision.version() + 1, SAMPLES if conditions.sampling else 0)
        self._next_number = quarantine.next_number(revision)

    @property
    def items_migrated(self) -> int:
        """How many entries were changed."""
        return self._tally.changed

    def lead(self, legs: Sequence[Leg], backup_id: str | None = None, *, recorded: bool = True) -> None:
        """Take every entry along the legs and stamp the store; `backup_id` names the backup made before.

        Raises `MigrationError`, or what `Conditions.stop` raises; the revision must then be undone.
        """
        if recorded:
            history.record_run(self._revision, legs[0].start, legs[-1].end, self._conditions.now)
        reach("migration.recorded")
        for leg in legs:
            if leg.down:
                self._go_down(leg.migration)
            else:
                self._go_up(leg.migration, backup_id)
            self._bring_back_those_of(leg.end)
        if recorded and not self.items_migrated and not self.items_quarantined:
            history.unclaim_run(self._revision)
        reach("migration.documents_done")
        self._revision.apply((Stamp(legs[-1].end),))
        reach("migration.stamped")
        if self.items_quarantined:
            told = "1 entry was" if self.items_quarantined == 1 else f"{self.items_quarantined} entries were"
            self.warnings.append(f"{told} put into quarantine; see `llmspell migrate quarantine`")

    def samples(self) -> tuple[Sample, ...]:
        """Give the first entries that were changed, before and after."""
        given = []
        for origin, before in self._tally.before.items():
            place = self._tally.places[origin]
            stored = None if place is None else self._revision.get(*place, self._conditions.now)
            given.append(Sample(*origin, before, stored.value if stored else None, *(place or origin)))
        return tuple(given)

    def _go_up(self, migration: Migration, backup_id: str | None) -> None:
        migrated_before = self.items_migrated
        complements = Complements(migration.to_version)
        complements.drop(self._revision)

        def upward(way: Way, scope: str) -> Upward:
            return Upward(way, complements, scope, self._conditions, self._tally)

        self._every_scope(migration, migration.from_version, upward)
        self._move_all(migration, complements.moves(self._revision))
        history.record(
            self._revision,
            Applied(
                migration.from_version,
                migration.to_version,
                migration.file,
                migration.description,
                self._conditions.now,
                self.items_migrated - migrated_before,
                migration.fingerprint,
                backup_id=backup_id,
            ),
        )

    def _go_down(self, migration: Migration) -> None:
        revision, now = self._revision, self._conditions.now
        complements = Complements(migration.to_version)
        self._refuse_stuck(migration)
        applied = history.applied_to(revision, migration.to_version)
        applied_at = applied.applied_at if applied else float("-inf")
        records = complements.reader(revision, applied_at)
        back = []
        for move in complements.moves(revision):
            there = revision.get(move.to_scope, move.to_key, now)
            if there is not None and records.saw(move.scope, move.key, there.created_at):
                if there.version != self._tally.version:
                    self._tally.count(there.scope, there.key, there.value)
                back.append(Move(move.to_scope, move.to_key, move.scope, move.key))
        self._move_all(migration, back)  # all were looked at before: one that is back may stand where another was

        def downward(way: Way, scope: str) -> Downward:
            return Downward(way, records, scope, self._conditions, self._tally)

        self._every_scope(migration, migration.to_version, downward)
        self._undelete(migration, complements)
        complements.drop(revision)
        history.erase(revision, migration.to_version)

    def _refuse_stuck(self, migration: Migration) -> None:
        """Refuse to drop what is kept of an entry that has gone up and stands aside since."""
        for one in quarantine.listed(self._revision):
            if order(one.schema_version) >= order(migration.to_version):
                raise MigrationFailed(
                    f"quarantined entry {one.number}, {named(one.scope, one.key)}, has the shape of "
                    f"{one.schema_version} and would lose what brings it back below {migration.to_version}; free its "
                    f"place for `llmspell migrate quarantine retry {one.number}`, or discard it"
                )

    def _every_scope(self, migration: Migration, shape: str, passage_of: Callable[[Way, str], Passage]) -> None:
        """Take the entries of every scope concerned through; those that cannot have the shape of version `shape`."""
        for scope in self._revision.scopes("", self._conditions.now):
            way = Way(migration, scope, self._conditions.max_value_bytes)
            if way.leads_nowhere:
                continue
            passage, after = passage_of(way, scope), None
            while page := self._revision.rewrite(scope, after, PAGE, passage.change):
                self._set_aside(migration, shape, scope, passage)
                passage.settle(self._revision)
                self._conditions.looked_at(page.seen)
                self._conditions.stop()
                after = page.last

    def _set_aside(self, migration: Migration, shape: str, scope: str, passage: Passage) -> None:
        """Put the refused entries of a page into quarantine, or fail because of them."""
        refused, passage.refused = passage.refused, []
        if refused and self._conditions.on_error != QUARANTINE:
            raise _failure(scope, refused, migration)
        for key, reason in refused:
            stored = self._revision.get(scope, key, self._conditions.now)
            if stored is not None:
                ward = quarantine.Ward(shape, migration.file, reason, self._conditions.now)
                quarantine.put_aside(self._revision, stored, ward, self._next_number)
                self._tally.moved((scope, key), None)
                self._next_number += 1
                self.items_quarantined += 1

    def _move_all(self, migration: Migration, moves: Iterable[Move]) -> None:
        """Move entries; one whose place is still taken waits until the others have gone."""
        waiting = [move for move in moves if not self._moved(move)]
        while waiting:
            # In the other order: keys that are shifted by one get free from the end on, or from the beginning.
            still = [move for move in reversed(waiting) if not self._moved(move)]
            if len(still) == len(waiting):
                stuck = waiting[0]
                raise MigrationFailed(
                    f"{named(stuck.scope, stuck.key)}: {migration.file} would move it to "
                    f"{named(stuck.to_scope, stuck.to_key)}, where there is an entry already; give one of them "
                    "another name first"
                )
            waiting = still

    def _moved(self, move: Move) -> bool:
        try:
            self._revision.apply((move,))
        except Conflict:
            return False
        self._tally.moved((move.scope, move.key), (move.to_scope, move.to_key))
        return True

    def _undelete(self, migration: Migration, complements: Complements) -> None:
        for put in complements.deleted(self._revision):
            if put.expires_at is not None and put.expires_at <= self._conditions.now:
                continue
            if self._revision.get(put.scope, put.key, self._conditions.now) is not None:
                raise MigrationFailed(
                    f"{named(put.scope, put.key)}: the entry that {migration.file} had deleted cannot come back, "
                    "because another one was made in its place; delete or rename that one first"
                )
            self._revision.apply((put,))
            self._tally.changed += 1

    def _bring_back_those_of(self, schema_version: str) -> None:
        """Give quarantined entries that have the shape of the version just reached their places again."""
        for one in quarantine.listed(self._revision):
            if one.schema_version != schema_version:
                continue
            if self._revision.get(one.scope, one.key, self._conditions.now) is None:
                quarantine.bring_back(self._revision, one, one.value, one.scope, one.key)
                self._tally.changed += 1
            else:
                self.warnings.append(
                    f"quarantined entry {one.number}, {named(one.scope, one.key)}, has the shape of "
                    f"{schema_version} and could come back, but another entry is in its place"
                )


def named(scope: str, key: str) -> str:
    """Spell the place of an entry in sentences."""
    return f'scope "{scope}", key "{key}"'


def _failure(scope: str, refused: list[tuple[str, str]], migration: Migration) -> MigrationFailed:
    problems = tuple(f"{named(scope, key)}: {migration.file}: {reason}" for key, reason in refused[:FAILURES_TOLD])
    others = len(refused) - 1
    more = f" (and {others} more among those looked at)" if others else ""
    return MigrationFailed(problems[0] + more, problems)

"""How do the entries of one scope go through one migration? Upward or Downward, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from llmspell import codec
from llmspell.batch import Delete
from llmspell.fail_points import armed, reach
from llmspell.migrations.paths import ABSENT
from llmspell.migrations.transforms.base import Draft, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.backends.base import Revision
    from llmspell.entry import JsonValue
    from llmspell.migrations.complements import Complements, RecordReader
    from llmspell.migrations.documents import Way
    from llmspell.migrations.transforms.quick import QuickUp

Place: TypeAlias = tuple[str, str]
"""Scope and key."""

PAGE = 200
"""Entries between two looks at whether the run should stop, and in one chunk of records.

More at once leave the processor's cache before they are written, which costs a third of the time.
"""

FAIL, QUARANTINE = "fail", "quarantine"


class Conditions(NamedTuple):
    """What holds for a whole run. `now` is its one moment (epoch seconds).

    `on_error` is FAIL or QUARANTINE. With `sampling` the first changed entries are remembered.
    `looked_at` is told how many more entries were seen; `stop` raises when the run must end.
    """

    now: float
    max_value_bytes: int
    on_error: str
    sampling: bool
    looked_at: Callable[[int], None]
    stop: Callable[[], None]


class Tally:
    """How many entries a run has changed, each counted once; and the first of them as they were before.

    `version` is the one that the run gives: an entry that has it already was counted by an earlier migration.
    """

    def __init__(self, version: int, samples: int) -> None:
        self.version = version
        self.changed = 0
        self.before: dict[Place, bytes] = {}
        self.places: dict[Place, Place | None] = {}
        """Where those of `before` are now, by the place they had; None for one that is gone."""
        self._samples = samples

    def count(self, scope: str, key: str, text: bytes) -> None:
        """Count an entry that has not the run's version yet."""
        self.changed += 1
        if len(self.before) < self._samples:
            self.before.setdefault((scope, key), text)
            self.places.setdefault((scope, key), (scope, key))

    def moved(self, place: Place, to: Place | None) -> None:
        """Note where an entry is now; None when it was deleted or put aside."""
        for origin, there in self.places.items():
            if there == place:
                self.places[origin] = to
                return


class Passage(Protocol):
    """One direction: `change` is called for every entry of a page, `settle` after each page."""

    refused: list[tuple[str, str]]
    """Keys and reasons of the entries of this page that could not go through."""

    def change(self, key: str, text: bytes, version: int, created_at: float) -> bytes | None:
        """See `Revision.rewrite`."""

    def settle(self, revision: Revision) -> None:
        """Do what could not be done while the page was read."""


class Upward:
    """The entries of one scope on their way up."""

    change: Callable[[str, bytes, int, float], bytes | None]
    """See `Revision.rewrite`."""

    def __init__(self, way: Way, complements: Complements, scope: str, conditions: Conditions, tally: Tally) -> None:
        self.refused: list[tuple[str, str]] = []
        self._concerns = None if way.concerns_all else way.concerns
        self._up = way.up
        self._complements = complements
        self._scope = scope
        self._now = conditions.now
        self._tally = tally
        self._version = tally.version
        self._draft = Draft(scope, "", None, conditions.now)
        self._may_fail_here = armed("migration.document")
        self._records: dict[str, JsonValue] = {}
        self._moves: list[tuple[str, str, str]] = []
        self._deleted: list[str] = []
        self._late: list[tuple[str, float]] = []
        up = way.quick_up
        usual = up is None or conditions.sampling or self._may_fail_here
        self.change = self._change if up is None or usual else self._quickly(up, conditions.max_value_bytes)

    def _quickly(self, up: QuickUp, max_value_bytes: int) -> Callable[[str, bytes, int, float], bytes | None]:
        """Give what does the same as `_change` for less: of a million usual documents, calls would be half the time."""
        run_version, tally, usually = self._version, self._tally, self._change
        decode, encode = codec.trusted()
        records, now = self._records, self._now

        def change(key: str, text: bytes, version: int, created_at: float) -> bytes | None:
            try:
                document = decode(text)
                if type(document) is not dict:
                    return usually(key, text, version, created_at)
                record = up(document)
            except ValueError:
                return usually(key, text, version, created_at)
            new = encode(document)
            if len(new) > max_value_bytes or created_at > now:
                return usually(key, text, version, created_at)
            records[key] = record
            if new == text:
                return None
            if version != run_version:
                tally.changed += 1
            return new

        return change

    def _change(self, key: str, text: bytes, version: int, created_at: float) -> bytes | None:
        if self._may_fail_here:
            reach("migration.document")
        if self._concerns is not None and not self._concerns(key):
            return None
        draft, scope = self._draft, self._scope
        draft.scope = scope
        draft.key = key
        try:
            new, record = self._up(draft, text)
        except Refusal as refusal:
            draft.deleted = False
            self.refused.append((key, str(refusal)))
            return None
        if draft.deleted:
            draft.deleted = False
            self._deleted.append(key)
        else:
            self._records[key] = record
            if created_at > self._now:
                self._late.append((key, created_at))
            if draft.key != key or draft.scope != scope:
                self._moves.append((key, draft.scope, draft.key))
            elif new == text:
                return None
        if version != self._version:
            self._tally.count(scope, key, text)
        return None if new == text else new

    def settle(self, revision: Revision) -> None:
        """Keep what the page has taken away, and delete what is to be deleted."""
        scope = self._scope
        self._complements.keep(revision, scope, self._records)
        self._complements.keep_moves(revision, scope, self._moves)
        self._complements.keep_late(revision, scope, self._late)
        for key in self._deleted:
            stored = revision.get(scope, key, self._now)
            if stored is not None:
                self._complements.keep_deleted(revision, stored)
                revision.apply((Delete(scope, key),))
                self._tally.moved((scope, key), None)
        for kept in (self._records, self._moves, self._deleted, self._late):
            kept.clear()


class Downward:
    """The entries of one scope on their way down."""

    def __init__(self, way: Way, records: RecordReader, scope: str, conditions: Conditions, tally: Tally) -> None:
        self.refused: list[tuple[str, str]] = []
        self._way = way
        self._records = records
        self._scope = scope
        self._tally = tally
        self._draft = Draft(scope, "", None, conditions.now)

    def change(self, key: str, text: bytes, version: int, created_at: float) -> bytes | None:
        """See `Revision.rewrite`."""
        reach("migration.document")
        if not self._way.concerns(key):
            return None
        # An entry that was made anew under its old key has nothing to do with the record of that key.
        record = self._records.find(self._scope, key) if self._records.saw(self._scope, key, created_at) else ABSENT
        self._draft.key = key
        try:
            new = self._way.down(self._draft, text, record)
        except Refusal as refusal:
            self.refused.append((key, str(refusal)))
            return None
        if new == text:
            return None
        if version != self._tally.version:
            self._tally.count(self._scope, key, text)
        return new

    def settle(self, revision: Revision) -> None:
        """Do nothing: what was kept is dropped when all are down."""

"""What would a migration do? Found out from the files and the entries, without changing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.errors import MigrationFileError
from llmspell.migrations.documents import Way
from llmspell.migrations.results import Plan, PlannedStep, Sample
from llmspell.migrations.transforms.base import LOSSLESS, LOSSY, OPAQUE, Draft, Refusal
from llmspell.migrations.transforms.filling import Computed
from llmspell.migrations.transforms.structure import Move

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell.backends.base import Reader
    from llmspell.migrations.chain import Leg
    from llmspell.migrations.migration import Migration

SAMPLES = 3
_KEYS_AT_ONCE = 1_000


def loss_of(migration: Migration) -> str:
    """Tell whether going back over the migration gives everything again: "lossless", "lossy" or "opaque"."""
    losses = {step.transform.loss for step in migration.steps}
    return next((loss for loss in (OPAQUE, LOSSY) if loss in losses), LOSSLESS)


def refuse_circles(migration: Migration) -> None:
    """Raise `MigrationFileError` when computed fields need each other; one may read the field that it sets."""
    reads = {
        step.transform.field.text: step.transform.expression.reads
        for step in migration.steps
        if isinstance(step.transform, Computed)
    }
    for first in reads:
        circle = _circle(first, (first,), reads)
        if circle:
            raise MigrationFileError(
                f"{migration.file}: circular dependency among computed fields: {' needs '.join(circle)}; let one of "
                "them be computed from other fields, or put them into two migrations"
            )


def notices(migration: Migration) -> tuple[str, ...]:
    """Give what a person should look at before: fields that several transforms give a new home in."""
    written: dict[str, int] = {}
    found = []
    for number, step in enumerate(migration.steps, 1):
        for path in step.transform.writes():
            first = written.setdefault(path, number)
            if first != number and isinstance(step.transform, Move):
                found.append(f'name collision: transforms {first} and {number} both write "{path}"')
    return tuple(found)


def plan(reader: Reader, legs: Sequence[Leg], current: str, target: str, now: float, limit: int) -> Plan:
    """Give the steps with their numbers of entries, and a few entries as they are and as they would be.

    `limit` is the largest value, in bytes, that the store takes.
    """
    steps = tuple(
        PlannedStep(
            leg.migration.file,
            leg.migration.description,
            leg.start,
            leg.end,
            leg.down,
            sum(1 for _ in _concerned(reader, leg.migration, now, limit)),
            loss_of(leg.migration),
            tuple(step.transform.describe() for step in leg.migration.steps),
            notices(leg.migration),
        )
        for leg in legs
    )
    return Plan(current, target, steps, tuple(_samples(reader, legs, now, limit)))


def _concerned(reader: Reader, migration: Migration, now: float, limit: int) -> Iterator[tuple[str, str]]:
    """Give the places of the entries that a migration is for, as the store is now."""
    for scope in reader.scopes("", now):
        way = Way(migration, scope, limit)
        if way.leads_nowhere:
            continue
        after = None
        while keys := reader.keys(scope, "", after, _KEYS_AT_ONCE, now):
            after = keys[-1]
            for key in keys:
                if way.concerns(key):
                    yield scope, key


def _samples(reader: Reader, legs: Sequence[Leg], now: float, limit: int) -> Iterator[Sample]:
    """Take a few entries through the legs, in memory; those going down without what is kept of them are left out."""
    given = 0
    if not legs or legs[0].down:
        return
    for scope, key in _concerned(reader, legs[0].migration, now, limit):
        stored = reader.get(scope, key, now)
        if stored is None:
            continue
        draft, text = Draft(scope, key, None, now), stored.value
        try:
            for leg in legs:
                way = Way(leg.migration, draft.scope, limit)
                if not way.leads_nowhere and way.concerns(draft.key) and not draft.deleted:
                    text = way.up(draft, text)[0]
        except Refusal:
            continue
        yield Sample(scope, key, stored.value, None if draft.deleted else text, draft.scope, draft.key)
        given += 1
        if given == SAMPLES:
            return


def _circle(first: str, path: tuple[str, ...], reads: dict[str, frozenset[str]]) -> tuple[str, ...]:
    """Give the way from a computed field back to itself over others, empty when there is none."""
    for needed in sorted(reads[path[-1]]):
        if needed == first and len(path) > 1:
            return (*path, first)
        if needed in reads and needed not in path:
            found = _circle(first, (*path, needed), reads)
            if found:
                return found
    return ()

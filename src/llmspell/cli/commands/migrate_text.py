"""How do people read what migrations answer? As lines, numbers with their units, and the next command."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from llmspell.cli.output import printable
from llmspell.cli.sides import compared
from llmspell.cli.units import counted

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from llmspell.cli.output import Output
    from llmspell.migrations.results import Migrated, Plan, PlannedStep, Sample

_LOSSES = {
    "lossless": "going down gives every entry back whole",
    "lossy": "going down drops the fields that are made on the way up",
    "opaque": "code decides what comes back",
}


class Look(NamedTuple):
    """How lines are to look: as wide as a terminal with `columns`, plain text where that is None."""

    columns: int | None
    coloured: bool


def plan_lines(plan: Plan, look: Look) -> Iterator[str]:
    """Give the lines about a plan that has steps."""
    way = f"from {plan.from_version} to {plan.to_version}"
    yield f"{way}: {counted(len(plan.steps), 'migration', 'migrations')}"
    for number, step in enumerate(plan.steps, 1):
        yield ""
        yield from _step_lines(number, step)
    yield from sample_lines(plan.samples, look)


def sample_lines(samples: Iterable[Sample], look: Look) -> Iterator[str]:
    """Give the lines that show entries before and after."""
    for sample in samples:
        place = f'scope "{sample.scope}", key "{sample.key}"'
        new_place = f'scope "{sample.to_scope}", key "{sample.to_key}"'
        yield ""
        yield printable(place if place == new_place or sample.after is None else f"{place} -> {new_place}")
        yield from compared(sample.before, sample.after, columns=look.columns, coloured=look.coloured)


def outcome(result: Migrated) -> str:
    """Say in one line what a run did, or what a dry run would have done.

    >>> from llmspell.migrations.results import Migrated
    >>> outcome(Migrated("completed", "1.0.0", "2.0.0", 12, duration_ms=34.5))
    'from 1.0.0 to 2.0.0: 12 entries changed, in 0.03 s'
    """
    changed = counted(result.items_migrated, "entry", "entries")
    aside = f", {result.items_quarantined} put aside" if result.items_quarantined else ""
    verb = "would change" if result.dry_run else "changed"
    if result.dry_run and aside:
        aside = f", {result.items_quarantined} would be put aside"
    way = f"from {result.from_version} to {result.to_version}"
    return f"{way}: {changed} {verb}{aside}, in {result.duration_ms / 1_000:.2f} s"


def command(arguments: Namespace, *words: str) -> str:
    """Spell a migration command for the same configuration, to be typed as it stands."""
    import shlex

    config = ("-c", arguments.config) if arguments.config else ()
    return f"`llmspell {shlex.join((*config, 'migrate', *words))}`"


def show(lines: Iterable[str], output: Output) -> None:
    """Print lines that are printable and painted already."""
    output.write("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))


def look_of(output: Output) -> Look:
    """Give how results are to look where they go."""
    if not output.terminal:
        return Look(None, False)
    import shutil

    return Look(shutil.get_terminal_size().columns, output.colours(sys.stdout))


def _step_lines(number: int, step: PlannedStep) -> Iterator[str]:
    undone = " (undone)" if step.down else ""
    yield printable(f"{number}. {step.from_version} -> {step.to_version}  {step.file}{undone}")
    if step.description:
        yield printable(f"   {step.description}")
    yield f"   entries: {step.entries}"
    yield f"   {step.loss}: {_LOSSES[step.loss]}"
    for transform in step.transforms:
        yield printable(f"   - {transform}")
    for notice in step.notices:
        yield printable(f"   notice: {notice}")

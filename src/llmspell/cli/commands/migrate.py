"""Which schema version has the store, and what lies ahead of it? status and plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.cli.commands.migrate_fields import plan_fields, status_fields
from llmspell.cli.commands.migrate_store import open_migrating
from llmspell.cli.commands.migrate_text import command, look_of, plan_lines, show
from llmspell.cli.commands.migrate_versions import complete_any
from llmspell.cli.exit_codes import DONE
from llmspell.cli.output import Row
from llmspell.cli.table import table
from llmspell.cli.units import moment, size

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.migrations.chain import Leg
    from llmspell.migrations.results import Applied, Status


def declare_status(parser: Parser) -> None:
    """Add the arguments of `migrate status`: there are none."""
    parser.set_defaults(execute=_status)


def declare_plan(parser: Parser) -> None:
    """Add the arguments of `migrate plan`."""
    target = parser.add_argument(
        "target", metavar="TO", nargs="?", help="the schema version to reach; the latest unless given"
    )
    complete_any(target)
    parser.set_defaults(execute=_plan)


def _status(arguments: Namespace, output: Output) -> int:
    with open_migrating(arguments, output) as store:
        migrations = store.migrations
        status = migrations.migration_status()
        pending: tuple[Leg, ...] = ()
        if status.migration_available and status.latest_version is not None:
            pending = migrations.chain().path(status.current_version, status.latest_version)
        applied = [(one, migrations.bytes_kept(one.to_version)) for one in migrations.applied()]
        quarantined = len(migrations.quarantine())
    if output.as_json:
        output.value(status_fields(status, pending, applied, quarantined))
        return DONE.number
    output.rows(_overview(status, len(pending), quarantined))
    if output.terminal:
        show(_tables(pending, applied), output)
    else:
        show(_tabbed(pending, applied), output)
    if status.error is not None:
        output.say(status.error)
    elif pending:
        output.say(f"see what would happen with {command(arguments, 'plan')}, do it with {command(arguments, 'up')}")
    return DONE.number


def _overview(status: Status, pending: int, quarantined: int) -> list[Row]:
    latest = status.latest_version
    return [
        Row("current_version", status.current_version, status.current_version),
        Row("latest_version", latest or "null", latest or "none is known"),
        Row("pending", str(pending), str(pending)),
        Row("quarantined", str(quarantined), str(quarantined)),
    ]


def _tables(pending: Sequence[Leg], applied: Sequence[tuple[Applied, int]]) -> Iterator[str]:
    """Give the migrations as tables for people."""
    if pending:
        yield from ("", "pending migrations, in their order")
        rows = [(leg.start, leg.end, leg.migration.file, leg.migration.description) for leg in pending]
        yield from table(("from", "to", "file", "description"), rows, terminal=True)
    if applied:
        yield from ("", "applied migrations")
        heading = ("from", "to", "file", "applied at", "entries", "kept for the way back")
        yield from table(heading, [_applied_row(*one) for one in applied], terminal=True)


def _applied_row(one: Applied, kept: int) -> tuple[str, ...]:
    way_back = "forgotten: no way back" if one.forgotten else size(kept)
    when = moment(one.applied_at)
    return one.from_version, one.to_version, one.file, when, str(one.items_migrated), way_back


def _tabbed(pending: Sequence[Leg], applied: Sequence[tuple[Applied, int]]) -> Iterator[str]:
    """Give the migrations as lines for programs; the first word tells whether one is pending or applied."""
    rows = [("pending migration", leg.start, leg.end, leg.migration.file, leg.migration.description) for leg in pending]
    yield from table((), rows, terminal=False)
    for one, kept in applied:
        when, forgotten = repr(one.applied_at), "forgotten" if one.forgotten else str(kept)
        row = (
            "applied migration",
            one.from_version,
            one.to_version,
            one.file,
            when,
            str(one.items_migrated),
            forgotten,
        )
        yield from table((), [row], terminal=False)


def _plan(arguments: Namespace, output: Output) -> int:
    with open_migrating(arguments, output) as store:
        plan = store.migrations.plan(arguments.target)
    if output.as_json:
        output.value(plan_fields(plan))
        return DONE.number
    if not plan.steps:
        output.line(f"the store has schema version {plan.from_version}; nothing is to be done")
        return DONE.number
    show(plan_lines(plan, look_of(output)), output)
    down = plan.steps[0].down
    words = ("down" if down else "up", plan.to_version)
    trial = command(arguments, *words, "--dry-run")
    output.say(f"nothing was changed; try it with {trial}, do it with {command(arguments, *words)}")
    return DONE.number

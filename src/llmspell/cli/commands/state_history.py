"""What was in the store before? history, diff, restore-points and stop-history."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, cast

from llmspell.cli import values
from llmspell.cli.asking import agreed, declare_yes
from llmspell.cli.commands.backup_points import POINT_HELP, point_of
from llmspell.cli.commands.backup_text import cut
from llmspell.cli.commands.state_entry import declare_entry_names
from llmspell.cli.exit_codes import DONE, INTERRUPTED
from llmspell.cli.output import Row, json_text, printable
from llmspell.cli.sides import compared
from llmspell.cli.store import open_state, state_settings
from llmspell.cli.table import table
from llmspell.cli.units import moment

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.entry import JsonValue
    from llmspell.history.results import Difference, Version

_MOST_VERSIONS = "100"


def declare_history(parser: Parser) -> None:
    """Add the arguments of `state history`."""
    declare_entry_names(parser)
    parser.add_argument("--limit", metavar="N", default=_MOST_VERSIONS, help="at most so many, 100 unless given")
    parser.set_defaults(execute=_history)


def declare_diff(parser: Parser) -> None:
    """Add the arguments of `state diff`."""
    parser.add_argument("scope", metavar="SCOPE", help="the scope")
    parser.add_argument("start", metavar="FROM", help=f"the earlier point: {POINT_HELP}")
    parser.add_argument("end", metavar="TO", nargs="?", help="the later point; now unless given")
    parser.set_defaults(execute=_diff)


def declare_restore_points(parser: Parser) -> None:
    """Add the arguments of `state restore-points`: there are none."""
    parser.set_defaults(execute=_restore_points)


def declare_stop_history(parser: Parser) -> None:
    """Add the arguments of `state stop-history`."""
    declare_yes(parser)
    parser.set_defaults(execute=_stop_history)


def _history(arguments: Namespace, output: Output) -> int:
    limit = values.whole(arguments.limit, "--limit")
    with open_state(arguments, output) as store:
        versions = store.history(arguments.scope, arguments.key, limit=limit)
    if output.as_json:
        output.value([cast("JsonValue", dict(one._asdict())) for one in versions])
        return DONE.number
    lines = table(
        ("version", "at", "value"), [_row(one, output.terminal) for one in versions], terminal=output.terminal
    )
    columns = shutil.get_terminal_size().columns
    for line in lines:
        output.line(cut(line, columns) if output.terminal else line)
    if not versions:
        output.say(f'nothing is known of scope "{arguments.scope}", key "{arguments.key}"')
    return DONE.number


def _row(one: Version, terminal: bool) -> tuple[str, ...]:
    """Give the cells of a version; a program sees by an empty value that the entry was deleted there."""
    value = "" if one.deleted else json_text(one.value).decode()
    if terminal:
        return str(one.version), moment(one.at), "(deleted)" if one.deleted else value
    return str(one.version), repr(one.at), value


def _diff(arguments: Namespace, output: Output) -> int:
    start, end = point_of(arguments.start), None if arguments.end is None else point_of(arguments.end)
    with open_state(arguments, output) as store:
        differences = store.diff(arguments.scope, start, end)
    if output.as_json:
        output.value([cast("JsonValue", dict(one._asdict())) for one in differences])
        return DONE.number
    for one in differences:
        for line in _shown(one, output) if output.terminal else table((), [_tabbed(one)], terminal=False):
            output.write(f"{line}\n".encode("utf-8", "surrogateescape"))
    if not differences:
        output.say(f'scope "{arguments.scope}" is the same at both points')
    return DONE.number


def _tabbed(one: Difference) -> tuple[str, ...]:
    """Give the cells of a difference; the value before is empty for an added entry, the one after for a removed one."""
    before = "" if one.change == "added" else json_text(one.before).decode()
    after = "" if one.change == "removed" else json_text(one.after).decode()
    return one.change, one.key, before, after


def _shown(one: Difference, output: Output) -> Iterator[str]:
    """Give the lines of a difference for a person."""
    yield printable(f'{one.change} key "{one.key}"')
    columns, coloured = shutil.get_terminal_size().columns, output.colours(sys.stdout)
    if one.change == "changed":
        yield from compared(json_text(one.before), json_text(one.after), columns=columns, coloured=coloured)
    else:
        yield cut(f"  {printable(json_text(one.before if one.change == 'removed' else one.after).decode())}", columns)
    yield ""


def _restore_points(arguments: Namespace, output: Output) -> int:
    with open_state(arguments, output) as store:
        points = store.restore_points()
    if output.as_json:
        output.value(dict(points._asdict()))
        return DONE.number
    rows = []
    for name, number in points._asdict().items():
        readable = moment(number, "milliseconds") if name.endswith("_time") else str(number)
        rows.append(Row(name, repr(number), readable))
    output.rows(rows)
    return DONE.number


def _stop_history(arguments: Namespace, output: Output) -> int:
    with open_state(arguments, output) as store:
        points = store.restore_points()  # raises where there is no history, so that nobody is asked about none
        question = (
            f"Throw away every replaced and deleted value from version {points.earliest_version} "
            f"({moment(points.earliest_time)}) on?"
        )
        if not agreed(question, "stopping the history throws old values away", arguments, output):
            return INTERRUPTED.number
        store.stop_history()
    if output.as_json:
        output.value(True)
    else:
        output.line("the history is gone, and no more is kept")
    days = state_settings(arguments).history_days
    if days:
        output.say(f"history_days = {days} in the configuration begins a new one with the next write; 0 does not")
    return DONE.number

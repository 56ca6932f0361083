"""What becomes of entries that could not go through a migration? quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell import codec
from llmspell.cli import values
from llmspell.cli.asking import agreed, declare_yes
from llmspell.cli.commands.migrate_fields import quarantined_fields
from llmspell.cli.commands.migrate_store import open_migrating
from llmspell.cli.commands.migrate_text import command, show
from llmspell.cli.exit_codes import DONE, INTERRUPTED
from llmspell.cli.output import Row, printable
from llmspell.cli.table import table
from llmspell.cli.units import counted, moment
from llmspell.errors import InvalidArgument, MigrationFailed

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.migrations.results import Quarantined, Retried

_HEADING = ("number", "scope", "key", "schema version", "put aside at", "reason")
_NAMED = 3


def declare_quarantine(parser: Parser) -> None:
    """Add the arguments of `migrate quarantine`."""
    parser.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        choices=("list", "show", "retry", "discard"),
        default="list",
        help="list (unless given); show one entry whole; retry entries, all unless numbers are given; discard "
        "entries for good",
    )
    parser.add_argument("numbers", metavar="N", nargs="*", help="the numbers of entries, as list shows them")
    declare_yes(parser)
    parser.set_defaults(execute=_quarantine)


def _quarantine(arguments: Namespace, output: Output) -> int:
    numbers = [values.whole(word, "N") or 0 for word in arguments.numbers]
    if arguments.action == "show":
        return _show(numbers, arguments, output)
    if arguments.action == "retry":
        return _retry(numbers, arguments, output)
    if arguments.action == "discard":
        return _discard(numbers, arguments, output)
    if numbers:
        raise InvalidArgument(f"list takes no numbers; for one entry, use {_command(arguments, 'show', numbers[:1])}")
    return _list(arguments, output)


def _list(arguments: Namespace, output: Output) -> int:
    with open_migrating(arguments, output) as store:
        entries = store.migrations.quarantine()
    if output.as_json:
        output.value([quarantined_fields(one) for one in entries])
        return DONE.number
    show(table(_HEADING, [_row(one, output.terminal) for one in entries], terminal=output.terminal), output)
    if not entries:
        output.say("nothing is in quarantine")
    return DONE.number


def _row(one: Quarantined, terminal: bool) -> tuple[str, ...]:
    when = moment(one.quarantined_at) if terminal else repr(one.quarantined_at)
    return str(one.number), one.scope, one.key, one.schema_version, when, one.reason


def _show(numbers: Sequence[int], arguments: Namespace, output: Output) -> int:
    if len(numbers) != 1:
        raise InvalidArgument("show takes one number of an entry; `llmspell migrate quarantine` lists them")
    with open_migrating(arguments, output) as store:
        one = _chosen(store.migrations.quarantine(), numbers)[0]
    if output.as_json:
        output.value({**quarantined_fields(one), "value": codec.decode(one.value)})
        return DONE.number
    rows = []
    for name, field in quarantined_fields(one).items():
        if name == "quarantined_at":
            rows.append(Row(name, repr(field), moment(one.quarantined_at)))
        else:
            rows.append(Row(name, printable(str(field)), str(field)))  # a name with a line break is one row still
    if output.terminal:
        output.rows(rows)
        output.value_text(one.value)
    else:
        output.rows([*rows, Row("value", one.value.decode(), "")])
    return DONE.number


def _retry(numbers: Sequence[int], arguments: Namespace, output: Output) -> int:
    with open_migrating(arguments, output) as store:
        retried = store.migrations.retry(numbers or None)
    if output.as_json:
        output.value([dict(one._asdict()) for one in retried])
    else:
        show(table(("number", "scope", "key", "outcome"), map(_outcome, retried), terminal=output.terminal), output)
    stuck = [one for one in retried if one.problem is not None]
    if stuck:
        problems = tuple(f'entry {one.number}, scope "{one.scope}", key "{one.key}": {one.problem}' for one in stuck)
        discard = _command(arguments, "discard", [stuck[0].number])
        raise MigrationFailed(
            f"{counted(len(stuck), 'entry', 'entries')} of {len(retried)} could not come back from quarantine; "
            f"going down to their schema version gives them back, {discard} throws one away",
            problems,
        )
    if not retried:
        output.say("nothing is in quarantine")
    return DONE.number


def _outcome(one: Retried) -> tuple[str, ...]:
    return str(one.number), one.scope, one.key, "is back" if one.problem is None else "stays in quarantine"


def _discard(numbers: Sequence[int], arguments: Namespace, output: Output) -> int:
    if not numbers:
        raise InvalidArgument("discard takes the numbers of entries; `llmspell migrate quarantine` lists them")
    with open_migrating(arguments, output) as store:
        chosen = _chosen(store.migrations.quarantine(), numbers)
        entries = counted(len(chosen), "quarantined entry", "quarantined entries")
        places = ", ".join(f'scope "{one.scope}", key "{one.key}"' for one in chosen[:_NAMED])
        more = f" and {len(chosen) - _NAMED} more" if len(chosen) > _NAMED else ""
        question = f"Discard {entries} ({places}{more}) for good?"
        if not agreed(question, f"discarding {entries} cannot be undone", arguments, output):
            return INTERRUPTED.number
        output.value(store.migrations.discard(numbers))
    return DONE.number


def _chosen(entries: Sequence[Quarantined], numbers: Sequence[int]) -> list[Quarantined]:
    """Give the entries with these numbers; raises `InvalidArgument` when there is none with one of them."""
    by_number = {one.number: one for one in entries}
    for number in numbers:
        if number not in by_number:
            known = ", ".join(map(str, by_number)) or "none"
            raise InvalidArgument(f"there is no quarantined entry {number}; there are: {known}")
    return [by_number[number] for number in dict.fromkeys(numbers)]


def _command(arguments: Namespace, action: str, numbers: Sequence[int]) -> str:
    return command(arguments, "quarantine", action, *map(str, numbers))

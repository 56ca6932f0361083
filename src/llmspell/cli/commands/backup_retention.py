"""Which backups stay, and which go? cleanup, hold and release."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from llmspell.cli.asking import agreed, can_ask, declare_yes
from llmspell.cli.commands.backup_fields import cleaned_up_fields
from llmspell.cli.commands.backup_list import declare_id
from llmspell.cli.commands.backup_points import moment_of
from llmspell.cli.commands.backup_store import chosen, none_there, open_backups
from llmspell.cli.exit_codes import DONE, INTERRUPTED, NotFound
from llmspell.cli.table import table
from llmspell.cli.units import counted, moment, size
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.backups.results import CleanedUp
    from llmspell.backups.retention import Decision
    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser

_NAMED = 3


def declare_cleanup(parser: Parser) -> None:
    """Add the arguments of `backup cleanup`."""
    parser.add_argument("--dry-run", action="store_true", help="tell what would be removed and why, and remove nothing")
    declare_yes(parser)
    parser.set_defaults(execute=_cleanup)


def declare_hold(parser: Parser) -> None:
    """Add the arguments of `backup hold`."""
    declare_id(parser)
    parser.add_argument("--reason", metavar="TEXT", help="why it is held, shown in lists")
    parser.add_argument(
        "--until",
        metavar="WHEN",
        help="when the hold ends: ISO 8601 such as 2027-01-31, or epoch seconds; when it is released unless given",
    )
    parser.set_defaults(execute=_hold)


def declare_release(parser: Parser) -> None:
    """Add the arguments of `backup release`."""
    declare_id(parser)
    parser.add_argument("--reason", metavar="TEXT", help="only the hold with this reason; all of them unless given")
    parser.set_defaults(execute=_release)


def _cleanup(arguments: Namespace, output: Output) -> int:
    with open_backups(arguments, output) as store:
        backups = store.backups
        if can_ask() and not arguments.yes and not arguments.dry_run:
            planned = backups.cleanup_backups(dry_run=True)
            if planned.deleted_count and not agreed(_question(planned), "", arguments, output):
                return INTERRUPTED.number
        result = backups.cleanup_backups(dry_run=arguments.dry_run)
    if output.as_json:
        output.value(cleaned_up_fields(result))
        return DONE.number
    rows = [_row(one, result) for one in result.decisions]
    for line in table(("id", "decision", "reason"), rows, terminal=output.terminal):
        output.line(line)
    output.say(_summary(result) if rows else none_there(arguments))
    return DONE.number


def _question(planned: CleanedUp) -> str:
    going = [one.backup_id for one in planned.decisions if not one.should_retain]
    more = f" and {len(going) - _NAMED} more" if len(going) > _NAMED else ""
    backups = counted(len(going), "backup", "backups")
    return f"Remove {backups} for good ({', '.join(going[:_NAMED])}{more}; {size(planned.space_freed)})?"


def _row(one: Decision, result: CleanedUp) -> tuple[str, ...]:
    going = "would be removed" if result.dry_run else "removed"
    return one.backup_id, "kept" if one.should_retain else going, one.reason


def _summary(result: CleanedUp) -> str:
    freed, kept = size(result.space_freed), result.retained_count
    removed = counted(result.deleted_count, "backup", "backups")
    if result.dry_run:
        return f"dry run: nothing was changed; {removed} would be removed, {kept} kept, {freed} freed"
    return f"{removed} removed, {kept} kept, {freed} freed"


def _hold(arguments: Namespace, output: Output) -> int:
    until = None if arguments.until is None else _later(arguments.until)
    with open_backups(arguments, output) as store:
        backup_id = chosen(arguments.id, store.backups, arguments, output)
        store.backups.hold_backup(backup_id, arguments.reason, until)
    if output.as_json:
        output.value({"backup_id": backup_id, "reason": arguments.reason, "until": until})
        return DONE.number
    why = f" ({arguments.reason})" if arguments.reason else ""
    end = "until it is released" if until is None else f"until {moment(until)}"
    output.line(f"{backup_id} is held{why} {end}")
    return DONE.number


def _later(word: str) -> float:
    until = moment_of(word)
    if until <= time.time():
        raise InvalidArgument(f"a hold until {moment(until)} would be over already; name a later moment")
    return until


def _release(arguments: Namespace, output: Output) -> int:
    with open_backups(arguments, output) as store:
        backup_id = chosen(arguments.id, store.backups, arguments, output)
        if not store.backups.release_backup(backup_id, arguments.reason):
            held = store.backups.chain_of(backup_id)[-1].held
            raise NotFound(_nothing_to_release(backup_id, held, arguments.reason))
    if output.as_json:
        output.value({"backup_id": backup_id, "reason": arguments.reason})
    else:
        output.line(f"{backup_id} is released")
    return DONE.number


def _nothing_to_release(backup_id: str, held: str | None, reason: str | None) -> str:
    if held is None or reason is None:
        return f"{backup_id} is not held, so there is nothing to release"
    return f'{backup_id} is not held for the reason "{reason}"; it is held for: {held}'

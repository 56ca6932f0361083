"""Can the backups be restored? validate reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.cli.commands.backup_fields import validated_fields
from llmspell.cli.commands.backup_ids import complete_ids
from llmspell.cli.commands.backup_store import chosen, none_there, open_backups
from llmspell.cli.commands.backup_text import command
from llmspell.cli.exit_codes import DONE
from llmspell.cli.output import printable
from llmspell.cli.progress import Progress
from llmspell.cli.units import counted
from llmspell.errors import BackupDamaged, InvalidArgument

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from llmspell.backups.results import Validated
    from llmspell.backups.verbs import Backups
    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser

_NAMED = 5
_TAB = "\t"


def declare_validate(parser: Parser) -> None:
    """Add the arguments of `backup validate`."""
    ids = parser.add_argument(
        "ids", metavar="ID", nargs="*", help="the ids of backups, latest for the newest one; all of them unless given"
    )
    complete_ids(ids)
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="only those that were not found sound since they last changed, so that an interrupted run goes on",
    )
    parser.set_defaults(execute=_validate)


def _validate(arguments: Namespace, output: Output) -> int:
    if arguments.unverified and arguments.ids:
        raise InvalidArgument("--unverified chooses the backups itself; leave it or the ids away")
    with open_backups(arguments, output) as store:
        ids = _ids(store.backups, arguments, output)
        results = list(_results(ids, store.backups, output))
        bad = [result for result in results if not result.is_valid]
    if output.as_json:
        output.value([validated_fields(result) for result in results])
    for warning in dict.fromkeys(warning for result in results for warning in result.warnings):
        output.say(warning)
    if bad:
        raise BackupDamaged(_conclusion(bad, len(results), arguments))
    if not results and not output.as_json:
        output.say("every backup was found sound already" if arguments.unverified else none_there(arguments))
    return DONE.number


def _ids(backups: Backups, arguments: Namespace, output: Output) -> list[str]:
    """Give the ids in the order in which they are looked at: the newest first, those that cannot be read at last."""
    if arguments.ids:
        return list(dict.fromkeys(chosen(word, backups, arguments, output) for word in arguments.ids))
    listed = backups.list_backups()
    wanted = [one.id for one in listed if one.verified_at is None or one.damage or not arguments.unverified]
    return [*wanted, *backups.problems()]


def _results(ids: Sequence[str], backups: Backups, output: Output) -> Iterator[Validated]:
    """Read them one by one; each verdict is noted, and printed unless all are wanted as JSON, before the next."""
    with Progress("validating", output, unit="backups") as shown:
        for number, backup_id in enumerate(ids):

            def still(_: int, __: int, number: int = number) -> None:
                shown.reach(number, len(ids))

            still(0, 0)
            result = backups.validate_backup(backup_id, progress=still)
            if not output.as_json:
                shown.give_way()
                output.line(f"{backup_id}{'  ' if output.terminal else _TAB}{printable(verdict(result))}")
                output.flush()
            yield result


def verdict(result: Validated) -> str:
    """Say in a few words what was found in a backup."""
    if result.is_valid:
        return "sound"
    about = f"{result.backup_id} "
    return "; ".join(
        error.removeprefix(about).removeprefix("is ") if error.startswith(about) else f"cannot be restored: {error}"
        for error in result.errors
    )


def _conclusion(bad: Sequence[Validated], number: int, arguments: Namespace) -> str:
    """Say how many cannot be restored, and which others can."""
    found = f"{len(bad)} of {counted(number, 'backup', 'backups')} cannot be restored"
    wrong = {result.backup_id for result in bad}
    restorable = [backup_id for backup_id in bad[-1].restorable if backup_id not in wrong]
    if not restorable:
        return f"{found}, and there is no other that can; make a new one with {command(arguments, 'create')}"
    more = f" and {len(restorable) - _NAMED} more" if len(restorable) > _NAMED else ""
    return f"{found}; these can: {', '.join(restorable[:_NAMED])}{more}"

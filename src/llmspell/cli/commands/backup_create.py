"""How does a person make a backup? create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.cli.commands.backup_fields import created_fields
from llmspell.cli.commands.backup_ids import complete_scopes
from llmspell.cli.commands.backup_store import open_backups
from llmspell.cli.commands.backup_text import made
from llmspell.cli.exit_codes import DONE
from llmspell.cli.progress import Progress

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser


def declare_create(parser: Parser) -> None:
    """Add the arguments of `backup create`."""
    parser.add_argument(
        "--incremental",
        action="store_true",
        help="only what was written and deleted since the newest backup; it needs that one to be restored",
    )
    parser.add_argument("--description", metavar="TEXT", default="", help="what it is for, shown in lists")
    declare_globs(
        parser, "--scope", "only scopes like this, such as 'agent:*'; those of the configuration unless given"
    )
    declare_globs(parser, "--exclude", "no scopes like this, such as 'cache*'; those of the configuration unless given")
    parser.add_argument(
        "--hold", metavar="REASON", help="keep it until it is released, whatever the retention rules say"
    )
    parser.set_defaults(execute=_create)


def declare_globs(parser: Parser, option: str, meaning: str) -> None:
    """Add an option that takes globs over scopes."""
    globs = parser.add_argument(
        option, metavar="GLOB", action="extend", nargs="+", help=f"{meaning}; may be given several times"
    )
    complete_scopes(globs)


def _create(arguments: Namespace, output: Output) -> int:
    with open_backups(arguments, output) as store, Progress("backing up", output) as shown:
        created = store.backups.create_backup(
            arguments.incremental,
            description=arguments.description,
            scopes=arguments.scope,
            exclude=arguments.exclude,
            hold=arguments.hold,
            progress=shown.reach,
        )
    if output.as_json:
        output.value(created_fields(created))
        return DONE.number
    output.line(made(created) if output.terminal else created.backup_id)
    for warning in created.warnings:
        output.say(warning)
    return DONE.number

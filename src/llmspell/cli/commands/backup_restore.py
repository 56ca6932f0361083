"""How does a person make the store again what it was? restore, from a backup or from the history."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from llmspell.backups.names import is_id
from llmspell.cli.asking import agreed, can_ask, declare_yes
from llmspell.cli.commands.backup_create import declare_globs
from llmspell.cli.commands.backup_fields import restored_fields
from llmspell.cli.commands.backup_ids import complete_ids, complete_scopes
from llmspell.cli.commands.backup_list import ID_HELP
from llmspell.cli.commands.backup_points import POINT_HELP, point_of
from llmspell.cli.commands.backup_store import LATEST, chosen, open_backups
from llmspell.cli.commands.backup_text import command, numbers
from llmspell.cli.exit_codes import DONE, INTERRUPTED
from llmspell.cli.progress import Progress
from llmspell.cli.store import state_settings
from llmspell.cli.table import table
from llmspell.cli.units import counted
from llmspell.errors import InvalidArgument
from llmspell.schema_range import satisfies

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from llmspell.backups.results import Restored
    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.store import Store

_MOST_CHANGES = 50
"""How many changes a person is shown; a program gets all of them."""


def declare_restore(parser: Parser) -> None:
    """Add the arguments of `backup restore`."""
    # Written by hand, because argparse would put the id behind options that would swallow it.
    parser.usage = (
        "%(prog)s (ID | --at MOMENT) [--scope GLOB ...]\n"
        "         [--key GLOB ...] [--exclude GLOB ...] [--into SCOPE] [--dry-run]\n"
        "         [--force] [--yes]"
    )
    complete_ids(parser.add_argument("id", metavar="ID", nargs="?", help=ID_HELP))
    parser.add_argument(
        "--at", metavar="MOMENT", help=f"instead of an id: a point that the store's history knows, {POINT_HELP}"
    )
    declare_globs(parser, "--scope", "touch only scopes like this, such as 'agent:*'")
    parser.add_argument(
        "--key",
        dest="keys",
        metavar="GLOB",
        action="extend",
        nargs="+",
        help="touch only keys like this, such as 'user:*'; may be given several times",
    )
    declare_globs(parser, "--exclude", "touch no scopes like this, such as 'cache*'")
    into = parser.add_argument(
        "--into", metavar="SCOPE", help="write the entries of one scope into this one, and remove nothing there"
    )
    complete_scopes(into)
    parser.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
    parser.add_argument(
        "--force",
        action="store_true",
        help="go on when the store as it is now cannot be backed up first; where a key is configured, also take a "
        "plain backup that this store does not remember",
    )
    declare_yes(parser)
    parser.set_defaults(execute=_restore)


def _restore(arguments: Namespace, output: Output) -> int:
    _require_one_source(arguments)
    with open_backups(arguments, output, migrating=True) as store:
        if arguments.id is not None:
            arguments.id = chosen(arguments.id, store.backups, arguments, output)
        if not arguments.dry_run and not _agreed(store, arguments, output):
            return INTERRUPTED.number
        words = "looking what would change" if arguments.dry_run else "restoring"
        result = _restored(store, arguments, output, words, dry_run=arguments.dry_run)
    if output.as_json:
        output.value(restored_fields(result))
    elif result.dry_run:
        _tell_changes(result, arguments, output)
    else:
        _tell(result, arguments, output)
    return DONE.number


def _require_one_source(arguments: Namespace) -> None:
    if arguments.id is not None and arguments.at is not None:
        raise InvalidArgument(
            f"{arguments.id} and --at {arguments.at} name two things to restore; name a backup or a moment, not both"
        )
    if arguments.id is None and arguments.at is None:
        for word in (*(arguments.scope or ()), *(arguments.keys or ()), *(arguments.exclude or ())):
            if word == LATEST or is_id(word):
                raise InvalidArgument(f"{word} was taken for a glob, and no backup is named; write its id first")
        raise InvalidArgument(
            f"restore takes the id of a backup, or --at and a moment; {command(arguments, 'list')} shows the ids"
        )


def _agreed(store: Store, arguments: Namespace, output: Output) -> bool:
    source = _source(arguments)
    question = ""
    if can_ask() and not arguments.yes:
        planned = _restored(store, arguments, output, "looking what would change", dry_run=True)
        into = f'the scope "{arguments.into}"' if arguments.into is not None else "the store"
        question = f'Restore {source} into {into} in "{state_settings(arguments).path}"? Entries: {numbers(planned)}.'
    return agreed(question, f"restoring {source} replaces entries of the store", arguments, output)


def _source(arguments: Namespace) -> str:
    if arguments.id is not None:
        return str(arguments.id)
    version = point_of(arguments.at).version
    return f"the state at {arguments.at}" if version is None else f"version {version}"


def _restored(store: Store, arguments: Namespace, output: Output, words: str, *, dry_run: bool) -> Restored:
    begin: Callable[..., Restored]
    if arguments.id is None:
        begin = partial(store.restore, point_of(arguments.at))
    else:
        begin = partial(store.backups.restore_backup, arguments.id)
    with Progress(words, output) as shown:
        return begin(
            scopes=arguments.scope,
            keys=arguments.keys,
            exclude=arguments.exclude,
            into=arguments.into,
            dry_run=dry_run,
            force=arguments.force,
            progress=lambda done, total: shown.reach(min(done, total), total),
        )


def _tell_changes(result: Restored, arguments: Namespace, output: Output) -> None:
    """Show what a dry run found: the first changes to a person, all of them to a program."""
    changes = result.changes[:_MOST_CHANGES] if output.terminal else result.changes
    for line in table(("change", "scope", "key"), changes, terminal=output.terminal):
        output.line(line)
    if len(result.changes) > len(changes):
        output.line(f"... and {len(result.changes) - len(changes)} more; --json tells all of them")
    again = command(arguments, "restore", *_words(arguments))
    output.say(f"dry run: nothing was changed, and these would be: {numbers(result)}; do it with {again}")


def _words(arguments: Namespace) -> list[str]:
    """Spell the command line again, without what makes it a trial."""
    words = ["--at", arguments.at] if arguments.id is None else [arguments.id]
    for option, several in (("--scope", arguments.scope), ("--key", arguments.keys), ("--exclude", arguments.exclude)):
        words += [option, *several] if several else []
    words += ["--into", arguments.into] if arguments.into is not None else []
    return words


def _tell(result: Restored, arguments: Namespace, output: Output) -> None:
    entries = counted(result.entries_restored, "entry", "entries")
    seconds = f"in {result.duration_ms / 1_000:.2f} s"
    output.line(f"{entries} restored from {_source(arguments)}, {result.entries_removed} removed, {seconds}")
    if result.pre_restore_backup_id is not None:
        output.say(f"to undo it: {command(arguments, 'restore', result.pre_restore_backup_id)}")
    elif arguments.force:
        output.say("there is no backup of the store as it was before")
    required = state_settings(arguments).required_schema
    if required is not None and not satisfies(result.schema_version, required):
        output.say(f"the configuration requires {required}, so other commands refuse this store now")

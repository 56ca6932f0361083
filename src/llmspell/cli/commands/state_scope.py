"""What can be done with whole scopes? scopes, list-keys, clear."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llmspell.cli import values
from llmspell.cli.exit_codes import DONE, INTERRUPTED
from llmspell.cli.output import printable
from llmspell.cli.store import open_state
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser


def declare_scopes(parser: Parser) -> None:
    """Add the arguments of `state scopes`."""
    parser.add_argument("scope", metavar="PREFIX", nargs="?", default="", help="only scopes that begin with this")
    parser.set_defaults(execute=_scopes)


def declare_list_keys(parser: Parser) -> None:
    """Add the arguments of `state list-keys`."""
    parser.add_argument("scope", metavar="SCOPE", help="the scope")
    parser.add_argument("--prefix", metavar="TEXT", default="", help="only keys that begin with this")
    parser.add_argument("--after", metavar="KEY", help="only keys that come after this one")
    parser.add_argument("--limit", metavar="N", help="at most so many")
    parser.set_defaults(execute=_list_keys)


def declare_clear(parser: Parser) -> None:
    """Add the arguments of `state clear`."""
    parser.add_argument("scope", metavar="SCOPE", help="the scope")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(execute=_clear)


def _scopes(arguments: Namespace, output: Output) -> int:
    with open_state(arguments, output) as store:
        output.lines(store.scopes(arguments.scope))
    return DONE.number


def _list_keys(arguments: Namespace, output: Output) -> int:
    limit = values.whole(arguments.limit, "--limit")
    with open_state(arguments, output) as store:
        output.lines(store.list_keys(arguments.scope, prefix=arguments.prefix, after=arguments.after, limit=limit))
    return DONE.number


def _clear(arguments: Namespace, output: Output) -> int:
    with open_state(arguments, output) as store:
        if not arguments.yes and not _confirmed(arguments.scope, len(store.list_keys(arguments.scope))):
            output.say("nothing was removed")
            return INTERRUPTED.number
        output.value(store.clear(arguments.scope))
    return DONE.number


def _confirmed(scope: str, count: int) -> bool:
    """Ask the person at the terminal; raises `InvalidArgument` where there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidArgument(f'clearing scope "{scope}" cannot be undone and nobody can be asked; add --yes')
    entries = "1 entry" if count == 1 else f"{count} entries"
    sys.stderr.write(f'Remove {entries} of scope "{printable(scope)}"? [y/N] ')
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:  # Ctrl-D leaves the cursor behind the question
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes")

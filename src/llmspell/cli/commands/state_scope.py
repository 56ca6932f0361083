"""What can be done with whole scopes? scopes, list-keys, clear."""

from __future__ import annotations

from llmspell.cli import values
from llmspell.cli.asking import agreed, declare_yes
from llmspell.cli.exit_codes import DONE, INTERRUPTED
from llmspell.cli.store import open_state
from llmspell.cli.units import counted
from llmspell.quick_typing import TYPE_CHECKING

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
    declare_yes(parser)
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
        scope = arguments.scope
        question = f'Remove {counted(len(store.list_keys(scope)), "entry", "entries")} of scope "{scope}"?'
        if not agreed(question, f'clearing scope "{scope}" cannot be undone', arguments, output):
            return INTERRUPTED.number
        output.value(store.clear(scope))
    return DONE.number

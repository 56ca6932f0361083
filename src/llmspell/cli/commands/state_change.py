"""What changes a part of an entry? increment, append, touch."""

from __future__ import annotations

from llmspell.cli import values
from llmspell.cli.commands.state_entry import TEXT_HELP, VALUE_HELP, absent, declare_entry_names
from llmspell.cli.exit_codes import DONE
from llmspell.cli.store import open_state
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser


def declare_increment(parser: Parser) -> None:
    """Add the arguments of `state increment`."""
    declare_entry_names(parser)
    parser.add_argument("--by", metavar="N", default="1", help="how much to add, 1 unless given; may be negative")
    parser.set_defaults(execute=_increment)


def declare_append(parser: Parser) -> None:
    """Add the arguments of `state append`."""
    declare_entry_names(parser)
    parser.add_argument("value", metavar="JSON", help=VALUE_HELP.replace("value", "item"))
    parser.add_argument("--keep", metavar="N", help="drop items from the front until so many are left")
    parser.add_argument("--text", action="store_true", help=TEXT_HELP.replace("value", "item"))
    parser.set_defaults(execute=_append)


def declare_touch(parser: Parser) -> None:
    """Add the arguments of `state touch`."""
    declare_entry_names(parser)
    parser.add_argument("--ttl", metavar="SECONDS", help="end so many seconds from now; not given: never")
    parser.set_defaults(execute=_touch)


def _increment(arguments: Namespace, output: Output) -> int:
    by = values.number(arguments.by, "--by")
    with open_state(arguments, output) as store:
        output.value(store.increment(arguments.scope, arguments.key, by))
    return DONE.number


def _append(arguments: Namespace, output: Output) -> int:
    item = values.json_value(arguments.value, text=arguments.text)
    keep = values.whole(arguments.keep, "--keep")
    with open_state(arguments, output) as store:
        output.value(store.append(arguments.scope, arguments.key, item, keep=keep))
    return DONE.number


def _touch(arguments: Namespace, output: Output) -> int:
    ttl = None if arguments.ttl is None else values.number(arguments.ttl, "--ttl")
    with open_state(arguments, output) as store:
        if not store.touch(arguments.scope, arguments.key, ttl):
            raise absent(arguments)
    if output.as_json:
        output.value(True)
    return DONE.number

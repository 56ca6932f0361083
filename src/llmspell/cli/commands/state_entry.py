"""What can be done with one entry? save, load, delete, exists, entry."""

from __future__ import annotations

from llmspell import codec
from llmspell.cli import values
from llmspell.cli.exit_codes import DONE, NOT_FOUND, NotFound
from llmspell.cli.output import Row, json_text
from llmspell.cli.store import open_state
from llmspell.cli.units import moment
from llmspell.errors import InvalidArgument
from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser
    from llmspell.entry import Stored
    from llmspell.store import Store

VALUE_HELP = "the value as JSON; - reads standard input, @FILE reads a file"
TEXT_HELP = "take the value as text: a string, exactly as it is"


class _NoEntry:
    """What no value can be."""


_NO_ENTRY = _NoEntry()


def declare_entry_names(parser: Parser) -> None:
    """Add the two arguments that name an entry."""
    parser.add_argument("scope", metavar="SCOPE", help="the scope, such as global or agent:writer")
    parser.add_argument("key", metavar="KEY", help="the key in that scope")


def declare_save(parser: Parser) -> None:
    """Add the arguments of `state save`."""
    declare_entry_names(parser)
    parser.add_argument("value", metavar="JSON", help=f"{VALUE_HELP}; null removes the entry")
    parser.add_argument("--text", action="store_true", help=TEXT_HELP)
    parser.add_argument("--ttl", metavar="SECONDS", help="let the entry end so many seconds from now")
    parser.add_argument(
        "--if-version", metavar="N", help="only if the entry has this version; 0: only if there is none"
    )
    parser.set_defaults(execute=_save)


def declare_load(parser: Parser) -> None:
    """Add the arguments of `state load`."""
    declare_entry_names(parser)
    parser.add_argument("--default", metavar="JSON", help="print this when there is no entry, instead of failing")
    parser.add_argument("--raw", action="store_true", help="print a string without its quotes, as text")
    parser.add_argument(
        "--at",
        metavar="MOMENT",
        help="as it was at a point of the store's history: a version (a whole number below 1,000,000,000), epoch "
        "seconds, or ISO 8601 such as 2026-11-22T16:00",
    )
    parser.set_defaults(execute=_load)


def declare_delete(parser: Parser) -> None:
    """Add the arguments of `state delete`."""
    declare_entry_names(parser)
    parser.add_argument("--if-version", metavar="N", help="only if the entry has this version")
    parser.set_defaults(execute=_delete)


def declare_exists(parser: Parser) -> None:
    """Add the arguments of `state exists`."""
    declare_entry_names(parser)
    parser.set_defaults(execute=_exists)


def declare_entry(parser: Parser) -> None:
    """Add the arguments of `state entry`."""
    declare_entry_names(parser)
    parser.set_defaults(execute=_entry)


def absent(arguments: Namespace, at: str | None = None) -> NotFound:
    """Give the error for an entry that is not there, or was not at an earlier point."""
    verb, when = ("is", "") if at is None else ("was", f" at {at}")
    return NotFound(f'there {verb} no entry in scope "{arguments.scope}" under key "{arguments.key}"{when}')


def _save(arguments: Namespace, output: Output) -> int:
    value = values.json_value(arguments.value, text=arguments.text)
    ttl = None if arguments.ttl is None else values.number(arguments.ttl, "--ttl")
    if_version = values.whole(arguments.if_version, "--if-version")
    with open_state(arguments, output) as store:
        output.value(store.save(arguments.scope, arguments.key, value, ttl=ttl, if_version=if_version))
    return DONE.number


def _load(arguments: Namespace, output: Output) -> int:
    if arguments.raw and output.as_json:
        raise InvalidArgument("--raw prints text and --json prints JSON; choose one of them")
    default = None if arguments.default is None else json_text(values.parsed(arguments.default, "of --default"))
    with open_state(arguments, output) as store:
        found = _text_of(store, arguments)
    text = found or default
    if text is None:
        raise absent(arguments, arguments.at)
    if arguments.raw:
        _print_raw(text, output)
    else:
        output.value_text(text)
    return DONE.number


def _text_of(store: Store, arguments: Namespace) -> bytes | None:
    """Give the value as JSON text, the present one or the one of an earlier point; None where there is no entry."""
    if arguments.at is None:
        stored = store.stored(arguments.scope, arguments.key)
        return stored.value if stored else None
    from llmspell.cli.commands.backup_points import point_of

    value = store.load(arguments.scope, arguments.key, _NO_ENTRY, at=point_of(arguments.at))
    return None if isinstance(value, _NoEntry) else json_text(value)


def _print_raw(text: bytes, output: Output) -> None:
    value = codec.decode(text)
    if not isinstance(value, str):
        output.value_text(text)
        return
    output.write(value.encode() if value.endswith("\n") else value.encode() + b"\n")


def _delete(arguments: Namespace, output: Output) -> int:
    if_version = values.whole(arguments.if_version, "--if-version")
    with open_state(arguments, output) as store:
        if not store.delete(arguments.scope, arguments.key, if_version=if_version):
            raise absent(arguments)
    if output.as_json:
        output.value(True)
    return DONE.number


def _exists(arguments: Namespace, output: Output) -> int:
    with open_state(arguments, output) as store:
        found = store.exists(arguments.scope, arguments.key)
    output.value(found)
    return DONE.number if found else NOT_FOUND.number


def _entry(arguments: Namespace, output: Output) -> int:
    with open_state(arguments, output) as store:
        stored = store.stored(arguments.scope, arguments.key)
    if stored is None:
        raise absent(arguments)
    if output.as_json:
        value = codec.decode(stored.value)
        times = {"created_at": stored.created_at, "updated_at": stored.updated_at, "expires_at": stored.expires_at}
        output.value({"value": value, "version": stored.version, **times})
    else:
        output.rows(_rows(stored))
    return DONE.number


def _rows(stored: Stored) -> list[Row]:
    value = stored.value.decode()
    return [
        Row("value", value, value),
        Row("version", str(stored.version), str(stored.version)),
        _time("created_at", stored.created_at),
        _time("updated_at", stored.updated_at),
        _time("expires_at", stored.expires_at),
    ]


def _time(name: str, epoch_seconds: float | None) -> Row:
    if epoch_seconds is None:
        return Row(name, "null", "never")
    return Row(name, repr(epoch_seconds), moment(epoch_seconds, "milliseconds"))

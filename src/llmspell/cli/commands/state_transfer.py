"""How do entries leave the store and come back? export and import."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from llmspell.cli import values
from llmspell.cli.exit_codes import DONE
from llmspell.cli.files import write_file
from llmspell.cli.progress import Progress
from llmspell.cli.store import open_state, open_store, state_settings
from llmspell.errors import InvalidArgument
from llmspell.transfer import Imported, export_entries, import_entries, parse_lines

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from llmspell.cli.output import Output
    from llmspell.cli.parser import Parser

_PRIVATE = 0o600
"""An export holds what the store holds, and the store's own files are for their owner only."""


def declare_export(parser: Parser) -> None:
    """Add the arguments of `state export`."""
    parser.add_argument(
        "--scope",
        metavar="GLOB",
        action="extend",
        nargs="+",
        default=[],
        help="only scopes like this, such as 'agent:*'; may be given several times",
    )
    parser.add_argument("--output", metavar="FILE", help="write to the file instead of standard output")
    parser.set_defaults(execute=_export)


def declare_import(parser: Parser) -> None:
    """Add the arguments of `state import`."""
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="the JSON lines; - reads standard input")
    parser.add_argument("--dry-run", action="store_true", help="read and check every line, and write nothing")
    parser.set_defaults(execute=_import)


def _export(arguments: Namespace, output: Output) -> int:
    to_output = arguments.output in (None, "-")
    hidden = to_output and output.terminal
    with open_state(arguments, output) as store, Progress("exporting", output, hidden=hidden) as shown:
        lines = shown.count(export_entries(store, arguments.scope))
        if to_output:
            for piece in _as_array(lines) if output.as_json else lines:
                output.write(piece)
            return DONE.number
        write_file(arguments.output, lines, _PRIVATE)
    if output.as_json:
        output.value({"entries": shown.number, "file": arguments.output})
    else:
        output.say(f'exported {_entries(shown.number)} to "{arguments.output}"')
    return DONE.number


def _as_array(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Give the lines as the items of one JSON array."""
    opening = b"[\n"
    for line in lines:
        yield opening + line.rstrip(b"\n")
        opening = b",\n"
    yield b"[]\n" if opening == b"[\n" else b"\n]\n"


def _import(arguments: Namespace, output: Output) -> int:
    settings = state_settings(arguments)
    most = settings.max_value_bytes
    if arguments.file == "-" and sys.stdin.isatty():
        output.say("reading JSON lines from the terminal; end them with Ctrl-D")
    with Progress("importing", output) as shown:
        lines = shown.count(_lines(arguments.file))
        if arguments.dry_run:
            parsed = parse_lines(lines, time.time(), most)
            done = Imported(len(parsed.puts), parsed.expired)
        else:
            with open_store(settings, output) as store:
                done = import_entries(store, lines, max_value_bytes=most)
    if output.as_json:
        output.value({"entries": done.entries, "expired": done.expired, "dry_run": arguments.dry_run})
    else:
        output.say(_told(done, dry_run=arguments.dry_run))
    return DONE.number


def _lines(path: str) -> Iterator[bytes]:
    try:
        with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
            yield from file
    except (OSError, ValueError) as error:
        raise InvalidArgument(values.unreadable(path, error)) from error


def _told(done: Imported, *, dry_run: bool) -> str:
    verb = "would import" if dry_run else "imported"
    left_out = f"; left out {done.expired} that had expired" if done.expired else ""
    return f"{verb} {_entries(done.entries)}{left_out}"


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"

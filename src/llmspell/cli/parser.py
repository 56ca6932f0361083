"""How is a command line read? Parsers for the commands that it names, and for no others unless all are asked for."""

from __future__ import annotations

import argparse
import os
import re
from importlib import import_module

from llmspell.errors import InvalidArgument
from llmspell.quick_typing import TYPE_CHECKING, cast
from llmspell.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, NoReturn

    from llmspell.cli.commands import Command

# argparse looks for a translation of every word it says, which takes longer than parsing. There is none for ours.
setattr(argparse, "_", lambda text: text)  # noqa: B010 - a plain assignment is no name that type checkers know

_HELP_COLUMNS = 30
_NEGATIVE_NUMBER = re.compile(r"-(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
"""What may begin with - and be no option; argparse's own idea of it leaves exponents out."""
_GLOBAL = ("help", "config", "json", "debug", "no_color", "version")


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises `InvalidArgument` instead of ending the process when a line is wrong."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, add_help=False, **options)
        self._negative_number_matcher = _NEGATIVE_NUMBER

    def error(self, message: str) -> NoReturn:
        """Raise the error as one sentence that says where to look."""
        raise InvalidArgument(f"{message}; see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        # The one message of argparse that lists what is allowed, and leaves finding the nearest to the reader.
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            raise InvalidArgument(unknown(action.dest, str(value), choices, self.prog))

    def refuse_unknown_options(self, words: Iterable[str]) -> None:
        """Raise for the first option that this parser does not know, with the nearest that it does."""
        for word in words:
            if word == "--":
                return
            if self._is_unknown_option(word):
                known = [name for name in self._option_string_actions if name.startswith("--")]
                option = word.partition("=")[0]
                raise InvalidArgument(unknown("option", option, known, self.prog, "write -- before it if it is none"))

    def _is_unknown_option(self, word: str) -> bool:
        if not word.startswith("-") or word == "-" or " " in word or _NEGATIVE_NUMBER.match(word):
            return False  # argparse takes these for arguments
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        return name not in self._option_string_actions


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal; argparse itself would import half an archiver to find that out."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_HELP_COLUMNS, width=min(_terminal_columns(), 120) - 2)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        """Leave out the options that every command has."""
        super().add_usage(usage, [action for action in actions if action.dest not in _GLOBAL], groups, prefix)


def unknown(what: str, word: str, known: Iterable[str], prog: str, otherwise: str = "") -> str:
    """Give the message about a word that nobody knows: the nearest that is known, or what to do when none is near.

    >>> unknown("command", "stat", ["state", "config"], "llmspell")
    'unknown command "stat"; did you mean "state"? See `llmspell --help`'
    """
    import difflib

    nearest = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.5)
    if nearest:
        return f'unknown {what} "{word}"; did you mean "{nearest[0]}"? See `{prog} --help`'
    advice = f"; {otherwise}" if otherwise else ""
    return f'unknown {what} "{word}"{advice}; see `{prog} --help`'


def build(commands: dict[str, Command], path: Sequence[str] | None) -> tuple[Parser, Parser]:
    """Give the parser of the whole line, and the one for what stands behind the command words in `path`.

    Only the commands of `path` get their arguments; with None all of them do (every module is imported).
    """
    root = Parser(
        prog="llmspell",
        description="State that outlives the scripts and agents that use it.",
        epilog=_examples(("llmspell run hello.lua", "llmspell state save global greeting '\"hello\"'")),
    )
    innermost = _add_commands(root, commands, path)
    _add_global_options(root)
    root.set_defaults(config=None, execute=None)
    return root, innermost


def _add_commands(parser: Parser, commands: dict[str, Command], path: Sequence[str] | None) -> Parser:
    """Add `commands` below `parser`; give the parser of the last word in `path`."""
    verb = "VERB" if " " in parser.prog else "COMMAND"
    below = parser.add_subparsers(prog=parser.prog, metavar=verb, title="commands")
    innermost = parser
    for name, command in commands.items():
        if path and name != path[0]:
            continue
        child = below.add_parser(
            name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=_examples(command.examples),
        )
        if path or path is None:
            declared = _declare(child, command, path)
            innermost = declared if path else innermost
    return innermost


def _declare(parser: Parser, command: Command, path: Sequence[str] | None) -> Parser:
    innermost = parser
    if command.verbs is not None:
        innermost = _add_commands(parser, command.verbs, path if path is None else path[1:])
    else:
        module, _, function = command.target.partition(":")
        declare = cast("Callable[[Parser], None]", getattr(import_module(module), function))
        declare(parser)
    _add_global_options(parser)
    return innermost


def _add_global_options(parser: Parser) -> None:
    """Add the options that every command takes; not given, they change nothing, wherever they might stand."""
    options = parser.add_argument_group("options of every command")
    options.add_argument("-h", "--help", action="help", help="print this help")
    options.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the configuration; llmspell.toml, if there is one, unless given",
    )
    for flag, meaning in (
        ("--json", "print results and errors as JSON"),
        ("--debug", "show where in the program an error came from"),
        ("--no-color", "print no colours, as with NO_COLOR in the environment"),
    ):
        options.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=meaning)
    options.add_argument("--version", action="version", version=f"llmspell {__version__}", help="print the version")


def _examples(examples: Sequence[str]) -> str:
    lines = "".join(f"\n  {example}" for example in examples)
    return f"{'examples' if len(examples) > 1 else 'example'}:{lines}"


def _terminal_columns() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return 80

"""What can be asked of the conversation itself? Lines that begin with a dot and a letter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.store import Store

MOST_NAMES = 1000
"""So many names are printed at once; a prefix shows the others."""

LANGUAGE_WORDS = {
    "lua": "An expression prints its value. A local variable ends with its input; a variable without `local` stays.",
    "javascript": "An expression prints its value. What an input declares stays.",
    "python": "An expression prints its value, and _ is the last one. Python has all your rights, and no limits.",
}

_HELP = """\
.help                    print this
.scopes [PREFIX]         print the scopes of the store
.keys SCOPE [PREFIX]     print the keys of a scope
.load FILE               run a file as if it had been typed
.quit, .exit             end, as Ctrl-D does
"""

_KEYS = """\
An input may have several lines; an empty line ends one that is not complete.
Tab completes functions, scopes and keys. Ctrl-C stops what runs, or clears the line."""


class Dots(NamedTuple):
    """What the commands need: the store (None without state), its functions, the language.

    `run` runs a text, `tell` prints one.
    """

    store: Store | None
    functions: tuple[str, ...]
    language: str
    run: Callable[[str], None]
    tell: Callable[[str], None]


def is_command(line: str) -> bool:
    """Tell whether a line is a dot command: `.5` is a number.

    >>> is_command(".help"), is_command(".5 + 1"), is_command("a.b")
    (True, False, False)
    """
    return re.match(r"\s*\.[A-Za-z]", line) is not None


def split(line: str) -> list[str] | None:
    """Give the words of a line, where quotes may hold blanks; None while a quote is open.

    >>> split(".keys 'my scope'")
    ['.keys', 'my scope']
    """
    import shlex

    try:
        return shlex.split(line)
    except ValueError:
        return None


def execute(line: str, dots: Dots) -> None:
    """Do what the line asks for. Raises `InvalidArgument` for a wrong one, `SystemExit` to end."""
    words = split(line)
    if words is None:
        raise InvalidArgument(f"{line.strip()} has a quote that is not closed; close it")
    name, arguments = words[0], words[1:]
    command = COMMANDS.get(name)
    if command is None:
        raise InvalidArgument(_unknown(name))
    fewest, most, usage, act = command
    if not fewest <= len(arguments) <= most:
        raise InvalidArgument(
            f"{name} was given {len(arguments)} words behind it; write {usage}, and a name with blanks in quotes"
        )
    act(dots, *arguments)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    nearest = next(iter(get_close_matches(name, COMMANDS, 1)), None)
    return f"there is no command {name}; " + (
        f"did you mean {nearest}?" if nearest else f"known: {', '.join(COMMANDS)}"
    )


def _help(dots: Dots) -> None:
    dots.tell(_HELP)
    dots.tell(LANGUAGE_WORDS[dots.language])
    if dots.functions:
        dots.tell("State has: " + ", ".join(sorted(dots.functions)))
    dots.tell(_KEYS)


def _scopes(dots: Dots, prefix: str = "") -> None:
    _tell_names(dots, _store(dots).scopes(prefix))


def _keys(dots: Dots, scope: str, prefix: str = "") -> None:
    _tell_names(dots, _store(dots).list_keys(scope, prefix=prefix, limit=MOST_NAMES + 1))


def _load(dots: Dots, path: str) -> None:
    try:
        with open(path, encoding="utf-8") as file:
            source = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InvalidArgument(f'"{path}" cannot be read: {reason}; name another file') from error
    dots.run(source)


def _quit(_: Dots) -> None:
    raise SystemExit(0)


def _store(dots: Dots) -> Store:
    if dots.store is None:
        raise InvalidArgument("there is no State, because [state] enabled = false in the configuration")
    return dots.store


def _tell_names(dots: Dots, names: list[str]) -> None:
    for name in names[:MOST_NAMES]:
        dots.tell(name)
    if len(names) > MOST_NAMES:
        dots.tell(f"... and more than these {MOST_NAMES:,}; write a prefix behind to see others")


class _Command(NamedTuple):
    fewest: int
    most: int
    usage: str
    act: Callable[..., None]


COMMANDS = {
    ".help": _Command(0, 0, ".help", _help),
    ".scopes": _Command(0, 1, ".scopes [PREFIX]", _scopes),
    ".keys": _Command(1, 2, ".keys SCOPE [PREFIX]", _keys),
    ".load": _Command(1, 1, ".load FILE", _load),
    ".quit": _Command(0, 0, ".quit", _quit),
    ".exit": _Command(0, 0, ".exit", _quit),
}

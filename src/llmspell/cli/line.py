"""Which words of a command line are ours, which name the command, and which belong to a script?"""

from __future__ import annotations

from llmspell.quick_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell.cli.commands import Command

_CONFIG = ("-c", "--config")
_LANGUAGE = "--language"

_WITH_VALUE = (*_CONFIG, _LANGUAGE)
"""The options that stand before or between command words with another word behind them."""

_FLAGS = ("--json", "--debug", "--no-color")


class ScriptCall(NamedTuple):
    """What a line says that runs a script: the command, the configuration's file, the script, its language."""

    command: str
    config: str | None
    script: str
    language: str | None = None


class Line(NamedTuple):
    """A command line, taken apart before anything is imported for it.

    `words` is for the parser, `path` are the command words in it, as far as they are known ones,
    `stray` the word that should have been the next of them. `script_arguments` go to the script untouched.
    """

    words: tuple[str, ...]
    path: tuple[str, ...] = ()
    stray: str | None = None
    script_arguments: tuple[str, ...] = ()

    def asks(self, flag: str) -> bool:
        """Tell whether `flag` is among our own words."""
        end = self.words.index("--") if "--" in self.words else len(self.words)
        return flag in self.words[:end]


def take_apart(arguments: Sequence[str], commands: dict[str, Command]) -> Line:
    """Find the command words; whatever stands behind a script's name belongs to the script.

    >>> from llmspell.cli.commands import COMMANDS
    >>> take_apart(["--json", "state", "load", "app", "x"], COMMANDS).path
    ('state', 'load')
    >>> take_apart(["run", "-c", "a.toml", "a.lua", "--json"], COMMANDS).script_arguments
    ('--json',)
    """
    words = tuple(arguments)
    path: tuple[str, ...] = ()
    choices: dict[str, Command] | None = commands
    for index in _plain(words):
        if choices is None:
            return Line(words[: index + 1], path, None, words[index + 1 :])
        word = words[index]
        if word not in choices:
            return Line(words, path, word)
        path = (*path, word)
        command = choices[word]
        choices = command.verbs
        if choices is None and not command.takes_script:
            break
    return Line(words, path)


def script_call(line: Line) -> ScriptCall | None:
    """Read a line that runs a script and says nothing that needs a parser; None for any other line.

    Importing argparse and making the parser would take longer than most scripts.

    >>> from llmspell.cli.commands import COMMANDS
    >>> script_call(take_apart(["-c", "a.toml", "run", "a.lua", "--month", "7"], COMMANDS))
    ScriptCall(command='run', config='a.toml', script='a.lua', language=None)
    """
    config = language = None
    names = []
    words = iter(line.words)
    for word in words:
        if word in _CONFIG:
            config = next(words, "")
        elif word == _LANGUAGE:
            language = next(words, "")
        elif word.startswith(f"{_LANGUAGE}="):
            language = word.removeprefix(f"{_LANGUAGE}=")
        elif word == "-" or not word.startswith("-"):
            names.append(word)
        elif word not in _FLAGS:
            return None
    if len(names) != 2 or line.path != (names[0],) or line.words[-1] != names[1]:
        return None
    return None if config == "" else ScriptCall(names[0], config, names[1], language)


def _plain(words: tuple[str, ...]) -> list[int]:
    """Give the places of the words that are no options and no values of our own options."""
    places = []
    options_end = False
    value_next = False
    for index, word in enumerate(words):
        if value_next:
            value_next = False
        elif word == "--" and not options_end:
            options_end = True
        elif options_end or word == "-" or not word.startswith("-"):
            places.append(index)
        else:
            value_next = word in _WITH_VALUE
    return places

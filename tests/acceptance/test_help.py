"""Every command explains itself, with an example that works."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from llmspell.cli.commands import COMMANDS, Command
from llmspell.cli.line import take_apart
from llmspell.cli.parser import build
from llmspell.version import __version__

if TYPE_CHECKING:
    from tests.acceptance.conftest import Llmspell


def paths(commands: dict[str, Command], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in commands.items():
        found += [(*before, name), *paths(command.verbs or {}, (*before, name))]
    return found


PATHS = [(), *paths(COMMANDS)]


def examples(text: str) -> list[str]:
    _, _, listed = text.partition("example")
    return [line.strip() for line in listed.splitlines()[1:]]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_help_has_examples_that_are_complete_command_lines(llmspell: Llmspell, path: tuple[str, ...]) -> None:
    text = llmspell.ok(*path, "--help")
    assert text == llmspell.ok(*path, "-h")
    usage = text.partition("\n")[0]
    assert f"{usage} ".startswith(f"usage: {' '.join(('llmspell', *path))} ")
    assert examples(text)
    for example in examples(text):
        words = shlex.split(example)
        assert words[0] == "llmspell"
        for shell in ("<", ">", ">>", "|"):
            words = words[: words.index(shell)] if shell in words else words
        line = take_apart(words[1:], COMMANDS)
        assert line.path[: len(path)] == path, example
        root, innermost = build(COMMANDS, line.path)
        innermost.refuse_unknown_options(line.words)
        parsed, extras = root.parse_known_args(list(line.words))
        assert parsed.execute is not None
        assert not extras


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_help_names_every_option_in_ascii_and_80_columns(llmspell: Llmspell, path: tuple[str, ...]) -> None:
    text = llmspell.ok(*path, "--help")
    assert text.isascii()
    described, _, _ = text.partition("example")
    assert max(map(len, described.splitlines())) <= 80
    for option in ("--help", "--config", "--json", "--debug", "--no-color", "--version"):
        assert option in described
    assert "None" not in described
    assert "SUPPRESS" not in described


def test_the_version_is_told_everywhere(llmspell: Llmspell) -> None:
    for words in (
        ("--version",),
        ("state", "--version"),
        ("state", "load", "--version"),
        ("--version", "state", "load"),
    ):
        assert llmspell.ok(*words) == f"llmspell {__version__}"

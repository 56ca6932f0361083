"""What the lines that begin with a dot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import llmspell
from llmspell.cli.repl import dots
from llmspell.cli.repl.dots import Dots, execute, is_command
from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from pathlib import Path


class Asked:
    """Executes lines; notes what they tell and what they run."""

    def __init__(self, store: llmspell.Store | None) -> None:
        self.told: list[str] = []
        self.ran: list[str] = []
        self._dots = Dots(store, ("save", "load"), "lua", self.ran.append, self.told.append)

    def __call__(self, line: str) -> list[str]:
        self.told.clear()
        execute(line, self._dots)
        return self.told


@pytest.fixture
def asked(store: llmspell.Store) -> Asked:
    store.save("app", "config", 1)
    store.save("app", "count", 1)
    store.save("my scope", "key", 1)
    return Asked(store)


def test_a_dot_command_is_a_dot_and_a_letter() -> None:
    assert [line for line in (".help", " .Quit", ".5 + 1", ".", "..x", "x.y", "", ".é") if is_command(line)] == [
        ".help",
        " .Quit",
    ]


def test_names_are_told_a_line_each(asked: Asked) -> None:
    assert asked(".scopes") == ["app", "my scope"]
    assert asked(".scopes my") == ["my scope"]
    assert asked(".keys app") == ["config", "count"]
    assert asked(".keys app cou") == ["count"]
    assert asked(".keys 'my scope'") == ["key"]
    assert asked(".keys nothing") == []


def test_more_names_than_anybody_reads_are_cut(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dots, "MOST_NAMES", 1)
    assert asked(".keys app") == ["config", "... and more than these 1; write a prefix behind to see others"]


def test_help_tells_the_commands_the_language_and_the_functions(asked: Asked) -> None:
    told = "\n".join(asked(".help"))
    assert all(command in told for command in dots.COMMANDS)
    assert "local" in told
    assert "State has: load, save" in told


def test_a_file_is_run_as_one_text(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "a file.lua").write_text("x = 1\ny = 'é'\n", encoding="utf-8")
    asked(f".load '{tmp_path}/a file.lua'")
    assert asked.ran == ["x = 1\ny = 'é'\n"]


@pytest.mark.parametrize("line", [".quit", ".exit"])
def test_quit_ends(asked: Asked, line: str) -> None:
    with pytest.raises(SystemExit) as end:
        asked(line)
    assert end.value.code == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (".kyes", "there is no command .kyes; did you mean .keys?"),
        (".zzz", "there is no command .zzz; known: .help, .scopes, .keys, .load, .quit, .exit"),
        (".keys", ".keys was given 0 words behind it; write .keys SCOPE [PREFIX]"),
        (".keys a b c", ".keys was given 3 words"),
        (".keys 'a", ".keys 'a has a quote that is not closed"),
        (".keys ''", "the scope is empty"),
        (".load /no/such/file", '"/no/such/file" cannot be read: No such file or directory'),
    ],
)
def test_a_wrong_line_says_what_is_wrong(asked: Asked, line: str, words: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        asked(line)
    assert words in str(error.value)


def test_a_file_that_is_no_text_is_refused(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff")
    with pytest.raises(InvalidArgument, match="no text in UTF-8"):
        asked(f".load {tmp_path}/x")


def test_without_state_there_is_nothing_to_list() -> None:
    with pytest.raises(InvalidArgument, match=r"\[state\] enabled = false"):
        Asked(None)(".scopes")

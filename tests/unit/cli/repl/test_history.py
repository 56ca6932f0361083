"""Where inputs are kept from one conversation to the next."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from llmspell.cli.repl.history import History, history_path

if TYPE_CHECKING:
    from pathlib import Path


def loaded(path: str) -> list[str]:
    """Give what a new conversation would recall, the newest first."""
    return list(History(path, _no_words).load_history_strings())


def _no_words(words: str) -> None:
    raise AssertionError(words)


def test_inputs_come_back_whole_and_the_newest_first(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "history")
    history = History(path, _no_words)
    for text in ("x = 1", "function f()\n\n  return 'é'\nend", "x", "x"):
        history.remember(text)
    assert loaded(path) == ["x", "function f()\n\n  return 'é'\nend", "x = 1"]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history"
    History(str(path), _no_words).remember("x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_lines_that_the_prompt_hands_over_are_not_kept(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history"), _no_words)
    history.append_string("function f()")
    assert history.get_strings() == []


def test_a_file_that_cannot_be_written_is_told_once_and_inputs_stay(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words: list[str] = []
    history = History(str(tmp_path / "file" / "new" / "history"), words.append)
    history.remember("x")
    history.remember("y")
    assert history.get_strings() == ["x", "y"]
    assert words == [
        f'the history in "{tmp_path}/file/new/history" cannot be written: Not a directory; '
        "inputs are kept until the end only"
    ]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    words: list[str] = []
    assert list(History(str(tmp_path / "history"), words.append).load_history_strings()) == []
    assert "cannot be read" in words[0]


def test_each_language_has_a_file_in_the_folder_for_such_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert history_path("lua") == str(tmp_path / "llmspell" / "repl_history_lua")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert history_path("python") == str(tmp_path / ".local/state/llmspell/repl_history_python")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert os.path.dirname(history_path("lua")) == str(tmp_path / ".local/state/llmspell")

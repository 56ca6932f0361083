from __future__ import annotations

import io
import itertools
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from llmspell.cli.output import Output
from llmspell.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal on standard error, and use a clock on which every look takes 0.3 seconds.

    No fixture: between those and the test, pytest puts its own standard error back.
    """
    shown = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", shown)
    ticks = itertools.count()
    monkeypatch.setattr("llmspell.cli.progress.time", SimpleNamespace(monotonic=lambda: next(ticks) * 0.3))
    return shown


def test_items_pass_and_are_counted() -> None:
    with Progress("counting", Output()) as shown:
        assert list(shown.count("abc")) == ["a", "b", "c"]
    assert shown.number == 3


def test_nothing_is_shown_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("counting", Output()) as shown:
        list(shown.count(range(100)))
    assert capsys.readouterr() == ("", "")


def test_what_takes_a_moment_is_shown_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with Progress("counting", Output(coloured=False)) as shown:
        list(shown.count(range(10)))
    assert "counting" in terminal.getvalue()
    assert "\033[3" not in terminal.getvalue()


def test_what_takes_no_time_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with Progress("counting", Output()) as shown:
        list(shown.count(range(1)))
    assert terminal.getvalue() == ""


def test_it_can_be_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with Progress("counting", Output(), hidden=True) as shown:
        list(shown.count(range(10)))
    assert terminal.getvalue() == ""


def test_what_is_shown_ends_with_the_block_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)

    def interrupted() -> Iterator[int]:
        yield from range(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Progress("counting", Output()) as shown:
        list(shown.count(interrupted()))
    assert terminal.getvalue().count("\033[?25l") == terminal.getvalue().count("\033[?25h") == 1


def test_the_things_that_are_counted_have_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with Progress("validating", Output(coloured=False), unit="backups") as shown:
        for number in range(5):
            shown.reach(number, 5)
    assert "of 5 backups" in terminal.getvalue()


def test_it_gives_way_to_lines_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with Progress("counting", Output(coloured=False)) as shown:
        for number in range(5):
            shown.reach(number, 9)
        shown.give_way()
        drawn = terminal.getvalue()
        assert drawn.count("\033[?25l") == drawn.count("\033[?25h") == 1
        shown.give_way()
        assert terminal.getvalue() == drawn
        for number in range(5, 9):
            shown.reach(number, 9)
    assert terminal.getvalue().count("\033[?25l") == terminal.getvalue().count("\033[?25h") == 2

"""How answers are printed: where, in which order, and what a terminal is spared."""

from __future__ import annotations

import sys

import pytest

from llmspell.cli.output import Output
from llmspell.cli.repl.screen import OutputScreen, TerminalStreams


class Printing:
    """A screen, its streams, and what they print; `at_terminal` makes both streams a terminal's."""

    def __init__(self, capture: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._monkeypatch = monkeypatch
        self.streams = TerminalStreams()

    def screen(self, *, at_terminal: bool = False, coloured: bool = True) -> OutputScreen:
        for name in ("NO_COLOR", "TERM"):
            self._monkeypatch.delenv(name, raising=False)
        for stream in (sys.stdout, sys.stderr):
            self._monkeypatch.setattr(stream, "isatty", lambda: at_terminal)
        return OutputScreen(Output(coloured=coloured), self.streams)

    def printed(self) -> tuple[str, str]:
        sys.stdout.flush()
        out, err = self._capture.readouterr()
        return out.decode(), err.decode()


@pytest.fixture
def printing(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Printing:
    return Printing(capsysbinary, monkeypatch)


def test_values_and_failures_go_to_their_streams(printing: Printing) -> None:
    screen = printing.screen()
    screen.value("{\n  1\n}")
    screen.failure("repl:1: no")
    assert printing.printed() == ("{\n  1\n}\n", "repl:1: no\n")


def test_failures_are_red_at_a_terminal_unless_colours_are_off(printing: Printing) -> None:
    printing.screen(at_terminal=True).failure("no")
    assert printing.printed() == ("", "\x1b[31mno\x1b[0m\n")
    printing.screen(at_terminal=True, coloured=False).failure("no")
    assert printing.printed() == ("", "no\n")


def test_what_would_steer_a_terminal_stands_as_its_escape(printing: Printing) -> None:
    screen = printing.screen(at_terminal=True, coloured=False)
    screen.value("a\tb\nc\x1b[2J\u202e")
    screen.failure("d\x9b1m")
    assert printing.printed() == ("a\tb\nc\\x1b[2J\\u202e\n", "d\\x9b1m\n")
    printing.screen().value("c\x1b[2J")
    assert printing.printed() == ("c\x1b[2J\n", "")


def test_an_answer_begins_a_line_of_its_own(printing: Printing) -> None:
    screen = printing.screen()
    printing.streams.write(b"printed")
    screen.value("1")
    printing.streams.write(b"printed\n")
    screen.value("2")
    printing.streams.write(b"printed")
    printing.streams.end_line()
    printing.streams.end_line()
    assert printing.printed() == ("printed\n1\nprinted\n2\nprinted\n", "")


def test_an_interruption_stands_below_what_the_terminal_has_shown_of_it(printing: Printing) -> None:
    printing.screen().interruption("interrupted")
    assert printing.printed() == ("\n", "interrupted\n")


def test_bytes_that_are_no_text_are_printed_as_they_were(
    printing: Printing, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    printing.screen().value("\udcff")
    assert capsysbinary.readouterr().out == b"\xff\n"

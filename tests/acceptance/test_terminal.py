"""What a person sees at a terminal: colours, columns, questions, progress; and nothing of it elsewhere."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Llmspell

ESCAPE = "\033"


class Terminal:
    """A terminal of 80 columns; a command runs in it, with some of its standard streams."""

    def __init__(self, llmspell: Llmspell) -> None:
        self._llmspell = llmspell
        self._ours, self._theirs = pty.openpty()
        self.shown = ""

    def start(self, *words: str, streams: str = "012", **environment: str) -> subprocess.Popen[bytes]:
        on = {number: self._theirs if number in streams else subprocess.PIPE for number in "012"}
        settings = {"COLUMNS": "80"} | environment
        return self._llmspell.start(*words, stdin=on["0"], stdout=on["1"], stderr=on["2"], **settings)

    def run(self, *words: str, streams: str = "012", **environment: str) -> int:
        process = self.start(*words, streams=streams, **environment)
        return self.end(process)

    def end(self, process: subprocess.Popen[bytes]) -> int:
        with process:
            while process.poll() is None:
                self._read(0.05)
            self._read(0.05)
            return process.returncode

    def type(self, text: str, after: str) -> None:
        for _ in range(600):
            self._read(0.05)
            if after in self.shown:
                os.write(self._ours, text.encode())
                return
        raise AssertionError(f"{after!r} was never shown, but {self.shown!r}")

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)

    def _read(self, seconds: float) -> None:
        while select.select([self._ours], [], [], seconds)[0]:
            self.shown += os.read(self._ours, 65536).decode().replace("\r\n", "\n")


@pytest.fixture
def terminal(llmspell: Llmspell) -> Iterator[Terminal]:
    terminal = Terminal(llmspell)
    yield terminal
    terminal.close()


def test_json_is_indented_and_coloured(llmspell: Llmspell, terminal: Terminal) -> None:
    llmspell.ok("state", "save", "a", "b", '{"name": "x", "list": [1, 2.0]}')
    assert terminal.run("state", "load", "a", "b") == 0
    assert re.sub(r"\033\[\d*m", "", terminal.shown) == ('{\n  "name": "x",\n  "list": [\n    1,\n    2.0\n  ]\n}\n')
    assert '\033[36m"name"\033[0m: \033[32m"x"\033[0m' in terminal.shown


@pytest.mark.parametrize(
    ("words", "environment"), [((), {"NO_COLOR": "1"}), (("--no-color",), {}), ((), {"TERM": "dumb"})]
)
def test_colours_can_be_switched_off(
    llmspell: Llmspell, terminal: Terminal, words: tuple[str, ...], environment: dict[str, str]
) -> None:
    llmspell.ok("state", "save", "a", "b", '{"name": "x"}')
    terminal.run("state", "load", "a", "b", *words, **environment)
    terminal.run("state", "entry", "a", "b", *words, **environment)
    terminal.run("state", "load", "a", "none", *words, **environment)
    assert ESCAPE not in terminal.shown
    assert 'llmspell: there is no entry in scope "a" under key "none"\n' in terminal.shown


def test_an_empty_no_color_counts_for_nothing(llmspell: Llmspell, terminal: Terminal) -> None:
    terminal.run("state", "load", "a", "none", NO_COLOR="")
    assert terminal.shown.startswith("\033[1;31mllmspell:\033[0m there is no entry")


def test_an_entry_is_shown_in_columns_with_local_times(llmspell: Llmspell, terminal: Terminal) -> None:
    line = '{"scope":"a","key":"b","value":1,"created_at":0.5,"updated_at":86400,"expires_at":1e12}'
    llmspell("state", "import", stdin=line)
    terminal.run("state", "entry", "a", "b", "--no-color", TZ="UTC-02:00")
    assert terminal.shown.splitlines() == [
        "value       1",
        "version     1",
        "created_at  1970-01-01 02:00:00.500+02:00",
        "updated_at  1970-01-02 02:00:00.000+02:00",
        "expires_at  1000000000000.0",
    ]


def test_names_that_would_steer_the_terminal_stand_as_escapes(llmspell: Llmspell, terminal: Terminal) -> None:
    key = "a\033[2J\nb\x9b1m"
    llmspell.ok("state", "save", "evil", key, '"\x9b31m\u202e"')
    terminal.run("state", "list-keys", "evil", "--no-color")
    terminal.run("state", "load", "evil", key, "--no-color")
    assert terminal.shown == 'a\\x1b[2J\\nb\\x9b1m\n"\\u009b31m\\u202e"\n'
    assert llmspell("state", "list-keys", "evil").out == key + "\n"


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, ""), ("n\n", 130, "x"), ("\n", 130, "x")])
def test_clear_asks(llmspell: Llmspell, terminal: Terminal, answer: str, code: int, left: str) -> None:
    llmspell.ok("state", "save", "a", "x", "1")
    process = terminal.start("state", "clear", "a", "--no-color")
    terminal.type(answer, after='Remove 1 entry of scope "a"? [y/N] ')
    assert terminal.end(process) == code
    assert llmspell.ok("state", "list-keys", "a") == left


def test_ctrl_c_and_ctrl_d_at_the_question_remove_nothing(llmspell: Llmspell, terminal: Terminal) -> None:
    llmspell.ok("state", "save", "a", "x", "1")
    process = terminal.start("state", "clear", "a", "--no-color")
    terminal.type("\x04", after="[y/N] ")
    assert terminal.end(process) == 130
    assert terminal.shown.endswith("[y/N] \nllmspell: nothing was changed\n")
    assert llmspell.ok("state", "list-keys", "a") == "x"


def test_a_long_import_shows_how_far_it_is_and_leaves_nothing_behind(llmspell: Llmspell, terminal: Terminal) -> None:
    process = terminal.start("state", "import", streams="2")
    assert process.stdin is not None
    for number in range(4):
        time.sleep(0.25)
        process.stdin.write(b'{"scope":"a","key":"%d","value":1}\n' % number)
        process.stdin.flush()
    time.sleep(0.25)
    process.stdin.close()
    assert terminal.end(process) == 0
    assert "importing" in terminal.shown
    assert "entries" in terminal.shown
    assert "imported 4 entries\n" in terminal.shown


def test_a_short_import_shows_no_progress(llmspell: Llmspell, terminal: Terminal) -> None:
    process = terminal.start("state", "import", "--no-color", streams="2")
    process.communicate(b'{"scope":"a","key":"b","value":1}\n', timeout=60)
    assert terminal.end(process) == 0
    assert terminal.shown == "llmspell: imported 1 entry\n"


def test_an_import_from_the_keyboard_says_that_it_waits(llmspell: Llmspell, terminal: Terminal) -> None:
    process = terminal.start("state", "import", "--no-color")
    terminal.type('{"scope":"a","key":"b","value":1}\n\x04', after="end them with Ctrl-D")
    assert terminal.end(process) == 0
    assert llmspell.ok("state", "load", "a", "b") == "1"


def test_a_result_in_a_pipe_is_plain_although_the_errors_are_at_a_terminal(
    llmspell: Llmspell, terminal: Terminal
) -> None:
    llmspell.ok("state", "save", "a", "b", '{"name": "x"}')
    process = terminal.start("state", "load", "a", "b", streams="02")
    out, _ = process.communicate(timeout=60)
    assert out == b'{"name":"x"}\n'


def test_help_is_as_wide_as_the_terminal(llmspell: Llmspell, terminal: Terminal) -> None:
    terminal.run("state", "save", "--help", COLUMNS="60")
    assert max(map(len, terminal.shown.splitlines())) <= 75  # an example may be longer than the screen
    narrow = terminal.shown
    terminal.shown = ""
    terminal.run("state", "save", "--help", COLUMNS="200")
    assert len(terminal.shown.splitlines()) < len(narrow.splitlines())

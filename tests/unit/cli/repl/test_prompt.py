"""What keys do at the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from llmspell.cli.repl.completion import Answer
from llmspell.cli.repl.history import History
from llmspell.cli.repl.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prompt_toolkit.input.base import PipeInput

UP, TAB, CTRL_C, CTRL_D, ENTER = "\x1b[A", "\t", "\x03", "\x04", "\r"
PASTE, PASTED = "\x1b[200~", "\x1b[201~"


class Keyboard:
    """A prompt, and keys that a person presses at it."""

    def __init__(self, folder: Path, keys: PipeInput) -> None:
        self.press = keys.send_text
        self._folder = folder

    def prompt(self, *, coloured: bool = True, language: str = "lua") -> Prompt:
        return Prompt(language, History(str(self._folder / "history"), print), _answers, coloured=coloured)


def _answers(before: str) -> list[Answer]:
    return [Answer("load", 2, "load")] if before.endswith("lo") else []


@pytest.fixture
def keyboard(tmp_path: Path) -> Iterator[Keyboard]:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield Keyboard(tmp_path, keys)


@pytest.mark.parametrize("language", ["lua", "javascript", "python"])
@pytest.mark.parametrize("coloured", [True, False])
def test_enter_ends_a_line(keyboard: Keyboard, language: str, coloured: bool) -> None:
    keyboard.press("x = 1" + ENTER)
    assert keyboard.prompt(coloured=coloured, language=language).line(False) == "x = 1"


def test_tab_indents_where_nothing_is_begun(keyboard: Keyboard) -> None:
    keyboard.press(TAB + "x" + ENTER)
    assert keyboard.prompt().line(True) == "    x"


def test_a_pasted_text_of_several_lines_is_one_input(keyboard: Keyboard) -> None:
    keyboard.press(f"{PASTE}function f()\r\n  return 1\r\nend{PASTED}{ENTER}")
    assert keyboard.prompt().line(False) == "function f()\n  return 1\nend"


def test_up_brings_a_whole_input_back_and_no_single_line_of_it(keyboard: Keyboard) -> None:
    prompt = keyboard.prompt()
    keyboard.press(f"function f(){ENTER}end{ENTER}")
    assert [prompt.line(False), prompt.line(True)] == ["function f()", "end"]
    prompt.remember("function f()\nend")
    keyboard.press(UP + ENTER)
    assert prompt.line(False) == "function f()\nend"


def test_up_brings_inputs_of_earlier_conversations_back(keyboard: Keyboard) -> None:
    keyboard.prompt().remember("x = 1")
    keyboard.press(UP + ENTER)
    assert keyboard.prompt().line(False) == "x = 1"


@pytest.mark.parametrize(("key", "raised"), [(CTRL_C, KeyboardInterrupt), (CTRL_D, EOFError)])
def test_ctrl_c_and_ctrl_d_are_told(keyboard: Keyboard, key: str, raised: type[BaseException]) -> None:
    keyboard.press(key)
    with pytest.raises(raised):
        keyboard.prompt().line(False)

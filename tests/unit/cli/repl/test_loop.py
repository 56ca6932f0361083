"""How inputs are put together from lines, and what happens to each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import llmspell
from llmspell.cli.repl.loop import Loop
from llmspell.config import ScriptSettings
from llmspell.scripting.registry import open_session
from llmspell.scripting.run import Run, Script
from llmspell.scripting.session import Evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell.scripting.session import Session


class Typed:
    """Lines as a person types them; an exception among them is raised. Notes what is asked for and remembered."""

    def __init__(self, *lines: str | type[BaseException]) -> None:
        self._lines = list(lines)
        self.asked: list[bool] = []
        self.remembered: list[str] = []

    def line(self, more: bool) -> str:
        self.asked.append(more)
        line = self._lines.pop(0) if self._lines else EOFError
        if isinstance(line, str):
            return line
        raise line

    def remember(self, text: str) -> None:
        self.remembered.append(text)


class Shown:
    """A screen: what was shown, in its order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self.lines_ended = 0

    def value(self, text: str) -> None:
        self.all.append(("value", text))

    def failure(self, text: str) -> None:
        self.all.append(("failure", text))

    def interruption(self, text: str) -> None:
        self.all.append(("interruption", text))

    def end_line(self) -> None:
        self.lines_ended += 1


class Conversations:
    """Conversations on a store in memory."""

    def __init__(self, store: llmspell.Store) -> None:
        self.shown = Shown()
        self.loop: Loop
        self._store = store
        self._opened: list[Session] = []

    def start(self, language: str, session: Session | None = None) -> Loop:
        run = Run(Script(b"", "repl", "."), self._store, ScriptSettings(timeout_seconds=60))
        self._opened.append(session or open_session(language, run))
        self.shown.all.clear()
        return Loop(self._opened[-1], self.shown, self._store, ("save",), language)

    def typed(self, language: str, *lines: str | type[BaseException], session: Session | None = None) -> Typed:
        typed = Typed(*lines)
        self.loop = self.start(language, session)
        self.loop.converse(typed)
        return typed

    def read(self, language: str, text: str) -> list[tuple[str, str]]:
        self.loop = self.start(language)
        self.loop.read(text.splitlines())
        return self.shown.all

    def close(self) -> None:
        for session in self._opened:
            session.close()


@pytest.fixture
def conversations() -> Iterator[Conversations]:
    with llmspell.open(backend="memory") as store:
        conversations = Conversations(store)
        yield conversations
        conversations.close()


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("lua", ("x = 1", "function f()", "  return x + 1", "end", "f()")),
        ("javascript", ("let x = 1", "function f() {", "  return x + 1", "}", "f()")),
        ("python", ("x = 1", "def f():", "  return x + 1", "", "f()")),
    ],
)
def test_an_input_goes_on_until_the_language_says_that_it_is_complete(
    conversations: Conversations, language: str, lines: tuple[str, ...]
) -> None:
    typed = conversations.typed(language, *lines)
    assert conversations.shown.all == [("value", "2")]
    assert typed.asked == [False, False, True, True, False, False]
    assert typed.remembered == [lines[0], "\n".join(lines[1:4]).rstrip(), lines[4]]


@pytest.mark.parametrize(("language", "line"), [("lua", "f("), ("javascript", "f("), ("python", "f(")])
def test_an_empty_line_ends_an_input_that_is_not_complete(
    conversations: Conversations, language: str, line: str
) -> None:
    typed = conversations.typed(language, line, "  ", "1")
    (kind, text), last = conversations.shown.all
    assert (kind, last) == ("failure", ("value", "1"))
    assert "repl" in text
    assert typed.remembered == [line, "1"]


def test_an_input_of_several_lines_can_come_at_once(conversations: Conversations) -> None:
    typed = conversations.typed("lua", "function f()\n\n  return 1\nend", "f()")
    assert conversations.shown.all == [("value", "1")]
    assert typed.remembered[0] == "function f()\n\n  return 1\nend"


def test_each_line_is_asked_for_on_a_line_of_its_own(conversations: Conversations) -> None:
    typed = conversations.typed("lua", "x = 1", "f(", "")
    assert conversations.shown.lines_ended == len(typed.asked) == 4


def test_empty_lines_between_inputs_are_nothing(conversations: Conversations) -> None:
    typed = conversations.typed("lua", "", "   ", "1")
    assert conversations.shown.all == [("value", "1")]
    assert typed.remembered == ["1"]


def test_a_failure_does_not_end_it(conversations: Conversations) -> None:
    conversations.typed("lua", "error('no')", ".nothing", "1")
    assert conversations.shown.all == [
        ("failure", "repl:1: no"),
        ("failure", "there is no command .nothing; known: .help, .scopes, .keys, .load, .quit, .exit"),
        ("value", "1"),
    ]


def test_ctrl_c_at_the_prompt_drops_what_was_begun(conversations: Conversations) -> None:
    typed = conversations.typed("lua", "function f()", KeyboardInterrupt, "1")
    assert conversations.shown.all == [("value", "1")]
    assert typed.asked == [False, True, False, False]


class Interrupted:
    """A session that Ctrl-C comes into."""

    def __init__(self, text: str) -> None:
        self._text = text

    def evaluate(self, source: str) -> Evaluation:
        if source == "1":
            return Evaluation("value", "1")
        raise KeyboardInterrupt(*filter(None, [self._text]))

    def close(self) -> None:
        return


@pytest.mark.parametrize(("text", "shown"), [("", "interrupted"), ("gone", "interrupted; gone")])
def test_ctrl_c_while_something_runs_is_told_and_the_input_can_be_recalled(
    conversations: Conversations, text: str, shown: str
) -> None:
    typed = conversations.typed("lua", "endless", "1", session=Interrupted(text))
    assert conversations.shown.all == [("interruption", shown), ("value", "1")]
    assert typed.remembered == ["endless", "1"]


def test_a_dot_command_inside_an_input_is_none(conversations: Conversations) -> None:
    conversations.typed("lua", "x = [[", ".help", "]]", "x")
    assert conversations.shown.all == [("value", '".help\\n"')]


def test_dot_commands_ask_the_store(conversations: Conversations) -> None:
    typed = conversations.typed("lua", "State.save('a', 'b', 1)", ".keys a", "x = .5", "x")
    assert conversations.shown.all == [("value", "1"), ("value", "b"), ("value", "0.5")]
    assert typed.remembered[1] == ".keys a"


@pytest.mark.parametrize("line", [".quit", "os.exit(0)"])
def test_an_exit_passes_through(conversations: Conversations, line: str) -> None:
    with pytest.raises(SystemExit):
        conversations.typed("lua", line)


# A text that nobody types ------------------------------------------------------------------------------------------


def test_functions_in_a_text_may_hold_empty_lines(conversations: Conversations) -> None:
    assert conversations.read("lua", "function f()\n\n  return 1\nend\n\nf()\n") == [("value", "1")]
    assert conversations.read("python", "def f():\n  x = 1\n\n  return x\n\nf()\n") == [("value", "1")]
    assert conversations.read(
        "python", "class A:\n  def f(self):\n    return 1\n\n  def g(self):\n    return 2\nA().g()"
    ) == [("value", "2")]
    assert not conversations.loop.failed


def test_empty_lines_inside_an_input_are_part_of_it(conversations: Conversations) -> None:
    assert conversations.read("lua", "\nx = [[a\n\n  \nb]]\n\nx\n") == [("value", '"a\\n\\n  \\nb"')]


def test_the_end_of_a_text_ends_its_last_input(conversations: Conversations) -> None:
    assert conversations.read("python", "if True:\n  x = 1\n  State.save('a', 'b', 7)") == []
    assert conversations.read("python", "State.load('a', 'b')") == [("value", "7")]
    assert conversations.read("lua", "f(") == [("failure", "repl:2: unexpected symbol near <eof>")]
    assert conversations.loop.failed


def test_a_dot_command_in_a_text_ends_a_block_before_it(conversations: Conversations) -> None:
    text = "def f():\n  State.save('a', 'b', 1)\n.keys a\nf()\n.keys a\n"
    assert conversations.read("python", text) == [("value", "b")]


def test_what_fails_in_a_text_does_not_end_it(conversations: Conversations) -> None:
    assert conversations.read("lua", "error('no')\n1\n") == [("failure", "repl:1: no"), ("value", "1")]
    assert conversations.loop.failed


def test_ctrl_c_ends_a_text(conversations: Conversations) -> None:
    loop = conversations.start("lua", Interrupted(""))
    with pytest.raises(KeyboardInterrupt):
        loop.read(["endless", "1"])
    assert conversations.shown.all == []

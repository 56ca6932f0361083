"""How a conversation watches its interpreter: answers, stops, recoveries, and one that must be left alone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from llmspell.config import ScriptSettings
from llmspell.errors import ScriptError
from llmspell.scripting import conversation
from llmspell.scripting.conversation import VARIABLES_GONE, Conversation
from llmspell.scripting.run import Run, Script
from llmspell.scripting.session import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell.scripting.session import Session


class Interpreter:
    """A language whose texts are names of Python functions; notes what is asked of it."""

    def __init__(self, texts: Texts, run: Run) -> None:
        self.texts = texts
        self.run = run
        self.recovered = 0
        self.closed = threading.Event()
        self.thread = threading.current_thread()
        texts.opened.append(self)

    def evaluate(self, source: bytes) -> Evaluation:
        return self.texts.meanings[source.decode()](self)

    def recover(self) -> None:
        assert self.run.stop is None
        assert threading.current_thread() is self.thread
        self.recovered += 1

    def close(self) -> None:
        self.closed.set()


class Texts:
    """What texts mean, and every interpreter that was opened."""

    def __init__(self) -> None:
        self.meanings: dict[str, Callable[[Interpreter], Evaluation]] = {
            "where": lambda interpreter: Evaluation("value", str(self.opened.index(interpreter))),
            "endless": _endless,
        }
        self.opened: list[Interpreter] = []
        self.sessions: list[Session] = []

    def converse(self, **settings: object) -> Session:
        chosen = ScriptSettings()._replace(**settings)  # type: ignore[arg-type]
        run = Run(Script(b"", "repl", "."), None, chosen)
        self.sessions.append(Conversation(run, lambda run: Interpreter(self, run)))
        return self.sessions[-1]


def _endless(interpreter: Interpreter) -> Evaluation:
    """Run until a stop is asked for."""
    stopped = threading.Event()
    interpreter.run.on_stop = stopped.set
    if interpreter.run.stop is None:
        stopped.wait()
    return Evaluation("nothing")


@pytest.fixture
def texts() -> Iterator[Texts]:
    texts = Texts()
    yield texts
    for session in texts.sessions:
        session.close()


@pytest.fixture
def deaf(texts: Texts, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A text "deaf" that does not stop when asked; the event lets it end."""
    monkeypatch.setattr(conversation, "GRACE_SECONDS", 0.01)
    end = threading.Event()

    def run_on(interpreter: Interpreter) -> Evaluation:
        end.wait()
        return Evaluation("value", "too late")

    texts.meanings["deaf"] = run_on
    yield end
    end.set()


def test_all_calls_come_to_one_thread_that_is_not_the_callers(texts: Texts) -> None:
    session = texts.converse()
    texts.meanings["thread"] = lambda interpreter: Evaluation(
        "value", str(threading.current_thread() is interpreter.thread is not threading.main_thread())
    )
    assert session.evaluate("thread") == Evaluation("value", "True")
    assert session.evaluate("thread") == Evaluation("value", "True")
    session.close()
    assert len(texts.opened) == 1
    assert texts.opened[0].closed.is_set()


def test_what_cannot_be_opened_is_raised(texts: Texts) -> None:
    def refuse(run: Run) -> Interpreter:
        raise ScriptError("not today")

    with pytest.raises(ScriptError, match="not today"):
        Conversation(Run(Script(b"", "repl", "."), None, ScriptSettings()), refuse)


def test_a_text_that_takes_too_long_is_a_failure_and_the_next_one_finds_the_interpreter_recovered(texts: Texts) -> None:
    session = texts.converse(timeout_seconds=0.01)
    failed = session.evaluate("endless")
    assert failed.outcome == "failed"
    assert failed.text.startswith("repl: stopped: it ran longer than 0.01 s")
    assert VARIABLES_GONE not in failed.text
    assert texts.opened[0].recovered == 0
    assert session.evaluate("where") == Evaluation("value", "0")
    assert session.evaluate("where") == Evaluation("value", "0")
    assert texts.opened[0].recovered == 1


def test_a_text_that_cannot_be_stopped_is_left_alone_and_a_new_interpreter_goes_on(
    texts: Texts, deaf: threading.Event
) -> None:
    session = texts.converse(timeout_seconds=0.01)
    failed = session.evaluate("deaf")
    assert failed.outcome == "failed"
    assert failed.text.endswith(VARIABLES_GONE)
    assert session.evaluate("where") == Evaluation("value", "1")
    assert texts.opened[0].run.stop is not None
    assert not texts.opened[0].closed.is_set()
    deaf.set()
    assert texts.opened[0].closed.wait(60)


def test_an_interrupt_passes_and_stops_the_text(texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    session = texts.converse()
    _interrupt_waiting(monkeypatch, times=1)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        session.evaluate("endless")
    assert str(interrupt.value) == ""
    assert session.evaluate("where") == Evaluation("value", "0")
    assert texts.opened[0].recovered == 1


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_tells_when_the_variables_are_gone(
    texts: Texts, deaf: threading.Event, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    session = texts.converse()
    _interrupt_waiting(monkeypatch, times=times)
    with pytest.raises(KeyboardInterrupt, match=VARIABLES_GONE):
        session.evaluate("deaf")
    assert session.evaluate("where") == Evaluation("value", "1")


def _interrupt_waiting(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the next waits for an answer end as Ctrl-C ends them."""
    left = [KeyboardInterrupt] * times

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if left and threading.current_thread() is threading.main_thread():
                raise left.pop()
            return super().wait(timeout)

    monkeypatch.setattr("llmspell.scripting.conversation.threading.Event", Interrupted)


def test_an_exit_asked_for_is_raised_with_its_code(texts: Texts) -> None:
    def leave(interpreter: Interpreter) -> Evaluation:
        interpreter.run.exit(3)
        return Evaluation("nothing")

    texts.meanings["leave"] = leave
    with pytest.raises(SystemExit) as end:
        texts.converse().evaluate("leave")
    assert end.value.code == 3


def test_an_error_raised_because_of_a_stop_leaves_the_interpreter_in_use(texts: Texts) -> None:
    def stopped(interpreter: Interpreter) -> Evaluation:
        interpreter.run.exceed("too much", "[x] y")
        raise ValueError("halted")

    texts.meanings["stopped"] = stopped
    session = texts.converse()
    assert session.evaluate("stopped").text.startswith("repl: stopped: too much")
    assert session.evaluate("where") == Evaluation("value", "0")


def test_a_script_error_is_a_failure(texts: Texts) -> None:
    def fail(interpreter: Interpreter) -> Evaluation:
        raise ScriptError("waits for ever")

    texts.meanings["fail"] = fail
    session = texts.converse()
    assert session.evaluate("fail") == Evaluation("failed", "waits for ever")
    assert session.evaluate("where") == Evaluation("value", "0")


def test_any_other_error_is_raised_and_ends_the_interpreter(texts: Texts) -> None:
    def break_down(interpreter: Interpreter) -> Evaluation:
        raise ValueError("broken")

    texts.meanings["break_down"] = break_down
    session = texts.converse()
    with pytest.raises(ValueError, match="broken"):
        session.evaluate("break_down")
    assert texts.opened[0].closed.is_set()
    assert session.evaluate("where") == Evaluation("value", "1")


def test_a_reader_that_is_gone_is_raised(texts: Texts) -> None:
    def lose(interpreter: Interpreter) -> Evaluation:
        interpreter.run.stop = BrokenPipeError()
        return Evaluation("nothing")

    texts.meanings["lose"] = lose
    with pytest.raises(BrokenPipeError):
        texts.converse().evaluate("lose")


def test_bytes_that_are_no_text_arrive_as_they_were(texts: Texts) -> None:
    texts.meanings = {}
    seen: list[bytes] = []

    class Bytes(Interpreter):
        def evaluate(self, source: bytes) -> Evaluation:
            seen.append(source)
            return Evaluation("nothing")

    run = Run(Script(b"", "repl", "."), None, ScriptSettings())
    Conversation(run, lambda run: Bytes(texts, run)).evaluate(b"\xff".decode(errors="surrogateescape"))
    assert seen == [b"\xff"]

"""How does a person converse with an interpreter that must not run for ever, and keep what was defined before?

The interpreter lives in a thread of its own; the caller's thread hands it one text after the other, and watches
the clock and the keyboard meanwhile. A text that is stopped leaves the interpreter usable. One that cannot be
stopped, inside one endless pattern match say, is left alone with its thread, and the conversation goes on with a
new interpreter.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from llmspell.errors import ScriptError
from llmspell.scripting.run import Run
from llmspell.scripting.running import GRACE_SECONDS, start_thread
from llmspell.scripting.session import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLES_GONE = "it could not be stopped, so it was left alone; a new interpreter goes on, without the variables"


class Interpreter(Protocol):
    """What runs texts, in the session's thread. It knows the run that it was opened with."""

    def evaluate(self, source: bytes) -> Evaluation:
        """Run a text; give what came of it, or anything at all (an exception too) when `run.stop` was set meanwhile.

        A transaction that the text leaves open is undone here. `ScriptError` counts as a failure of the text; any
        other exception without a stop ends the interpreter.
        """

    def recover(self) -> None:
        """Become usable again after a text that was stopped; `run.stop` is None again."""

    def close(self) -> None:
        """Let go of everything."""


class Conversation:
    """A `Session` with an interpreter in a thread of its own.

    `open_interpreter` is called in that thread, with the run that the interpreter belongs to. What it raises is
    raised here.
    """

    def __init__(self, run: Run, open_interpreter: Callable[[Run], Interpreter]) -> None:
        self._run = run
        self._open_interpreter = open_interpreter
        self._living: _Living | None = _Living(run, open_interpreter)

    def evaluate(self, source: str) -> Evaluation:
        """See `Session.evaluate`. The text of a `KeyboardInterrupt` tells when the variables are gone."""
        living = self._living = self._living or _Living(self._new_run(), self._open_interpreter)
        question = _Question(source.encode(errors="surrogateescape"))
        _wait(living, question)
        stop = living.run.stop
        if not question.answered.is_set():
            self._leave()
            return _told(stop, f"; {VARIABLES_GONE}", living.run)
        if stop is not None:
            living.run.stop = None
            living.stopped = True
            return _told(stop, "", living.run)
        if question.failure is not None:
            if isinstance(question.failure, ScriptError):
                return Evaluation("failed", str(question.failure))
            self._leave()
            raise question.failure
        return question.answer

    def close(self) -> None:
        """See `Session.close`."""
        self._leave()

    def _leave(self) -> None:
        living, self._living = self._living, None
        if living is not None:
            living.leave()

    def _new_run(self) -> Run:
        return Run(self._run.script, self._run.store, self._run.settings, self._run.streams)


class _Question:
    """A text on its way to the interpreter, and the answer on its way back."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.answered = threading.Event()
        self.answer: Evaluation
        self.failure: BaseException | None = None


class _Living:
    """An interpreter in its thread, and the run that it belongs to.

    `stopped` says that the last text was stopped; the interpreter recovers before the next one.
    """

    def __init__(self, run: Run, open_interpreter: Callable[[Run], Interpreter]) -> None:
        self.run = run
        self.stopped = False
        self._open_interpreter = open_interpreter
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._opened, self._ended = threading.Event(), threading.Event()
        self._refusal: BaseException | None = None
        start_thread(self._execute)
        self._opened.wait()
        if self._refusal is not None:
            raise self._refusal

    def ask(self, question: _Question) -> None:
        """Hand a text over; its `answered` tells when it has run."""
        self._questions.put(question)

    def leave(self) -> None:
        """End the thread, and wait a moment for it."""
        self._questions.put(None)
        if self.run.stop is None:
            self._ended.wait(GRACE_SECONDS)

    # In the thread -----------------------------------------------------------------------------------------------

    def _execute(self) -> None:
        try:
            interpreter = self._open_interpreter(self.run)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._refusal = error
            return
        finally:
            self._opened.set()
        try:
            while (question := self._questions.get()) is not None and self._answer(interpreter, question):
                del question  # it would hold a large text until the next one comes
        finally:
            interpreter.close()
            self._ended.set()

    def _answer(self, interpreter: Interpreter, question: _Question) -> bool:
        """Answer a question; tell whether the interpreter can go on."""
        try:
            if self.stopped:
                self.stopped = False
                interpreter.recover()
            question.answer = interpreter.evaluate(question.source)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            question.failure = error
        finally:
            question.answered.set()
        return question.failure is None or isinstance(question.failure, ScriptError) or self.run.stop is not None


def _wait(living: _Living, question: _Question) -> None:
    """Ask, and wait for the answer; stop the text when its time is up or the person interrupts."""
    run = living.run
    seconds = run.settings.timeout_seconds
    try:
        living.ask(question)
        if not question.answered.wait(min(seconds, threading.TIMEOUT_MAX) or None):
            run.exceed(f"it ran longer than {seconds:g} s", "[runtime] script_timeout_seconds")
            question.answered.wait(GRACE_SECONDS)
    except KeyboardInterrupt as interrupt:
        run.stop = interrupt
        try:
            question.answered.wait(GRACE_SECONDS)
        except KeyboardInterrupt:
            return  # whoever interrupts again does not want to wait


def _told(stop: BaseException | None, more: str, run: Run) -> Evaluation:
    """Give the failure that a stop is, or raise what is none."""
    if isinstance(stop, ScriptError):
        return Evaluation("failed", f"{stop}{more}")
    if isinstance(stop, SystemExit):
        raise SystemExit(run.exit_code)
    if isinstance(stop, KeyboardInterrupt):
        raise KeyboardInterrupt(more.removeprefix("; ")) if more else stop
    raise stop or RuntimeError("the interpreter ended without an answer")

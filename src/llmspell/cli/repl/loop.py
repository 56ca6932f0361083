"""How does a conversation go? Inputs are put together from lines, run, and answered, until there are no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from llmspell.cli.repl.dots import Dots, execute, is_command
from llmspell.errors import LlmspellError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell.scripting.session import Session
    from llmspell.store import Store


class Reader(Protocol):
    """Where lines come from while a person types them."""

    def line(self, more: bool) -> str:
        """Ask for a line; `more` says that it belongs to those before.

        A recalled or pasted input may hold several. Raises `EOFError` at the end, `KeyboardInterrupt` for Ctrl-C.
        """

    def remember(self, text: str) -> None:
        """Keep a whole input, to be recalled."""


class Screen(Protocol):
    """Where answers go."""

    def value(self, text: str) -> None:
        """Show what came of an input, or what a dot command found."""

    def failure(self, text: str) -> None:
        """Show what went wrong."""

    def interruption(self, text: str) -> None:
        """Show that Ctrl-C has stopped an input."""

    def end_line(self) -> None:
        """End the line that a script has begun, before the next input is asked for."""


class Loop:
    """A conversation in one language. `failed` tells whether any input has failed.

    `SystemExit` passes through everything here: somebody has asked for the end.
    """

    def __init__(
        self, session: Session, screen: Screen, store: Store | None, functions: tuple[str, ...], language: str
    ) -> None:
        self.failed = False
        self._session = session
        self._screen = screen
        self._dots = Dots(store, functions, language, self._run, screen.value)

    def converse(self, reader: Reader) -> None:
        """Run what a person types, until the end of their lines. Ctrl-C stops an input, and no more."""
        pending: list[str] = []
        while True:
            try:
                self._screen.end_line()
                line = reader.line(bool(pending))
            except EOFError:
                return
            except KeyboardInterrupt:
                pending.clear()
                continue
            try:
                self._take_typed(line, pending, reader)
            except KeyboardInterrupt as interrupt:
                pending.clear()
                reason = str(interrupt)
                self._screen.interruption(f"interrupted; {reason}" if reason else "interrupted")

    def read(self, lines: Iterable[str]) -> None:
        """Run the inputs in a text that nobody types, one after the other. Ctrl-C ends it.

        An empty line ends no input here, because functions may hold some; the end of the text does.
        """
        pending: list[str] = []
        blank: list[str] = []
        for line in lines:
            if not line.strip():
                blank += [line] if pending else []
            elif is_command(line) and (not pending or self._take("\n".join((*pending, "")))):
                pending, blank = [], []
                self._command(line)
            else:
                pending += [*blank, line]
                blank = []
                if self._take("\n".join(pending)):
                    pending = []
        if pending:
            self._run("\n".join((*pending, "")))

    def _take_typed(self, line: str, pending: list[str], reader: Reader) -> None:
        if not pending and is_command(line):
            reader.remember(line)
            self._command(line)
            return
        if not pending and not line.strip():
            return
        pending.append(line)
        source = "\n".join(pending)
        try:
            complete = self._take(source)
            if not complete and not line.strip():
                self._run(source)
                complete = True
        except KeyboardInterrupt:
            reader.remember(source)
            raise
        if complete:
            reader.remember(source.rstrip())
            pending.clear()

    def _command(self, line: str) -> None:
        try:
            execute(line, self._dots)
        except LlmspellError as error:
            self._fail(str(error))

    def _take(self, source: str) -> bool:
        """Run an input; False when it is the beginning of a longer one."""
        evaluation = self._session.evaluate(source)
        if evaluation.outcome == "incomplete":
            return False
        if evaluation.outcome == "failed":
            self._fail(evaluation.text)
        elif evaluation.outcome == "value":
            self._screen.value(evaluation.text)
        return True

    def _run(self, source: str) -> None:
        """Run an input to which nothing will be added."""
        if not self._take(source):
            self._fail(self._session.evaluate(source).text or "repl: the input ends too early; nothing of it ran")

    def _fail(self, text: str) -> None:
        self.failed = True
        self._screen.failure(text)

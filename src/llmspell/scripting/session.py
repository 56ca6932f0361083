"""What is a conversation with a language? Texts go in one after the other, and what one defines the next one sees."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

Outcome: TypeAlias = Literal["value", "nothing", "incomplete", "failed"]


class Evaluation(NamedTuple):
    """What came of a text.

    `text` is the value as a person reads it ("value"), or what went wrong with file and line ("failed"). "incomplete"
    means that the text is the beginning of something longer, and that nothing of it ran; its `text` may tell what is
    missing.
    """

    outcome: Outcome
    text: str = ""


class Session(Protocol):
    """One conversation. All calls come from the thread that opened it.

    A script that calls for the end of the process (`os.exit`, `sys.exit`) raises `SystemExit` here.
    """

    def evaluate(self, source: str) -> Evaluation:
        """Run a text to its end.

        `KeyboardInterrupt` passes through after the text was stopped; the session goes on, and keeps its variables
        where it can. A limit that stopped the text is a failure, told in its `text`.
        """

    def close(self) -> None:
        """Let go of the interpreter; an open transaction is undone."""

"""How does a person converse with JavaScript? Texts run one after the other in one runtime, `await` included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmspell.errors import ScriptError
from llmspell.scripting.conversation import Conversation
from llmspell.scripting.javascript import WAITING, failure, json_of
from llmspell.scripting.javascript_modules import require_text
from llmspell.scripting.javascript_sandbox import Sandbox
from llmspell.scripting.session import Evaluation

if TYPE_CHECKING:
    from llmspell.scripting.run import Run
    from llmspell.scripting.session import Session

_ENDS_EARLY = ("Unexpected end of input", "unexpected end of comment")
_UNENDED = "unexpected end of string"


def open_session(run: Run) -> Session:
    """Begin a conversation; `run.script` names it and says where modules are."""
    return Conversation(run, _Interpreter)


class _Interpreter:
    """See `conversation.Interpreter`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._sandbox = Sandbox(run)

    def evaluate(self, source: bytes) -> Evaluation:
        """Run a text; one that begins with a brace is an object where it can be one."""
        require_text(self._run.script.name, source)
        text = source.rstrip()
        if text.startswith(b"{") and text.endswith(b"}"):
            came = self._sandbox.converse(b"(" + text + b")")
            if came is None or came[0] != "?":
                return self._evaluation(came, text)
        return self._evaluation(self._sandbox.converse(text), text)

    def recover(self) -> None:
        """Run again after a stop."""
        self._sandbox.recover()

    def close(self) -> None:
        """Let go of the runtime."""
        self._sandbox.close()

    def _evaluation(self, came: str | None, source: bytes) -> Evaluation:
        if came is None or came == ".":  # stopped, or nothing to show
            return Evaluation("nothing")
        kind, told = came[0], came[1:]
        if kind == "=":
            return Evaluation("value", told)
        if kind == "~":
            raise ScriptError(WAITING)
        problem = str(failure(told, self._run, self._sandbox))
        if kind == "?" and re.match(rb"\s*import\b\s*[^\s(.]", source):
            problem += '; here it is written: const { name } = await import("./file.js")'
        early = kind == "?" and _ends_early(json_of(told), source)
        return Evaluation("incomplete" if early else "failed", problem)


def _ends_early(told: dict[str, str], source: bytes) -> bool:
    """Tell whether more of the text could make it one that the engine can read.

    It can where the engine stumbled over the end, or over a comment or a template that does not end.
    """
    place = re.search(r":(\d+):(\d+)\)?$", told["stack"].rstrip())
    if told["message"].startswith(_ENDS_EARLY) or place is None:
        return told["message"].startswith(_ENDS_EARLY)
    lines = source.decode().split("\n")
    line, column = int(place[1]), int(place[2])
    if told["message"] == _UNENDED:
        return lines[line - 1][column - 1 : column] == "`"
    return line == len(lines) and column > len(lines[-1])

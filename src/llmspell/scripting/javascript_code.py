"""How does Python call functions that are written in JavaScript? They are what the file, a module, exports.

Of `State` there are only `State.null` and `State.array`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.errors import LimitExceeded, ScriptError
from llmspell.scripting.called_code import CalledCode
from llmspell.scripting.javascript import WAITING, failure, json_of
from llmspell.scripting.javascript_sandbox import Sandbox

if TYPE_CHECKING:
    from llmspell.config import ScriptSettings
    from llmspell.scripting.called_code import Answer, Exchange
    from llmspell.scripting.run import Run


def open_code(path: str, source: bytes, settings: ScriptSettings) -> CalledCode:
    """Load the functions of a JavaScript file; `path` is how errors call it, nothing is read from there.

    The file runs once, now. Raises `InvalidArgument` with file and line when it cannot be loaded, fails, reaches a
    limit, or exports what is neither a function nor JSON.
    """
    return CalledCode(path, source, settings, _serve, "undefined")


def _serve(run: Run, exchange: Exchange) -> None:
    sandbox = Sandbox(run, effects=False)
    try:
        answer = _load(run, sandbox)
        while (question := exchange(*answer)) is not None:
            answer = _call(run, sandbox, *question)
    finally:
        sandbox.close()


def _load(run: Run, sandbox: Sandbox) -> Answer:
    try:
        return _answer(sandbox.open_functions(), b"loaded", run, sandbox)
    except LimitExceeded:
        raise
    except ScriptError as error:
        return b"raised", str(error).encode()


def _call(run: Run, sandbox: Sandbox, name: bytes, text: bytes) -> Answer:
    try:
        return _answer(sandbox.call(name.decode(), text), b"answer", run, sandbox)
    except LimitExceeded:
        raise
    except ScriptError as error:
        return b"raised", str(error).encode()


def _answer(came: str | None, kind: bytes, run: Run, sandbox: Sandbox) -> Answer:
    """Give what `main.js` tells as the kinds of answers that all languages have."""
    if came is None or came == ".":  # it was stopped, or gave nothing
        return b"nothing", b""
    sign, told = came[0], came[1:]
    if sign == "=":
        return kind, told.encode()
    if sign == "?":
        problem = json_of(told)
        return b"unfit", f"the value cannot be stored: {problem['path'] or 'it'} {problem['reason']}".encode()
    if sign == "~":
        return b"raised", f"{run.script.name}: {WAITING}".encode()
    error = failure(told, run, sandbox)
    if isinstance(error, LimitExceeded):
        raise error
    return b"raised", str(error).encode()

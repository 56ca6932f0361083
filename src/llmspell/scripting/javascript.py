"""How does a JavaScript program run? As an ES module in a sandbox of its own, with `State` as a global."""

from __future__ import annotations

from llmspell import codec
from llmspell.errors import InvalidValue, ScriptError
from llmspell.quick_typing import TYPE_CHECKING, cast
from llmspell.scripting.hints import hint_about
from llmspell.scripting.javascript_sandbox import Sandbox, exceed_memory, is_out_of_memory, place_in

if TYPE_CHECKING:
    from llmspell.scripting.run import Run
    from llmspell.store import Store

CONSOLE = ("log", "info", "debug", "error", "warn", "assert", "group", "groupEnd")
"""The functions of `console`."""

WAITING = "it waits for a promise that nothing settles any more"


def execute(run: Run) -> None:
    """Run the script to its end; raises `ScriptError`, or `LimitExceeded` when memory ran out.

    With `run.wants_result` its default export becomes `run.result`.
    """
    sandbox = Sandbox(run)
    try:
        ending = sandbox.run_module()
    finally:
        sandbox.close()
    if run.stop is not None or ending is None:
        return
    kind, told = ending[0], ending[1:]
    if kind == "=":
        run.result = codec.canonical(told)
    elif kind == "?":
        problem = json_of(told)
        raise InvalidValue(problem["path"], problem["reason"], "the result cannot be given")
    elif kind == "~":
        if sandbox.lacked_memory:  # there was none to settle the promise with
            raise exceed_memory(run)
        raise ScriptError(f"{run.script.name}: {WAITING}")
    elif kind == "!":
        raise failure(told, run, sandbox)


def json_of(told: str) -> dict[str, str]:
    """Read what the library tells as JSON text."""
    import json

    fields: dict[str, str] = json.loads(told)
    return fields


def failure(told: str, run: Run, sandbox: Sandbox) -> ScriptError:
    """Give the exception for what a script threw and did not catch, told as JSON text."""
    fields = json_of(told)
    name, message, stack = fields["name"], fields["message"], fields["stack"]
    thrown_null = (name, message) == ("", "null")
    if is_out_of_memory(name, message) or thrown_null:
        return exceed_memory(run, certain=not thrown_null or sandbox.lacked_memory)
    place = place_in(stack)
    if (place and f"(at {place})" in message) or _begins_with_place(message, sandbox):
        sentence = message
    else:
        sentence = f"{place or run.script.name}: {name}{': ' if name and message else ''}{message}"
    error = ScriptError(sentence + _hint(message, place, run, sandbox))
    error.__cause__ = _JavaScriptTraceback(stack.rstrip())
    return error


def _hint(message: str, place: str | None, run: Run, sandbox: Sandbox) -> str:
    """Give what to add to an error that a wrong use of `State` or `console` has caused."""
    if run.store is None and ("'State'" in message or message.startswith("State ")):
        return f"; State does not exist because {run.without_state}"
    if message != "not a function" or place is None:
        return ""
    import re

    file, _, number = place.rpartition(":")
    lines = sandbox.sources.get(file, b"").decode(errors="replace").splitlines()
    line = lines[int(number) - 1] if int(number) <= len(lines) else ""
    for name in re.findall(r"\bconsole\s*\.\s*(\w+)", line):
        if name not in CONSOLE:
            return f"; console.{name} does not exist; known: {', '.join(CONSOLE)}"
    names = re.findall(r"\bState\s*\.\s*(\w+)", line) if run.store is not None else []
    return next(filter(None, (hint_about(name, cast("Store", run.store)) for name in names)), "")


class _JavaScriptTraceback(Exception):
    pass


def _begins_with_place(message: str, sandbox: Sandbox) -> bool:
    return any(message.startswith(f"{name}:") for name in sandbox.sources)

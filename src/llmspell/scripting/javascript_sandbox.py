"""How is a JavaScript runtime made that has nothing of Python and of the machine, but for what is offered?

QuickJS itself reaches no file, no process and no clock but that of the day. What is added stands in
`javascript_library/`; its functions hold the host's functions, which no script is ever given.
"""

from __future__ import annotations

import os

import _quickjs

from llmspell.errors import LimitExceeded, ScriptError
from llmspell.quick_typing import TYPE_CHECKING
from llmspell.scripting.bindings import Bindings
from llmspell.scripting.javascript_border import crossing, crossings, marked, tell
from llmspell.scripting.javascript_engine import Engine
from llmspell.scripting.javascript_modules import LIBRARY, Modules

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell.scripting.run import Run

_LIBRARY = os.path.join(os.path.dirname(__file__), "javascript_library")
_PREFIX = "llmspell."
_FILES = ("values", "checks", "state", "console", "main")
_PARTS = ("start", "finish", "exported", "call", "converse", "converged", "recover", "whereStopped")

_BAD_ENDINGS = "~!"
"""How the library begins to tell of a script that waits for ever, and of one that failed."""

_TEXT = "llmspell:text:"
"""Importing this and a number makes the engine evaluate a text of a conversation."""

_MEMORY_ERRORS = (
    ("InternalError", "out of memory"),
    ("InternalError", "out of memory in regexp execution"),
    ("SyntaxError", "out of memory"),
)

_FRAME = r"^ *at (?:.*\()?(?P<place>(?P<file>[^()\n]+):\d{1,9}):\d+\)?$"


class Sandbox:
    """One runtime with the library in it, for one script. Every call comes from the thread that made it.

    `sources` holds the text of the script and of the modules it has loaded. Without `effects` it can neither print
    nor end itself, and of `State` it has only what does nothing. `lacked_memory` tells of what failed last whether
    memory had run out before.
    """

    def __init__(self, run: Run, *, effects: bool = True) -> None:
        self._run = run
        self._effects = effects
        settings, script = run.settings, run.script
        self._modules = Modules(script.name, script.folder, script.source)
        self.sources = self._modules.sources
        self.lacked_memory = False
        self._over = False
        self._texts = 0
        self._text: bytes | None = None
        self._bindings = None
        if run.store is not None:
            limit = settings.javascript_memory_limit_bytes
            self._bindings = Bindings(run.store, self._stopping, limit, tell)
        self._engine = Engine(settings.javascript_memory_limit_bytes, settings.javascript_stack_bytes)
        self._library = self._open_library()
        run.on_stop = self._engine.interrupt

    def run_module(self) -> str | None:
        """Run the script to its end and give how it ended, as `finish` in main.js tells; None when it was stopped."""
        return self._run_jobs_of("start", self._run.script.name, ending=("finish", self._run.wants_result))

    def open_functions(self) -> str | None:
        """Load the script as a file of functions and give {"names":[...],"fields":{...}}, as `exported` tells it."""
        return self._run_jobs_of("start", self._run.script.name, ending=("exported",))

    def call(self, name: str, text: bytes) -> str | None:
        """Call an exported function and give what it made of the value, as `call` in main.js tells it."""

        def act() -> str | None:
            made: str = self._library["call"](name, marked(text))
            return made

        return self._attempt(act)

    def converse(self, source: bytes) -> str | None:
        """Run a text of a conversation and give what came of it, as `converged` tells it; None when it was stopped."""
        self._texts += 1
        if self._engine.lacked_memory():
            self._engine.collect()
        self._text = self.sources[self._run.script.name] = source
        try:
            return self._run_jobs_of("converse", f"{_TEXT}{self._texts}", ending=("converged",))
        finally:
            if self._bindings is not None:
                self._bindings.abandon()

    def recover(self) -> None:
        """Become usable again after a stop."""
        self._engine.recover()
        self._library["recover"]()

    def close(self) -> None:
        """Let go of the runtime; an open transaction is undone."""
        self._run.on_stop = _nothing
        if self._bindings is not None:
            self._bindings.abandon()
        self._library.clear()
        self._engine.close()

    def _run_jobs_of(self, begin: str, name: str, *, ending: tuple[Any, ...]) -> str | None:
        """Begin, run what waits to be run until nothing does, the script has failed or was stopped; tell the ending."""

        def act() -> str | None:
            self._over = False
            self._library[begin](name)
            while self._run.stop is None and not self._over and self._engine.context.execute_pending_job():
                pass
            told, *arguments = ending
            return None if self._run.stop is not None else self._library[told](*arguments)

        return self._attempt(act)

    def _attempt(self, act: Callable[[], str | None]) -> str | None:
        """Do it; what the engine itself raises ends the script."""
        try:
            ending = act()
            self.lacked_memory = ending is not None and ending[0] in _BAD_ENDINGS and self._engine.lacked_memory()
        except _quickjs.JSException as error:
            name, _, stack = str(error).partition("\n")
            if self._run.stop is not None:
                self._run.note_position((place_in(stack) or "").encode())
                return None
            if name in ("InternalError: out of memory", "null"):  # at worst the engine has no memory for the words
                raise exceed_memory(self._run) from None
            raise ScriptError(f"{place_in(stack) or self._run.script.name}: {name}") from None
        if self._run.stop is None:
            return ending
        self._engine.recover()
        self._run.note_position((place_in(self._library["whereStopped"]()) or "").encode())
        return None

    def _stopping(self) -> bool:
        return self._run.stop is not None

    def _open_library(self) -> dict[str, Any]:
        context, run = self._engine.context, self._run
        offered = {"end": crossing(self._end, "", run)}
        if self._effects:
            offered |= {
                "write": crossing(self._write, "t", run),
                "write_error": crossing(self._write_error, "t", run),
                "exit": crossing(self._exit, "n", run),
                "arguments": crossing(self._arguments, "", run),
            }
        if self._bindings is not None:
            offered |= crossings(self._bindings.functions(), run)
        for name, function in offered.items():
            context.add_callable(_PREFIX + name, function)
        values, checks, state, console, main = (context.eval(_source(name)) for name in _FILES)
        library = main(_PREFIX, " ".join(offered), values(), checks, state, console)
        parts: dict[str, Any] = dict.fromkeys(_PARTS)
        context.set(_PREFIX + "library", library)
        for name in parts:
            parts[name] = context.eval(f"globalThis['{_PREFIX}library'].{name}")
        context.eval(f"globalThis['{_PREFIX}track'] = globalThis['{_PREFIX}library'].track")
        self._engine.track_rejections(f"{_PREFIX}track")
        context.eval(f"delete globalThis['{_PREFIX}library']; delete globalThis['{_PREFIX}track']")
        self._engine.load_modules(self._resolve, self._read)
        self._engine.limit_memory()
        return parts

    def _resolve(self, importer: str, specifier: str) -> str:
        if self._text is not None and importer == LIBRARY and specifier == f"{_TEXT}{self._texts}":
            return specifier
        return self._modules.resolve(importer, specifier)

    def _read(self, name: str) -> bytes:
        if self._text is None or name != f"{_TEXT}{self._texts}":
            return self._modules.read(name)
        text, self._text = self._text, None
        self._engine.evaluate_into(f"{_PREFIX}value", text, self._run.script.name)
        return b""

    def _write(self, text: str) -> bool:
        self._run.write(text.encode())
        return self._run.stop is None

    def _write_error(self, text: str) -> bool:
        self._run.write_error(text.encode())
        return self._run.stop is None

    def _arguments(self) -> str:
        arguments = (self._run.script.name, *self._run.script.arguments)
        return "\0".join(os.fsencode(argument).decode(errors="replace") for argument in arguments)

    def _end(self) -> None:
        self._over = True

    def _exit(self, code: int) -> None:
        self._run.exit(code)


def place_in(stack: str) -> str | None:
    """Give FILE:LINE of the innermost line of a stack that is a script's.

    >>> place_in("    at f (<input>:1:2)\\n    at <anonymous> (jobs/nightly.js:12:5)")
    'jobs/nightly.js:12'
    """
    import re

    for found in re.finditer(_FRAME, stack, re.MULTILINE):
        if found["file"] != LIBRARY:
            return found["place"]
    return None


def is_out_of_memory(name: str, message: str) -> bool:
    """Tell whether that is what the engine throws when its memory is used up."""
    return (name, message) in _MEMORY_ERRORS


def exceed_memory(run: Run, *, certain: bool = True) -> LimitExceeded:
    """Stop the run because its memory is used up.

    Without memory for an error the engine throws null, so it is not `certain` where a script may have done that.
    """
    needed = f"it needed more than {run.settings.javascript_memory_limit_bytes:,} bytes of memory"
    or_null = "" if certain else ", or threw null, which looks the same"
    return run.exceed(needed + or_null, "[engines.javascript] memory_limit")


def _source(name: str) -> str:
    with open(os.path.join(_LIBRARY, f"{name}.js"), encoding="utf-8") as file:
        return file.read()


def _nothing() -> None:
    return

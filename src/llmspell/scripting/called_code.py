"""How does Python call functions that are written in a script language? A value goes in, a value comes out, as JSON.

The functions stand in one file and run in the sandbox of scripts without everything that has an effect: no store, no
files, no processes, no modules beside the file, no output and no input.

All of a runtime happens in one thread of its own, which waits for calls. So it has stack enough wherever it is called
from, no signal of Python breaks into it, and the caller can stop waiting: what cannot be stopped is left alone with
its thread.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from llmspell import codec
from llmspell.errors import InvalidArgument, LimitExceeded
from llmspell.migrations.transforms.base import Refusal
from llmspell.scripting.run import Run, Script
from llmspell.scripting.running import GRACE_SECONDS, start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell.config import ScriptSettings
    from llmspell.entry import JsonValue

Answer: TypeAlias = tuple[bytes, bytes]
"""Its kind ("loaded", "answer", "unfit", "nothing", "missing", "raised") and its text."""

Question: TypeAlias = tuple[bytes, bytes]
"""The name of a function, and a value as JSON text."""

Exchange: TypeAlias = "Callable[[bytes, bytes], Question | None]"
"""Hands an answer over and waits for the next question; None ends the thread."""

Serve: TypeAlias = "Callable[[Run, Exchange], None]"
"""What a language does in the thread: it loads the file and hands over {"names":[...],"fields":{...}} as "loaded"; then
it answers questions."""


class CalledCode:
    """The functions of one file; `close` it after use. Threads may share it, and then take turns.

    `names` are its functions, `fields` the plain values beside them in its table, `source` its text.
    Globals live as long as the runtime: from call to call, until a limit ends it.
    """

    def __init__(self, path: str, source: bytes, settings: ScriptSettings, serve: Serve, nothing: str) -> None:
        self.source = source
        self._path = path
        self._settings = settings
        self._serve = serve
        self._nothing = nothing
        self._turn = threading.Lock()
        self._session: _Session | None = None
        self._end_session: weakref.finalize[..., CalledCode] | None = None
        loaded = codec.decode(self._open_session())
        table = cast("dict[str, Any]", _in_order(loaded))
        self.names: frozenset[str] = frozenset(table["names"])
        self.fields: Mapping[str, JsonValue] = MappingProxyType(table["fields"])

    def call(self, name: str, text: bytes) -> bytes:
        """Give what the function makes of a value, both as JSON text that `llmspell.codec` has made or could have.

        Numbers keep their kinds, arrays stay arrays. A null is `State.null`, in an object too, where a
        script's `State.load` leaves it out: what a function leaves alone comes back whole. Tables have
        no order, so in the result the fields of every object stand in order of their names. A function that gives
        `State.null` gives null. Every call may take `max_instructions` (`MAX_INSTRUCTIONS` when
        there is no limit) and `timeout_seconds`.

        Raises `Refusal` with file and line when the function fails, gives nothing or what JSON cannot
        hold, is not there, or reaches a limit; after a limit the next call begins with a fresh runtime.
        """
        if name not in self.names:
            known = ", ".join(f'"{known}"' for known in sorted(self.names)) or "none"
            raise Refusal(f'there is no function "{name}" in {self._path}; its functions: {known}')
        with self._turn:
            try:
                kind, result = self._living_session().ask(name.encode(), text)
            except LimitExceeded as error:
                self._leave_session()
                raise Refusal(f'function "{name}": {error}') from None
            except InvalidArgument as error:
                raise Refusal(f"{self._path} could be loaded before, and no more: {error}") from error
            except BaseException:  # an interrupt most likely: where the runtime stands is not known
                self._leave_session()
                raise
        if kind != b"answer":
            raise Refusal(self._reason(name, kind, result))
        return codec.encode(_in_order(codec.decode(result)))

    def close(self) -> None:
        """Let go of the runtime and its thread; a later call would begin with fresh ones."""
        with self._turn:
            self._leave_session()

    def _reason(self, name: str, kind: bytes, result: bytes) -> str:
        if kind == b"nothing":
            gave = f'function "{name}" of {self._path} gave {self._nothing}'
            return f"{gave}; it must return the value as it is to be stored"
        if kind == b"missing":
            return f'function "{name}" of {self._path} was there when the file was loaded first, and is no more'
        message = result.decode(errors="backslashreplace")
        if kind == b"unfit":
            return f'function "{name}" of {self._path}: {message}'
        return f'function "{name}" failed: {self._placed(message)}'

    def _placed(self, message: str) -> str:
        """Give the message of an error with the file in it, which `error(text, 0)` leaves out."""
        return message if os.path.basename(self._path) in message else f"{self._path}: {message}"

    def _living_session(self) -> _Session:
        if self._session is None or not self._session.is_here():
            self._leave_session()
            self._open_session()
        return cast("_Session", self._session)

    def _open_session(self) -> bytes:
        """Start a runtime and load the file; give its table."""
        session = _Session(Run(Script(self.source, self._path, ""), None, self._settings), self._serve)
        self._session, self._end_session = session, weakref.finalize(self, session.leave)
        self._end_session.atexit = False
        try:
            kind, result = session.begin()
        except LimitExceeded as error:
            self._leave_session()
            raise InvalidArgument(str(error)) from None
        except BaseException:
            self._leave_session()
            raise
        if kind != b"loaded":
            self._leave_session()
            raise InvalidArgument(self._placed(result.decode(errors="backslashreplace")))
        return result

    def _leave_session(self) -> None:
        if self._end_session is not None:
            self._end_session()
        self._session = self._end_session = None


class _Session:
    """One runtime in its thread. It holds nothing of the `CalledCode`, so that one that is forgotten ends it."""

    def __init__(self, run: Run, serve: Serve) -> None:
        self._run = run
        self._serve = serve
        self._process = os.getpid()
        self._asked, self._answered = threading.Lock(), threading.Lock()  # free means: something is there to take
        self._asked.acquire()
        self._answered.acquire()
        self._question: tuple[bytes, bytes] | None = None
        self._answer: Answer = b"", b""

    def is_here(self) -> bool:
        """Tell whether the thread is in this process: a fork leaves it behind."""
        return self._process == os.getpid()

    def begin(self) -> Answer:
        """Start the thread and wait until the file is loaded."""
        start_thread(self._execute)
        return self._wait()

    def ask(self, name: bytes, text: bytes) -> Answer:
        """Call a function and wait for its answer."""
        self._question = name, text
        self._asked.release()
        return self._wait()

    def leave(self) -> None:
        """End the thread, at once when it waits and else as soon as Lua can be stopped."""
        self._question = None
        self._run.stop = self._run.stop or SystemExit()
        with suppress(RuntimeError):  # it is free already
            self._asked.release()

    def _wait(self) -> Answer:
        seconds = self._run.settings.timeout_seconds
        if not self._answered.acquire(timeout=min(seconds, threading.TIMEOUT_MAX) or -1):
            self._run.exceed(f"it ran longer than {seconds:g} s", "[runtime] script_timeout_seconds")
            self._answered.acquire(timeout=GRACE_SECONDS)  # it notes where it was
        kind, text = self._answer
        if self._run.stop is not None:
            raise self._run.stop
        return kind, text

    # In the thread -----------------------------------------------------------------------------------------------

    def _execute(self) -> None:
        try:
            self._serve(self._run, self._exchange)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._run.stop = self._run.stop or error
        finally:
            with suppress(RuntimeError):  # nobody took the last answer
                self._answered.release()

    def _exchange(self, kind: bytes, text: bytes) -> Question | None:
        """Hand an answer over and wait for the next call; None ends the thread."""
        self._answer = kind, text
        self._answered.release()
        self._asked.acquire()
        return self._question


def _in_order(value: JsonValue) -> JsonValue:
    """Give the value with the fields of every object in order of their names."""
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_in_order(part) for part in value]
    return value

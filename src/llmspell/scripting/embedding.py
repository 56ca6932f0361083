"""How does a Python program run a script that it does not trust, in its own process?

The script has the store that it is given, and nothing else: no files, no processes, no environment, no input. It
runs in a thread of its own with limits, and what it prints goes into memory. The caller's thread waits.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, NamedTuple

from llmspell import codec
from llmspell.config import ScriptSettings
from llmspell.errors import InvalidArgument, InvalidValue, ScriptError
from llmspell.limits import MAX_INTEGER, MAX_VALUE_BYTES
from llmspell.scripting.registry import LANGUAGES, UNWATCHED
from llmspell.scripting.run import Run, Script
from llmspell.scripting.running import watch
from llmspell.scripting.streams import CapturedStreams

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from llmspell.entry import JsonValue
    from llmspell.store import Store

MAX_RESULT_BYTES = MAX_VALUE_BYTES
"""As Python objects a value takes many times the memory of its text."""

MAX_MESSAGE_LENGTH = 10_000
"""A script may raise a text as large as its memory; whoever logs the error need not hold it."""

_CONFINED = tuple(language for language in LANGUAGES if language not in UNWATCHED)

_LIMIT_OF_SETTING = {
    "script_timeout_seconds": "seconds",
    "memory_limit": "memory_bytes",
    "output_bytes": "output_bytes",
    "max_instructions": "instructions",
}
"""Which of the `Limits` it is that the configuration calls otherwise."""


class Limits(NamedTuple):
    """What one script may use; 0 means no limit.

    `seconds` on the clock; `memory_bytes` of its language, beside what an empty one takes; `output_bytes` that it
    prints, in UTF-8; `instructions` of Lua's machine (JavaScript counts none).
    """

    seconds: float = 10.0
    memory_bytes: int = 67_108_864
    output_bytes: int = 1_048_576
    instructions: int = 0


DEFAULT_LIMITS = Limits()


class ScriptResult(NamedTuple):
    """What came of a script: what it gave (None for nothing), and all that it printed."""

    result: JsonValue
    output: str


def run_script(
    store: Store | None,
    source: str | bytes,
    *,
    language: str = "lua",
    limits: Limits = DEFAULT_LIMITS,
    name: str = "script",
    arguments: Iterable[str] = (),
    modules: str | os.PathLike[str] | None = None,
) -> ScriptResult:
    """Run a script to its end and give its result and its output. Safe in many threads at once.

    The result is the first value that a Lua script returns, or the default export of JavaScript. Without a `store`
    the script has no `State`. `name` is how errors call it, `arguments` are what it finds as its arguments, `modules`
    is the folder that it may load modules from. Each save of the script is a step of its own, as everywhere: what
    it has saved stays, whatever comes later; a transaction that it leaves open is undone.

    Raises `ScriptError` when the script fails or ends with another exit code than 0, `LimitExceeded` when a limit
    stops it (both have the `output` until then, and at most about 10,000 characters of the script's own message),
    `InvalidValue` when JSON cannot hold the result in 10,000,000 bytes, `InvalidArgument` for wrong arguments and
    inside a transaction of this store, where script and caller would wait for each other. Ctrl-C stops the script and
    is raised as `KeyboardInterrupt`. A script that does not stop within half a second is left alone in its thread,
    which ends as soon as it can.

    >>> import llmspell
    >>> with llmspell.open(backend="memory") as store:
    ...     run_script(store, "print('counting') return State.increment('visits', arg[1])", arguments=["ada"])
    ScriptResult(result=1, output='counting\\n')
    """
    script = Script(
        _source(source),
        _text("name", name),
        "" if modules is None else _folder(modules),
        tuple(_text("arguments", argument) for argument in _several(arguments)),
    )
    settings = _settings(limits, _language(language))
    if limits.instructions and language != "lua":
        raise InvalidArgument(
            f"instructions = {limits.instructions} is a limit for Lua, and {language} counts none; use seconds"
        )
    _require_store(store)
    if store is not None and store.in_transaction:
        raise InvalidArgument(
            "a script cannot be run inside a transaction, because it runs in a thread of its own, where each would "
            "wait for the other; run it before or after, or use State.transaction in the script"
        )
    streams = CapturedStreams(limits.output_bytes)
    run = Run(script, store, settings, streams, isolated=True, wants_result=True, advise=_in_limits)
    try:
        if not watch(run, language):
            run.finish()  # it has not come to that by itself
            raise run.stop or KeyboardInterrupt()
        if run.exit_code != 0:
            raise ScriptError(f"{name}: the script asked to end with exit code {run.exit_code}, and 0 means success")
        result = None if run.result is None else _value(run.result)
    except ScriptError as error:
        error.output = streams.text
        error.args = (_shortened(str(error)),)
        raise
    except InvalidValue as error:
        raise InvalidValue(error.path, error.reason, "the result cannot be given") from None
    return ScriptResult(result, streams.text)


def _shortened(message: str) -> str:
    """Cut a message that is too long, and say so.

    >>> _shortened("x" * 20_000)[10_000:]
    ' ... (20,000 characters in all)'
    """
    if len(message) <= MAX_MESSAGE_LENGTH:
        return message
    return f"{message[:MAX_MESSAGE_LENGTH]} ... ({len(message):,} characters in all)"


def _value(text: bytes) -> JsonValue:
    if len(text) > MAX_RESULT_BYTES:
        raise InvalidValue(
            "", f"is {len(text):,} bytes of JSON, and {MAX_RESULT_BYTES:,} are allowed; save it in parts instead"
        )
    return codec.parse(text)  # not `decode`: a language may let pass what no stored text has


def _in_limits(setting: str) -> str:
    """Say where a limit is changed, given its key in the configuration.

    >>> _in_limits("[engines.lua] memory_limit")
    'memory_bytes of the Limits changes that'
    """
    key = setting.rpartition(" ")[2]
    return f"{_LIMIT_OF_SETTING[key]} of the Limits changes that" if key in _LIMIT_OF_SETTING else "it is fixed here"


def _language(language: str) -> str:
    if language in UNWATCHED:
        raise InvalidArgument(
            f'language = "{language}" was asked for, but nothing confines such scripts: run it as code of your own, '
            f"or write it in {' or '.join(_CONFINED)}"
        )
    if language not in _CONFINED:
        raise InvalidArgument(f"there is no language {language!r} for run_script; known: {', '.join(_CONFINED)}")
    return language


def _settings(limits: Limits, language: str) -> ScriptSettings:
    if not isinstance(limits, Limits):
        raise InvalidArgument(f"limits must be Limits, not {limits!r}; write Limits(seconds=2)")
    seconds = limits.seconds
    if type(seconds) not in (int, float) or not 0 <= seconds <= threading.TIMEOUT_MAX:  # NaN is not either
        raise InvalidArgument(
            f"seconds = {seconds!r} was asked for, but it must be a number from 0 (no limit) to "
            f"{math.floor(threading.TIMEOUT_MAX)}"
        )
    for limit in ("memory_bytes", "output_bytes", "instructions"):
        value = getattr(limits, limit)
        if type(value) is not int or not 0 <= value <= MAX_INTEGER:
            raise InvalidArgument(
                f"{limit} = {value!r} was asked for, but it must be a whole number from 0 (no limit) to {MAX_INTEGER}"
            )
    return ScriptSettings(
        default_engine=language,
        memory_limit_bytes=limits.memory_bytes,
        max_instructions=limits.instructions or MAX_INTEGER,  # counting makes every loop stoppable
        timeout_seconds=float(seconds),
        javascript_memory_limit_bytes=limits.memory_bytes,
    )


def _require_store(store: object) -> None:
    from llmspell.store import Store

    if store is not None and not isinstance(store, Store):
        raise InvalidArgument(f"store must be an open store or None, not {store!r}; llmspell.open gives one")


def _source(source: object) -> bytes:
    if isinstance(source, bytes):
        return source
    if not isinstance(source, str):
        raise InvalidArgument(f"source must be text or bytes, not {source!r}; read a file before you give it")
    try:
        return source.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"source holds a lone surrogate at position {error.start}, which is no Unicode; give it as bytes"
        ) from error


def _text(what: str, text: object) -> str:
    """Give a text that every language can be given: Unicode without NUL, which is where some would end it."""
    if not isinstance(text, str) or "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidArgument(f"{what} must be text without NUL and lone surrogates, not {text!r}")
    return text


def _several(arguments: object) -> tuple[object, ...]:
    from collections.abc import Iterable

    if isinstance(arguments, str | bytes) or not isinstance(arguments, Iterable):
        raise InvalidArgument(f'arguments must be several texts, not {arguments!r}; write ["first", "second"]')
    return tuple(arguments)


def _folder(modules: object) -> str:
    import os

    if not isinstance(modules, str | os.PathLike):
        raise InvalidArgument(f"modules must be the path of a folder, not {modules!r}")
    path = os.fspath(modules)
    if not isinstance(path, str) or not os.path.isdir(path):
        raise InvalidArgument(f"modules = {path!r} is no folder; make it, or leave modules out")
    return path

"""How does a Lua script run? In a sandbox of its own, with `State` in its global table."""

from __future__ import annotations

import os

from llmspell.errors import InvalidValue, ScriptError
from llmspell.quick_typing import TYPE_CHECKING
from llmspell.scripting.bindings import Bindings
from llmspell.scripting.host import Host
from llmspell.scripting.lua_border import Border
from llmspell.scripting.lua_sandbox import Sandbox, exceed_memory, is_out_of_memory, new_runtime, without_shebang
from llmspell.scripting.lua_state import build_state, hint

if TYPE_CHECKING:
    from llmspell.scripting.run import Run

_UNFIT = r"the value cannot be stored: (?:it(?= )|((?:\.\w+|\[-?\d+\]|\[\"[^\"]*\"\])*)) ?(.*)"
"""What the encoder says: the path, whole unless names in it have quotes, and the reason."""


def execute(run: Run) -> None:
    """Run the script to its end; raises `ScriptError`, or `LimitExceeded` when memory ran out.

    Where the run wants a result, it is the first value that the script returns; raises `InvalidValue` when JSON
    cannot hold it.
    """
    host = Host(run)
    bindings = Bindings(run.store, host.stopping, run.settings.memory_limit_bytes) if run.store else None
    try:
        done, result, trace, unfit = _run_script(run, host, bindings)
    except MemoryError as error:
        raise exceed_memory(run) from error.with_traceback(None)  # its frames would keep the runtime alive
    finally:
        if bindings:
            bindings.abandon()
    if run.stop is not None:
        return
    if unfit:
        raise _unfit(unfit.decode(errors="backslashreplace"))
    if done:
        run.result = result or None
        return
    message = result.decode(errors="backslashreplace")
    if is_out_of_memory(message):
        raise exceed_memory(run)
    raise ScriptError(message + hint(message, run, host.sources)) from _LuaTraceback(
        trace.decode(errors="backslashreplace")
    )


class _LuaTraceback(Exception):
    pass


def _unfit(sentence: str) -> InvalidValue:
    """Give the error about a result, from what the encoder says of a value.

    >>> _unfit("the value cannot be stored: .rules[2] is a function").path
    '.rules[2]'
    """
    import re

    found = re.fullmatch(_UNFIT, sentence, re.DOTALL)
    return InvalidValue(found[1] or "", found[2]) if found else InvalidValue("", sentence)


def _run_script(run: Run, host: Host, bindings: Bindings | None) -> tuple[bool, bytes, bytes, bytes]:
    """Give whether all went well, its result or what was raised, where that was, and why the result is none."""
    lua = new_runtime()
    border = Border(lua, run)
    try:
        sandbox = Sandbox(lua, border, host.functions(), run.settings)
        state = build_state(sandbox, border, host, bindings) if bindings else None
        encode = sandbox.json().encode if run.wants_result else None
        sandbox.close()
        arguments = [os.fsencode(argument) for argument in run.script.arguments]
        name = os.fsencode(run.script.name)
        script_globals = lua.globals()
        script_globals[b"State"] = state
        script_globals[b"arg"] = lua.table_from(dict(enumerate([name, *arguments])))
        # "@" makes Lua show the name as it is, where other text would be quoted and cut.
        source = without_shebang(run.script.source)
        done, result, trace, unfit = sandbox.run(source, b"@" + name, lua.table_from(arguments), encode)
        return done, result or b"", trace, unfit or b""
    finally:
        border.close()

"""How does a Lua script run? In a sandbox of its own, with `State` in its global table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell.errors import ScriptError
from llmspell.scripting.bindings import Bindings
from llmspell.scripting.host import Host
from llmspell.scripting.lua_border import Border
from llmspell.scripting.lua_sandbox import Sandbox, exceed_memory, is_out_of_memory, new_runtime, without_shebang
from llmspell.scripting.lua_state import build_state, hint

if TYPE_CHECKING:
    from llmspell.scripting.run import Run


def execute(run: Run) -> None:
    """Run the script to its end; raises `ScriptError`, or `LimitExceeded` when memory ran out."""
    host = Host(run)
    bindings = Bindings(run.store, host.stopping, run.settings.memory_limit_bytes) if run.store else None
    try:
        done, raised, trace = _run_script(run, host, bindings)
    except MemoryError as error:
        raise exceed_memory(run) from error.with_traceback(None)  # its frames would keep the runtime alive
    finally:
        if bindings:
            bindings.abandon()
    if done or run.stop is not None:
        return
    message = raised.decode(errors="backslashreplace")
    if is_out_of_memory(message):
        raise exceed_memory(run)
    raise ScriptError(message + hint(message, run, host.sources)) from _LuaTraceback(
        trace.decode(errors="backslashreplace")
    )


class _LuaTraceback(Exception):
    pass


def _run_script(run: Run, host: Host, bindings: Bindings | None) -> tuple[bool, bytes, bytes]:
    lua = new_runtime()
    border = Border(lua, run)
    try:
        sandbox = Sandbox(lua, border, host.functions(), run.settings)
        state = build_state(sandbox, border, host, bindings) if bindings else None
        sandbox.close()
        arguments = [os.fsencode(argument) for argument in run.script.arguments]
        name = os.fsencode(run.script.name)
        script_globals = lua.globals()
        script_globals[b"State"] = state
        script_globals[b"arg"] = lua.table_from(dict(enumerate([name, *arguments])))
        # "@" makes Lua show the name as it is, where other text would be quoted and cut.
        done, raised, trace = sandbox.run(without_shebang(run.script.source), b"@" + name, lua.table_from(arguments))
        return done, raised, trace
    finally:
        border.close()

"""How does Python call functions that are written in Lua?

The file returns a table of them. Of `State` there are only `State.null` and `State.array`. `pairs` goes in
order: numbers, then texts. The thread waits for calls inside of Lua.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell.scripting.called_code import CalledCode
from llmspell.scripting.host import Host
from llmspell.scripting.lua_border import Border
from llmspell.scripting.lua_sandbox import Sandbox, exceed_memory, is_out_of_memory, new_runtime, without_shebang

if TYPE_CHECKING:
    from llmspell.config import ScriptSettings
    from llmspell.scripting.called_code import Exchange, Question
    from llmspell.scripting.run import Run

MAX_INSTRUCTIONS = 100_000_000
"""What one call may take when the configuration sets no limit: about a second."""

_HOST_FUNCTIONS = ("getenv", "stopping", "note_position", "exceed_instructions")


def open_code(path: str, source: bytes, settings: ScriptSettings) -> CalledCode:
    """Load the functions of a Lua file; `path` is how errors call it, nothing is read from there.

    The file runs once, now; it must return a table. Raises `InvalidArgument` with file and line
    when it cannot be loaded, fails, reaches a limit, or returns anything else. Every call may take
    `max_instructions` (`MAX_INSTRUCTIONS` when there is no limit).
    """
    bounded = settings._replace(
        stdlib="safe",
        allow_file_access=False,
        allow_process_spawn=False,
        max_instructions=settings.max_instructions or MAX_INSTRUCTIONS,
    )
    return CalledCode(path, source, bounded, _serve, "nil")


def _serve(run: Run, exchange: Exchange) -> None:
    lua = new_runtime()
    border = Border(lua, run)

    def ask(kind: bytes, text: bytes) -> Question | None:
        if kind == b"raised" and is_out_of_memory(text.decode(errors="backslashreplace")):
            exceed_memory(run)
        return exchange(kind, text)

    try:
        functions = Host(run).functions()
        permitted = {name: functions[name] for name in _HOST_FUNCTIONS}
        sandbox = Sandbox(lua, border, {**permitted, "module_source": _no_module}, run.settings)
        serve, adapt = sandbox.part("code")(border.function(ask), sandbox.guard, sandbox.protected, *sandbox.json())
        sandbox.close()
        adapt()
        serve(without_shebang(run.script.source), b"@" + os.fsencode(run.script.name))
    except MemoryError:
        exceed_memory(run)
    finally:
        border.close()


def _no_module(name: bytes) -> tuple[None, str]:
    return None, "the functions of a migration stand in one file, and load no other"

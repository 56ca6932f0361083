"""How does a Lua script run? Lua 5.4 through lupa, with nothing of Python in reach.

A script sees Lua values only: every function it can call is a Lua function, the host's functions
stand behind those as upvalues, and the library in `lua_library/` takes everything else away before
the script starts. Text crosses as bytes, so that nothing is decoded that is not looked at.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NoReturn, cast

from lupa import lua54

from llmspell.codec import encode_number
from llmspell.errors import LimitExceeded, ScriptError
from llmspell.limits import MAX_INTEGER
from llmspell.scripting.bindings import Bindings
from llmspell.scripting.host import Host, quote, unquote
from llmspell.scripting.lua_border import Border

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell.scripting.run import Run

_LIBRARY = os.path.join(os.path.dirname(__file__), "lua_library")


def execute(run: Run) -> None:
    """Run the script to its end; raises `ScriptError`, or `LimitExceeded` when memory ran out."""
    host = Host(run)
    bindings = Bindings(run.store, host.stopping, run.settings.memory_limit_bytes) if run.store else None
    try:
        done, raised, trace = _run_script(run, host, bindings)
    except MemoryError as error:
        raise _memory_exceeded(run) from error.with_traceback(None)  # its frames would keep the runtime alive
    finally:
        if bindings:
            bindings.abandon()
    if done or run.stop is not None:
        return
    message = raised.decode(errors="backslashreplace")
    if re.fullmatch(_OUT_OF_MEMORY, message, re.DOTALL):
        raise _memory_exceeded(run)
    raise ScriptError(message + _hint(message, run, host.sources)) from _LuaTraceback(
        trace.decode(errors="backslashreplace")
    )


class _LuaTraceback(Exception):
    pass


def _run_script(run: Run, host: Host, bindings: Bindings | None) -> tuple[bool, bytes, bytes]:
    lua = lua54.LuaRuntime(
        encoding=None,
        unpack_returned_tuples=True,
        register_eval=False,
        register_builtins=False,
        attribute_filter=_no_attributes,
        max_memory=0,  # countable; the limit comes when the script begins
    )
    border = Border(lua, run)
    try:
        start = _prepare(lua, border, run, host, bindings)
        # "@" makes Lua show the name as it is, where other text would be quoted and cut.
        name = b"@" + os.fsencode(run.script.name)
        arguments = lua.table_from([os.fsencode(argument) for argument in run.script.arguments])
        return start(_without_shebang(run.script.source), name, arguments)
    finally:
        border.close()


def _prepare(
    lua: lua54.LuaRuntime, border: Border, run: Run, host: Host, bindings: Bindings | None
) -> Callable[..., tuple[bool, bytes, bytes]]:
    """Build the library, close the sandbox, and give the function that starts a script."""
    allowed = {
        b"file_access": run.settings.allow_file_access,
        b"process_spawn": run.settings.allow_process_spawn,
        b"full_library": run.settings.stdlib == "full",
    }
    limits = {b"instructions": min(run.settings.max_instructions, MAX_INTEGER)}
    script_globals = lua.globals()
    true_pcall, true_xpcall = script_globals[b"pcall"], script_globals[b"xpcall"]
    true_traceback = script_globals[b"debug"][b"traceback"]
    host_functions = border.table({**host.functions(), "limit_memory": border.limit_memory})
    permitted = lua.table_from(allowed)
    guard = _chunk(lua, "guard")(host_functions, permitted, lua.table_from(limits))
    start = _chunk(lua, "main")(guard[b"begin"], true_xpcall, true_traceback)
    state = _state(lua, border, host, bindings, guard, true_pcall) if bindings else None
    _chunk(lua, "sandbox")(host_functions, permitted, guard)
    script_globals[b"State"] = state
    arg = {index: os.fsencode(argument) for index, argument in enumerate(run.script.arguments, 1)}
    script_globals[b"arg"] = lua.table_from({0: os.fsencode(run.script.name), **arg})
    return cast("Callable[..., tuple[bool, bytes, bytes]]", start)


def _state(lua: lua54.LuaRuntime, border: Border, host: Host, bindings: Bindings, guard: Any, true_pcall: Any) -> Any:
    """Build the table `State`."""
    functions = border.table({**bindings.functions(), "stopping": host.stopping})
    encode, mark_array, null, array_mark = _chunk(lua, "encode")(
        border.function(quote), border.function(encode_number), guard[b"metatable_of"], guard[b"hide"]
    )
    decode = _chunk(lua, "decode")(border.function(unquote), null, array_mark)
    return _chunk(lua, "state")(
        functions, encode, decode, mark_array, null, guard[b"raise_halt"], true_pcall, guard[b"position"]
    )


def _chunk(lua: lua54.LuaRuntime, name: str) -> Any:
    """Load a part of the library; its functions count as llmspell's when errors look for the script's line."""
    with open(os.path.join(_LIBRARY, f"{name}.lua"), "rb") as file:
        return lua.compile(file.read(), name=f"=llmspell/{name}.lua".encode())


def _no_attributes(thing: object, name: object, setting: bool) -> NoReturn:
    raise AttributeError("not allowed")


def _without_shebang(source: bytes) -> bytes:
    """Make a first line that begins with # a comment, as Lua's own interpreter does."""
    source = source.removeprefix(b"\xef\xbb\xbf")
    return b"--" + source if source.startswith(b"#") else source


# Patterns are compiled when an error is made; compiling them at import would slow down every start.
_OUT_OF_MEMORY = r"(.*:\d+: )?not enough memory"
_LINE_END = r"\r\n|\n\r|\r|\n"
_LONGEST_NAME = 59
"""Lua shows of a longer name of a chunk only its end, behind three dots."""

_RENAMED = {"set": "save", "get": "load", "list": "list_keys", "keys": "list_keys", "remove": "delete", "has": "exists"}
_MIGRATIONS = ("migrate", "migration_status", "schema_versions")
_BACKUPS = (
    "create_backup",
    "list_backups",
    "restore_backup",
    "validate_backup",
    "cleanup_backups",
    "get_storage_usage",
)


def _hint(message: str, run: Run, sources: Mapping[bytes, bytes]) -> str:
    """Give what to add to an error that a wrong use of `State` has caused."""
    if "(global 'State')" in message and run.store is None:
        return "; State does not exist because [state] enabled = false in the configuration"
    name = _absent_function(message, sources)
    if name is None or run.store is None:
        return ""
    if name in _MIGRATIONS or name in _BACKUPS:
        what = "migrations" if name in _MIGRATIONS else "backups"
        return f"; State.{name} is nil because this version has no {what}"
    from difflib import get_close_matches

    nearest = _RENAMED.get(name) or next(iter(get_close_matches(name, Bindings.NAMES, 1)), None)
    known = ", ".join(Bindings.NAMES)
    return f"; State.{name} does not exist" + (f", use State.{nearest}" if nearest else f"; known: {known}")


def _absent_function(message: str, sources: Mapping[bytes, bytes]) -> str | None:
    """Give the name of what was called in `State` and is not there, when that is what the message is about."""
    for name, source in sources.items():
        shown = name if len(name) <= _LONGEST_NAME else b"..." + name[3 - _LONGEST_NAME :]
        where = re.escape(shown.decode(errors="backslashreplace"))
        found = re.search(rf"{where}:(\d+): attempt to call a nil value \(field '(\w+)'\)", message)
        if not found:
            continue
        lines = re.split(_LINE_END, source.decode(errors="replace"))
        number, field = int(found[1]), found[2]
        if number <= len(lines) and re.search(rf"\bState\s*\.\s*{field}\b", lines[number - 1]):
            return field
    return None


def _memory_exceeded(run: Run) -> LimitExceeded:
    limit = run.settings.memory_limit_bytes
    return run.exceed(f"it needed more than {limit:,} bytes of memory", "[engines.lua] memory_limit")

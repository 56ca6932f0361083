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

from llmspell.errors import LimitExceeded, ScriptError
from llmspell.scripting.bindings import Bindings
from llmspell.scripting.host import Host, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell.config import ScriptSettings
    from llmspell.scripting.run import Run

_LIBRARY = os.path.join(os.path.dirname(__file__), "lua_library")


def execute(run: Run) -> None:
    """Run the script to its end; raises `ScriptError`, or `LimitExceeded` when memory ran out."""
    settings = run.settings
    host = Host(run)
    bindings = Bindings(run.store, host.stopping) if run.store else None
    lua = _runtime(settings)
    try:
        start = _prepare(lua, run, host, bindings)
        # "@" makes Lua show the name as it is, where other text would be quoted and cut.
        name = f"@{run.script.name}".encode(errors="surrogateescape")
        arguments = lua.table_from([os.fsencode(argument) for argument in run.script.arguments])
        done, raised, trace = start(_without_shebang(run.script.source), name, arguments)
    except (lua54.LuaMemoryError, MemoryError) as error:
        raise _memory_exceeded(run) from error
    finally:
        if bindings:
            bindings.abandon()
    if not done and run.stop is None:
        message = raised.decode(errors="backslashreplace")
        if message.endswith("not enough memory"):
            raise _memory_exceeded(run)
        raise ScriptError(message + _hint(message, run)) from _LuaTraceback(trace.decode(errors="backslashreplace"))


class _LuaTraceback(Exception):
    pass


def _runtime(settings: ScriptSettings) -> lua54.LuaRuntime:
    return lua54.LuaRuntime(
        encoding=None,
        unpack_returned_tuples=True,
        register_eval=False,
        register_builtins=False,
        attribute_filter=_no_attributes,
        max_memory=settings.memory_limit_bytes or None,
    )


def _prepare(
    lua: lua54.LuaRuntime, run: Run, host: Host, bindings: Bindings | None
) -> Callable[..., tuple[bool, bytes, bytes]]:
    """Build the library, close the sandbox, and give the function that starts a script."""
    allowed = {
        b"file_access": run.settings.allow_file_access,
        b"process_spawn": run.settings.allow_process_spawn,
        b"full_library": run.settings.stdlib == "full",
    }
    limits = {b"instructions": run.settings.max_instructions}
    json_chunk, state_chunk, main_chunk = (_chunk(lua, name) for name in ("json", "state", "main"))
    script_globals = lua.globals()
    xpcall = script_globals[b"xpcall"]
    sandbox = _chunk(lua, "sandbox")(_functions(lua, host.functions()), lua.table_from(allowed), lua.table_from(limits))
    raise_halt, pcall, position, traceback = sandbox
    start = main_chunk(xpcall, traceback)
    if bindings:
        functions = {**bindings.functions(), "stopping": host.stopping}
        for name in ("list_keys", "scopes"):
            functions[name] = _giving_tables(lua, functions[name])
        codec = json_chunk(quote, unquote)
        script_globals[b"State"] = state_chunk(_functions(lua, functions), *codec, raise_halt, pcall, position)
    arg = {index: os.fsencode(argument) for index, argument in enumerate(run.script.arguments, 1)}
    script_globals[b"arg"] = lua.table_from({0: os.fsencode(run.script.name), **arg})
    return cast("Callable[..., tuple[bool, bytes, bytes]]", start)


def _chunk(lua: lua54.LuaRuntime, name: str) -> Any:
    """Load a part of the library; its functions count as llmspell's when errors look for the script's line."""
    with open(os.path.join(_LIBRARY, f"{name}.lua"), "rb") as file:
        return lua.compile(file.read(), name=f"=llmspell/{name}.lua".encode())


def _functions(lua: lua54.LuaRuntime, functions: Mapping[str, Callable[..., object]]) -> Any:
    return lua.table_from({name.encode(): function for name, function in functions.items()})


def _giving_tables(lua: lua54.LuaRuntime, function: Callable[..., object]) -> Callable[..., object]:
    def call(*arguments: object) -> object:
        result = function(*arguments)
        return lua.table_from([text.encode() for text in result]) if isinstance(result, list) else result

    return call


def _no_attributes(thing: object, name: object, setting: bool) -> NoReturn:
    raise AttributeError("not allowed")


def _without_shebang(source: bytes) -> bytes:
    """Make a first line that begins with # a comment, as Lua's own interpreter does."""
    source = source.removeprefix(b"\xef\xbb\xbf")
    return b"--" + source if source.startswith(b"#") else source


def _memory_exceeded(run: Run) -> LimitExceeded:
    limit = run.settings.memory_limit_bytes
    return run.exceed(f"it needed more than {limit:,} bytes of memory", "[engines.lua] memory_limit")


_NIL_FIELD = re.compile(r":(\d+): attempt to call a nil value \(field '(\w+)'\)")
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


def _hint(message: str, run: Run) -> str:
    """Give what to add to an error that a wrong use of `State` has caused."""
    if "(global 'State')" in message and run.store is None:
        return "; State does not exist because [state] enabled = false in the configuration"
    found = _NIL_FIELD.search(message)
    if not found or run.store is None:
        return ""
    name = found.group(2)
    lines = run.script.source.decode(errors="replace").splitlines()
    line = lines[int(found.group(1)) - 1] if int(found.group(1)) <= len(lines) else ""
    if not re.search(rf"\bState\s*\.\s*{name}\b", line):
        return ""
    if name in _MIGRATIONS or name in _BACKUPS:
        what = "migrations" if name in _MIGRATIONS else "backups"
        return f"; State.{name} is nil because this version has no {what}"
    known = list(Bindings.NAMES)
    from difflib import get_close_matches

    nearest = _RENAMED.get(name) or next(iter(get_close_matches(name, known, 1)), None)
    return f"; State.{name} does not exist" + (f", use State.{nearest}" if nearest else f"; known: {', '.join(known)}")

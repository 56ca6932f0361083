"""How is a Lua 5.4 runtime made that has nothing of Python, and of the machine only what is permitted?

Code in it sees Lua values only: every function that it can call is a Lua function, the host's
functions stand behind those as upvalues, and the library in `lua_library/` takes everything else
away. Text crosses as bytes, so that nothing is decoded that is not looked at.
"""

from __future__ import annotations

import os

import lupa.lua54 as lua54  # "from lupa" would import `re`

from llmspell.codec import encode_number
from llmspell.limits import MAX_INTEGER
from llmspell.quick_typing import TYPE_CHECKING, NamedTuple
from llmspell.scripting.lua_spelling import draft_of, spell, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

    from llmspell.config import ScriptSettings
    from llmspell.errors import LimitExceeded
    from llmspell.scripting.lua_border import Border
    from llmspell.scripting.run import Run

_LIBRARY = os.path.join(os.path.dirname(__file__), "lua_library")
_OUT_OF_MEMORY = r"(.*:\d+: )?not enough memory"


def new_runtime() -> lua54.LuaRuntime:
    """Give a runtime that is still open: a `Sandbox` closes it."""
    return lua54.LuaRuntime(
        encoding=None,
        unpack_returned_tuples=True,
        register_eval=False,
        register_builtins=False,
        attribute_filter=_no_attributes,
        max_memory=0,  # countable; the limit comes when the code begins
    )


class Json(NamedTuple):
    """The functions of the library that turn values into JSON text and back."""

    encode: Any
    decode: Any
    mark_array: Any
    null: Any
    draft: Any


class Sandbox:
    """A runtime under preparation: parts of the library are loaded, then `close` takes away what they were made of.

    `run(source, name, arguments)` runs a chunk, `protected(function, ...)` a function of the
    library; both give whether all went well, the result or what was raised, and where it was.
    """

    def __init__(
        self,
        lua: lua54.LuaRuntime,
        border: Border,
        functions: Mapping[str, Callable[..., object]],
        settings: ScriptSettings,
    ) -> None:
        self._lua = lua
        self._border = border
        self._json: Json | None = None
        self._functions = border.table({**functions, "limit_memory": border.limit_memory})
        self._permitted = lua.table_from(
            {
                b"file_access": settings.allow_file_access,
                b"process_spawn": settings.allow_process_spawn,
                b"full_library": settings.stdlib == "full",
            }
        )
        limits = {b"instructions": min(settings.max_instructions, MAX_INTEGER)}
        true_globals = lua.globals()
        self.true_pcall = true_globals[b"pcall"]
        self.guard = self.part("guard")(self._functions, self._permitted, lua.table_from(limits))
        self.run, self.protected = self.part("main")(
            self.guard[b"begin"],
            self.guard[b"position"],
            true_globals[b"xpcall"],
            true_globals[b"debug"][b"traceback"],
        )

    def part(self, name: str) -> Any:
        """Load a part of the library; its functions count as llmspell's when errors look for the script's line."""
        with open(os.path.join(_LIBRARY, f"{name}.lua"), "rb") as file:
            return self._lua.compile(file.read(), name=f"=llmspell/{name}.lua".encode())

    def json(self) -> Json:
        """Give the encoder and the decoder; both are built once, because they share null and the mark of arrays."""
        if self._json is None:
            self._json = self._build_json()
        return self._json

    def _build_json(self) -> Json:
        border, guard = self._border, self.guard
        encode, mark_array, null, array_mark, draft = self.part("encode")(
            border.function(spell), border.function(encode_number), guard[b"metatable_of"], guard[b"hide"]
        )
        decode = self.part("decode")(border.function(draft_of), border.function(unquote), null, array_mark)
        return Json(encode, decode, mark_array, null, draft)

    def close(self) -> None:
        """Take everything out of the global table that is not permitted."""
        self.part("sandbox")(self._functions, self._permitted, self.guard)


def without_shebang(source: bytes) -> bytes:
    """Make a first line that begins with # a comment, as Lua's own interpreter does.

    >>> without_shebang(b"#!/usr/bin/lua")
    b'--#!/usr/bin/lua'
    """
    source = source.removeprefix(b"\xef\xbb\xbf")
    return b"--" + source if source.startswith(b"#") else source


def is_out_of_memory(message: str) -> bool:
    """Tell whether that is what Lua raises when its memory is used up.

    >>> is_out_of_memory("t.lua:1: not enough memory")
    True
    """
    import re

    return re.fullmatch(_OUT_OF_MEMORY, message, re.DOTALL) is not None


def exceed_memory(run: Run) -> LimitExceeded:
    """Stop the run because its memory is used up."""
    limit = run.settings.memory_limit_bytes
    return run.exceed(f"it needed more than {limit:,} bytes of memory", "[engines.lua] memory_limit")


def _no_attributes(thing: object, name: object, setting: bool) -> NoReturn:
    raise AttributeError("not allowed")

"""How does a function of the host become one that Lua can call without harm?

Lua leaves a C function by a long jump when memory runs out. Out of the middle of Python that jump
would leave the interpreter's lock behind and hang the process, so a result crosses only when there
is room for it. It crosses as what Lua has itself (nil, booleans, numbers, bytes), and an exception
ends the script: no Python object is ever handed over.
"""

from __future__ import annotations

from llmspell.quick_typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from llmspell.scripting.run import Run

SPARE_BYTES = 4096
"""More than Lua takes for a result beside the text in it."""

NO_ROOM = (None, b"not enough memory")
"""Given instead of a result: Lua always holds this text, so handing it over takes no memory."""

_WEIGHTLESS = frozenset((bool, int, float, type(None)))


class Border:
    """The border of one Lua runtime, from its preparation until `close`."""

    def __init__(self, lua: Any, run: Run) -> None:
        self._lua = lua
        self._run = run
        self._most_bytes = 0

    def table(self, functions: Mapping[str, Callable[..., object]]) -> Any:
        """Give a Lua table of the functions, each as `function` gives it."""
        return self._lua.table_from({name.encode(): self.function(function) for name, function in functions.items()})

    def function(self, function: Callable[..., object]) -> Callable[..., object]:
        """Wrap a function: a tuple becomes several results, a list of names text with NUL between them."""
        run, weightless = self._run, _WEIGHTLESS

        def call(*arguments: object) -> object:
            try:
                result = function(*arguments)
                if type(result) in weightless:
                    return result
                return self._weighed(result if type(result) is bytes else _plain(result))
            except MemoryError:
                return NO_ROOM
            except Exception as error:  # noqa: BLE001 - it ends the script; Lua must not see it
                run.stop = run.stop or error
                return None

        return call

    def limit_memory(self) -> None:
        """From now on the script may take as much memory as the settings say.

        Lua calls this itself, because a limit that is reached outside of a protected call ends the process.
        """
        limit = self._run.settings.memory_limit_bytes
        if limit:
            self._lua.gccollect()  # what the library has left behind would count as room
            self._most_bytes = min(self._lua.get_memory_used(total=True) + limit, 2**62)
            self._lua.set_max_memory(self._most_bytes, total=True)

    def close(self) -> None:
        """Let go of the runtime: its functions hold this border, and would keep each other alive."""
        self._lua = None

    def _weighed(self, result: object) -> object:
        if not self._most_bytes:
            return result
        if type(result) is bytes:
            size = len(result) + SPARE_BYTES
        else:
            parts = cast("tuple[object, ...]", result)
            size = sum(len(part) for part in parts if isinstance(part, bytes)) + SPARE_BYTES
        if self._lua.get_memory_used(total=True) + size > self._most_bytes:
            self._lua.gccollect()
            if self._lua.get_memory_used(total=True) + size > self._most_bytes:
                return NO_ROOM
        return result


def _plain(result: object) -> object:
    """Give a result as Lua can take it.

    >>> _plain((None, "no such entry"))
    (None, b'no such entry')
    """
    if isinstance(result, bytes) or type(result) in _WEIGHTLESS:
        return result
    if isinstance(result, str):
        return result.encode(errors="backslashreplace")
    if isinstance(result, tuple):
        return tuple(_plain(part) for part in result)
    if isinstance(result, list):
        return b"\0".join(name.encode() for name in result)
    raise TypeError(f"a {type(result).__name__} cannot be given to Lua")

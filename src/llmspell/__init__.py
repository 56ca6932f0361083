"""State that outlives the scripts and agents that use it.

>>> import llmspell
>>> with llmspell.open(backend="memory") as store:
...     _ = store.save("agent:writer", "mood", "curious")
...     store.load("agent:writer", "mood")
'curious'
"""

from llmspell.quick_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell import errors
    from llmspell.entry import Change, Entry, JsonValue
    from llmspell.errors import Conflict, InvalidArgument, InvalidValue, LlmspellError, StoreError
    from llmspell.opening import open
    from llmspell.state import State
    from llmspell.store import Store
    from llmspell.version import __version__

__all__ = [
    "Change",
    "Conflict",
    "Entry",
    "InvalidArgument",
    "InvalidValue",
    "JsonValue",
    "LlmspellError",
    "State",
    "Store",
    "StoreError",
    "__version__",
    "errors",
    "open",
]

_MODULE_OF_NAME = {
    **dict.fromkeys(("Change", "Entry", "JsonValue"), "entry"),
    **dict.fromkeys(("Conflict", "InvalidArgument", "InvalidValue", "LlmspellError", "StoreError"), "errors"),
    "State": "state",
    "Store": "store",
    "__version__": "version",
    "open": "opening",
}


if not TYPE_CHECKING:  # so that a type checker knows these names and no others

    def __getattr__(name: str) -> object:
        # Imported when one is asked for: the command passes through here before it has said how it wants to start.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = __import__(f"llmspell.{_MODULE_OF_NAME.get(name, name)}", fromlist=[""])
        value = globals()[name] = getattr(module, name) if name in _MODULE_OF_NAME else module
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

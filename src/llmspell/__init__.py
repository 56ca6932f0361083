"""State that outlives the scripts and agents that use it.

>>> import llmspell
>>> with llmspell.open(backend="memory") as store:
...     _ = store.save("agent:writer", "mood", "curious")
...     store.load("agent:writer", "mood")
'curious'
"""

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

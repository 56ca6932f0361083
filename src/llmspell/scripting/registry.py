"""Which language is a script written in? Suffixes are looked up here, adapters are imported when one is used."""

from __future__ import annotations

import os

from llmspell.errors import InvalidArgument
from llmspell.quick_typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell.config import ScriptSettings
    from llmspell.scripting.code import Code
    from llmspell.scripting.run import Run
    from llmspell.scripting.session import Session

_LANGUAGE_OF_SUFFIX = {".lua": "lua", ".js": "javascript", ".mjs": "javascript", ".py": "python"}
_ADAPTER_OF_LANGUAGE = {
    "lua": "llmspell.scripting.lua",
    "javascript": "llmspell.scripting.javascript",
    "python": "llmspell.scripting.python",
}
_SESSION_OF_LANGUAGE = {
    "lua": "llmspell.scripting.lua_session",
    "javascript": "llmspell.scripting.javascript_session",
    "python": "llmspell.scripting.python_session",
}
_CODE_ADAPTER_OF_LANGUAGE = {"lua": "llmspell.scripting.lua_code", "javascript": "llmspell.scripting.javascript_code"}

LANGUAGES = tuple(_ADAPTER_OF_LANGUAGE)

UNWATCHED = frozenset({"python"})
"""The languages whose scripts are no guests: they run in the main thread, without limits, as programs of their own."""


class Adapter(Protocol):
    """What the module that runs a language's scripts must offer."""

    def execute(self, run: Run) -> None:
        """Run the script to its end; raises `ScriptError` or `LimitExceeded`."""


class Converser(Protocol):
    """What the module that converses in a language must offer."""

    def open_session(self, run: Run) -> Session:
        """Begin a conversation; raises `InvalidArgument` where the language is refused."""


class CodeAdapter(Protocol):
    """What the module that calls functions of a language must offer."""

    def open_code(self, path: str, source: bytes, settings: ScriptSettings) -> Code:
        """Load the functions of a file; raises `InvalidArgument`."""


def language_of(path: str, default: str) -> str:
    """Give the language of a script by its suffix; a path without one is in the `default` language.

    >>> language_of("jobs/nightly.lua", "lua")
    'lua'
    """
    suffix = os.path.splitext(path)[1]
    if not suffix:
        return default
    language = _LANGUAGE_OF_SUFFIX.get(suffix.lower())
    if language is None:
        known = ", ".join(_LANGUAGE_OF_SUFFIX)
        raise InvalidArgument(f'"{path}" has the suffix {suffix}, which is no language known here; known: {known}')
    return language


def adapter_of(language: str) -> Adapter:
    """Give the module that runs scripts of `language`."""
    return cast("Adapter", _module_of(language, _ADAPTER_OF_LANGUAGE))


def open_session(language: str, run: Run) -> Session:
    """Begin a conversation in `language`; raises `InvalidArgument` for one that is unknown or refused."""
    return cast("Converser", _module_of(language, _SESSION_OF_LANGUAGE)).open_session(run)


def code_adapter_of(language: str) -> CodeAdapter:
    """Give the module that calls functions written in `language`."""
    return cast("CodeAdapter", _module_of(language, _CODE_ADAPTER_OF_LANGUAGE))


def _module_of(language: str, modules: Mapping[str, str]) -> object:
    name = modules.get(language)
    if name is None:
        raise InvalidArgument(f'there is no language "{language}"; known: {", ".join(modules)}')
    return __import__(name, fromlist=[""])

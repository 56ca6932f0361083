"""Which language is a script written in? Suffixes are looked up here, adapters are imported when one is used."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from llmspell.errors import InvalidArgument

if TYPE_CHECKING:
    from llmspell.scripting.run import Run

_LANGUAGE_OF_SUFFIX = {".lua": "lua"}
_ADAPTER_OF_LANGUAGE = {"lua": "llmspell.scripting.lua"}

LANGUAGES = tuple(_ADAPTER_OF_LANGUAGE)


class Adapter(Protocol):
    """What a language's module must offer."""

    def execute(self, run: Run) -> None:
        """Run the script to its end; raises `ScriptError` or `LimitExceeded`."""


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
    name = _ADAPTER_OF_LANGUAGE.get(language)
    if name is None:
        raise InvalidArgument(f'there is no language "{language}"; known: {", ".join(LANGUAGES)}')
    return cast("Adapter", import_module(name))

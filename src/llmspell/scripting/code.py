"""How are functions loaded that are written in a script language? By the file's suffix, as scripts are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from llmspell.scripting.registry import code_adapter_of, language_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell.config import ScriptSettings
    from llmspell.entry import JsonValue


CALL_SECONDS = 10.0
"""The longest that one call may take, whatever the settings allow a script: others wait for their turn meanwhile."""


class Code(Protocol):
    """The functions of one file, in whatever language."""

    names: frozenset[str]
    """Its functions."""

    fields: Mapping[str, JsonValue]
    """The plain values that stand beside them."""

    source: bytes

    def call(self, name: str, text: bytes) -> bytes:
        """Give what the function makes of a value, both as JSON text; raises `Refusal`."""

    def close(self) -> None:
        """Let go of what it holds."""


def open_code(path: str, source: bytes, settings: ScriptSettings) -> Code:
    """Load the functions of a file; raises `InvalidArgument` when the language is not known or the file is wrong.

    A call has the limits of the settings, and at most `CALL_SECONDS`.
    """
    bounded = settings._replace(timeout_seconds=min(settings.timeout_seconds or CALL_SECONDS, CALL_SECONDS))
    return code_adapter_of(language_of(path, "")).open_code(path, source, bounded)

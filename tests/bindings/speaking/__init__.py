"""In which languages are the cases spoken? One module each, all with the same functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from tests.bindings.speaking import javascript, lua, python

if TYPE_CHECKING:
    from collections.abc import Sequence

    import llmspell
    from tests.bindings.comparing import Outcome
    from tests.bindings.reading import Step


class Speaker(Protocol):
    """What a language's module offers."""

    def outcomes(self, steps: Sequence[Step], store: llmspell.Store) -> list[Outcome]:
        """Take the steps through the real adapter and give what came of each."""

    def copy(self, values: dict[str, Any], store: llmspell.Store, scope: str) -> None:
        """Save each value in the scope, under its name."""

    def write_back(self, store: llmspell.Store, scope: str) -> None:
        """Load every value of the scope and save what was loaded where it was."""


SPEAKERS: dict[str, Speaker] = {
    "lua": lua,
    "javascript": javascript,
    "python": python,
}
LANGUAGES = tuple(SPEAKERS)

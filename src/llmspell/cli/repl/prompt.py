"""How does a person type at a terminal? With history, completion and colours; only here prompt_toolkit is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyPressEvent

    from llmspell.cli.repl.completion import Answer
    from llmspell.cli.repl.history import History

_PROMPTS = {"lua": "lua> ", "javascript": "js> ", "python": "py> "}
_INDENT = "    "
_MENU_LINES = 6

# The terminal's own colours, which can be read on its own background.
_STYLE = {
    "pygments.keyword": "bold",
    "pygments.literal.string": "ansigreen",
    "pygments.literal.number": "ansicyan",
    "pygments.comment": "ansibrightblack",
}


class Prompt:
    """A `Reader` of a terminal. `answers` completes: it is given the text before the cursor."""

    def __init__(
        self, language: str, history: History, answers: Callable[[str], list[Answer]], *, coloured: bool
    ) -> None:
        self._first = _PROMPTS[language]
        self._next = "...> ".rjust(len(self._first))
        self._history = history
        self._session: PromptSession[str] = PromptSession(
            history=history,
            completer=_Completer(answers),
            complete_while_typing=False,
            complete_in_thread=True,
            lexer=_lexer(language) if coloured else None,
            style=Style.from_dict(_STYLE),
            include_default_pygments_style=False,
            color_depth=None if coloured else ColorDepth.DEPTH_1_BIT,
            key_bindings=_indenting(),
            prompt_continuation=self._next,
            reserve_space_for_menu=_MENU_LINES,
        )

    def line(self, more: bool) -> str:
        """See `Reader.line`."""
        return self._session.prompt(self._next if more else self._first)

    def remember(self, text: str) -> None:
        """See `Reader.remember`."""
        self._history.remember(text)


class _Completer(Completer):
    def __init__(self, answers: Callable[[str], list[Answer]]) -> None:
        self._answers = answers

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        for answer in self._answers(document.text_before_cursor):
            yield Completion(answer.text, -answer.replaced, display=answer.shown)


def _lexer(language: str) -> PygmentsLexer:
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

    return PygmentsLexer(type(get_lexer_by_name(language)))


def _indenting() -> KeyBindings:
    """Let Tab indent where there is nothing to complete."""
    bindings = KeyBindings()

    @Condition
    def at_begin() -> bool:
        return not get_app().current_buffer.document.current_line_before_cursor.strip()

    @bindings.add("tab", filter=at_begin)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(_INDENT)

    return bindings

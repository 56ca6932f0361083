"""Which values are saved and loaded? Three shapes, the same bytes for everybody.

Each call gives a value of its own with another number inside, because SQLite skips the write of a page whose bytes
did not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from llmspell.entry import JsonValue

_PAGE = "word and another one. " * 450
_SAID = "word and another one. " * 14


class Shape(NamedTuple):
    """A kind of value: how it is called, and how the one with a number is made."""

    name: str
    make: Callable[[int], dict[str, JsonValue]]


def _small(number: int) -> dict[str, JsonValue]:
    return {
        "user_id": "user123",
        "display_name": "John Doe of Nowhere in Particular",
        "email_notifications": True,
        "timezone": "Europe/London",
        "created_at": 1732280000,
        "expires_at": 1732283600,
        "theme": "dark",
        "n": 1_000_000 + number,
    }


def _text(number: int) -> dict[str, JsonValue]:
    return {"text": _PAGE, "n": 1_000_000 + number}


def _messages(number: int) -> dict[str, JsonValue]:
    messages: list[JsonValue] = [
        {"role": "user" if turn % 2 == 0 else "assistant", "content": _SAID, "at": 1732280000 + turn}
        for turn in range(27)
    ]
    return {"messages": messages, "n": 1_000_000 + number}


SMALL = Shape("200 B", _small)
TEXT = Shape("10 KB text", _text)
MESSAGES = Shape("10 KB, 27 messages", _messages)
SHAPES = (SMALL, TEXT, MESSAGES)

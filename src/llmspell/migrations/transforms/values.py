"""When are two JSON values the same, and how is one made anew for each document?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmspell import codec
from llmspell.migrations.moments import iso8601

if TYPE_CHECKING:
    from llmspell.entry import JsonValue

NOW_TEXT: Final = "{{now_iso8601}}"
"""Text that stands for the one moment of the run."""


def fresh(value: JsonValue) -> JsonValue:
    """Give a copy that shares nothing that can change.

    >>> fresh({"tags": ["a"]})
    {'tags': ['a']}
    """
    if isinstance(value, dict):
        return {name: fresh(part) for name, part in value.items()}
    if isinstance(value, list):
        return [fresh(part) for part in value]
    return value


def fresh_at(value: JsonValue, now: float) -> JsonValue:
    """Give a copy in which `{{now_iso8601}}` is the moment `now`.

    >>> fresh_at({"since": "{{now_iso8601}}"}, 0)
    {'since': '1970-01-01T00:00:00Z'}
    """
    if isinstance(value, dict):
        return {name: fresh_at(part, now) for name, part in value.items()}
    if isinstance(value, list):
        return [fresh_at(part, now) for part in value]
    return iso8601(now) if value == NOW_TEXT else value


def has_now(value: JsonValue) -> bool:
    """Tell whether `{{now_iso8601}}` is in it, as a whole text."""
    if isinstance(value, dict):
        return any(has_now(part) for part in value.values())
    if isinstance(value, list):
        return any(has_now(part) for part in value)
    return value == NOW_TEXT


def same(one: JsonValue, other: JsonValue) -> bool:
    """Tell whether both are the same JSON text: 1 is neither 1.0 nor true, and the order of fields counts.

    >>> same(1, 1.0), same(1, True), same([1], [1])
    (False, False, True)
    """
    return one is other or (type(one) is type(other) and codec.encode(one) == codec.encode(other))


def digest(value: JsonValue) -> str:
    """Give 16 characters that tell a value from others.

    >>> digest([1]) == digest([1]), digest([1]) == digest([1.0])
    (True, False)
    """
    from hashlib import blake2b

    return blake2b(codec.encode(value), digest_size=8).hexdigest()

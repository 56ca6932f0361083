"""Which expression holds for just the documents that a transform can go over? Written so that it never fails itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell import codec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell.migrations.shapes import Steps

CEL_TYPES = {"text": "string", "an integer": "int", "a float": "double", "true or false": "bool"}
"""What expressions call the kinds of single values."""


def is_one_of(steps: Steps, kinds: Iterable[str]) -> str:
    """Give what holds where the field is there and its value is of one of the kinds.

    >>> is_one_of(("age",), ["text"])
    'type(this) == map && "age" in this && (type(this["age"]) == string)'
    """
    types = " || ".join(f"type({_field(steps)}) == {CEL_TYPES[kind]}" for kind in kinds)
    above = [
        piece
        for length in range(len(steps))
        for piece in (*_is_there(steps[:length]), f"type({_field(steps[:length])}) == map")
    ]
    return " && ".join([*above, *_is_there(steps), f"({types})"])


def can_be_made(steps: Steps) -> str:
    """Give what holds where everything above the field is an object or absent.

    >>> can_be_made(("profile", "age"))
    'type(this) == map && (!("profile" in this) || (type(this["profile"]) == map))'
    """
    condition = ""
    for length in range(len(steps) - 1, -1, -1):
        is_object = f"type({_field(steps[:length])}) == map"
        condition = f"{is_object} && {condition}" if condition else is_object
        if length:
            condition = f"(!({_is_there(steps[:length])[0]}) || ({condition}))"
    return condition


def _is_there(steps: Steps) -> list[str]:
    return [f"{_text(steps[-1])} in {_field(steps[:-1])}"] if steps else []


def _field(steps: Steps) -> str:
    return "this" + "".join(f"[{_text(name)}]" for name in steps)


def _text(name: str) -> str:
    return codec.encode(name).decode()

"""Which shape has a document? The paths of its fields, each with the kind of its value.

Arrays are one kind, whatever is in them: their elements are no fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from llmspell.migrations.paths import spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmspell.entry import JsonValue

Steps: TypeAlias = tuple[str, ...]
"""The names that lead to a field; () is the whole document."""

Shape: TypeAlias = "dict[Steps, str]"

OBJECT = "an object"

_KINDS: dict[type, str] = {
    dict: OBJECT,
    list: "an array",
    str: "text",
    bool: "true or false",
    int: "an integer",
    float: "a float",
    type(None): "null",
}


def shape_of(document: JsonValue) -> Shape:
    """Give the shape, the whole document first, fields in their order.

    >>> shape_of({"name": "Ada", "tags": [1]})
    {(): 'an object', ('name',): 'text', ('tags',): 'an array'}
    """
    return dict(_fields((), document))


def identity(shape: Shape) -> frozenset[tuple[Steps, str]]:
    """Give what is equal for equal shapes; the order of fields is no part of a shape."""
    return frozenset(shape.items())


def has_fields(shape: Shape, steps: Steps) -> bool:
    """Tell whether something stands inside the field."""
    return any(len(path) > len(steps) and path[: len(steps)] == steps for path in shape)


def reachable(shape: Shape, steps: Steps) -> bool:
    """Tell whether the field is there or could be made: everything above it is an object or absent."""
    return all(shape.get(steps[:length], OBJECT) == OBJECT for length in range(len(steps)))


def outermost(paths: Iterable[Steps]) -> list[Steps]:
    """Give the paths that stand inside no other one of them, in their order.

    >>> outermost([("a",), ("a", "b"), ("c", "d")])
    [('a',), ('c', 'd')]
    """
    known = list(paths)
    inside = set(known)
    return [path for path in known if not any(path[:length] in inside for length in range(len(path)))]


def path_text(steps: Steps) -> str:
    """Write the path as migration files do.

    >>> path_text(("profile", "age")), path_text(())
    ('profile.age', '.')
    """
    return spell(steps) if steps else "."


def _fields(steps: Steps, value: JsonValue) -> Iterator[tuple[Steps, str]]:
    yield steps, _KINDS[type(value)]
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _fields((*steps, name), part)

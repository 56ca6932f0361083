"""How do the most common transforms cost little? Closures for the usual document; any other goes the general way.

A closure is given a document that is an object, and does what `up` of its transform does, with the same
complement; it makes nothing deeper than it was, or deeper than two levels. It raises `ValueError` where the
document is not what it knows; the caller then begins anew with the general `up`, because the document may be
half changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from llmspell.migrations.transforms.base import SKIPPED
from llmspell.migrations.transforms.filling import Default
from llmspell.migrations.transforms.structure import Move, Remove

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.entry import JsonValue
    from llmspell.migrations.paths import Path
    from llmspell.migrations.transforms.base import Transform

QuickUp: TypeAlias = "Callable[[dict[str, JsonValue]], JsonValue]"


def quick_ups(transforms: Sequence[Transform]) -> list[QuickUp] | None:
    """Give a closure for each of the transforms; None when one of them has none."""
    ups = [_quick_up(transform) for transform in transforms]
    return [up for up in ups if up is not None] if None not in ups else None


def _quick_up(transform: Transform) -> QuickUp | None:
    if isinstance(transform, Move) and _names(transform.source) == 1:
        return {1: _rename, 2: _plunge}.get(_names(transform.to), _none)(transform)
    if isinstance(transform, Remove) and _names(transform.field) == 1:
        return _remove(transform)
    if isinstance(transform, Default) and transform.constant and _names(transform.field) == 1:
        return _default(transform)
    return None


def _none(move: Move) -> None:
    """Give nothing: there is no closure for paths of more names."""


def _rename(move: Move) -> QuickUp:
    source, name = str(move.source.steps[0]), str(move.to.steps[0])

    def up(document: dict[str, JsonValue]) -> JsonValue:
        position = [*document].index(source)
        if name in document:
            raise ValueError
        document[name] = document.pop(source)
        return [position, 0]

    return up


def _plunge(move: Move) -> QuickUp:
    source = str(move.source.steps[0])
    into, name = (str(step) for step in move.to.steps)

    def up(document: dict[str, JsonValue]) -> JsonValue:
        position = [*document].index(source)
        value = document.pop(source)
        if type(value) is dict or type(value) is list:
            raise ValueError  # it goes a level deeper, which somebody has to count
        if into not in document:
            document[into] = {name: value}
            return [position, 1]
        parent = document[into]
        if type(parent) is not dict or name in parent:
            raise ValueError
        parent[name] = value
        return [position, 0]

    return up


def _remove(remove: Remove) -> QuickUp:
    name = str(remove.field.steps[0])

    def up(document: dict[str, JsonValue]) -> JsonValue:
        return [[*document].index(name), document.pop(name)]

    return up


def _default(default: Default) -> QuickUp:
    name, value = str(default.field.steps[0]), default.value

    def up(document: dict[str, JsonValue]) -> JsonValue:
        if name in document:
            return SKIPPED
        document[name] = value
        return [0]

    return up


def _names(path: Path) -> int:
    """Count the names that a path is made of; 0 when there is a number among them."""
    return len(path.steps) if all(type(step) is str for step in path.steps) else 0

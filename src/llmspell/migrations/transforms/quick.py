"""How do the most common transforms cost little? Closures for the usual document; any other goes the general way.

Each closure does what `up` of its transform does and gives the same complement; it only knows in advance that
the document is an object and that the path has one or two names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell.migrations.transforms.base import SKIPPED
from llmspell.migrations.transforms.filling import Default
from llmspell.migrations.transforms.structure import Move, Remove

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.entry import JsonValue
    from llmspell.migrations.paths import Path
    from llmspell.migrations.transforms.base import Draft, Transform


def quick_up(transform: Transform) -> Callable[[Draft], JsonValue]:
    """Give `transform.up`, or what does the same sooner."""
    if isinstance(transform, Move) and _names(transform.source) == 1 and _names(transform.to) in (1, 2):
        return _move(transform)
    if isinstance(transform, Remove) and _names(transform.field) == 1:
        return _remove(transform)
    if isinstance(transform, Default) and transform.constant and _names(transform.field) == 1:
        return _default(transform)
    return transform.up


def _move(move: Move) -> Callable[[Draft], JsonValue]:
    source, *above, name = (str(step) for step in (*move.source.steps, *move.to.steps))
    parent_name = above[0] if above else None
    general = move.up

    def up(draft: Draft) -> JsonValue:
        document = draft.value
        if type(document) is not dict or source not in document:
            return general(draft)
        if parent_name is None:
            if name in document:
                return general(draft)
            position = [*document].index(source)
            document[name] = document.pop(source)
            return [position, 0]
        if parent_name not in document:
            position = [*document].index(source)
            document[parent_name] = {name: document.pop(source)}
            return [position, 1]
        parent = document[parent_name]
        if type(parent) is not dict or name in parent or parent_name == source:
            return general(draft)
        position = [*document].index(source)
        parent[name] = document.pop(source)
        return [position, 0]

    return up


def _remove(remove: Remove) -> Callable[[Draft], JsonValue]:
    name = str(remove.field.steps[0])
    general = remove.up

    def up(draft: Draft) -> JsonValue:
        document = draft.value
        if type(document) is not dict or name not in document:
            return general(draft)
        return [[*document].index(name), document.pop(name)]

    return up


def _default(default: Default) -> Callable[[Draft], JsonValue]:
    name, value = str(default.field.steps[0]), default.value
    general = default.up

    def up(draft: Draft) -> JsonValue:
        document = draft.value
        if type(document) is not dict:
            return general(draft)
        if name in document:
            return SKIPPED
        document[name] = value
        return [0]

    return up


def _names(path: Path) -> int:
    """Count the names that a path is made of; 0 when there is a number among them."""
    return len(path.steps) if all(type(step) is str for step in path.steps) else 0

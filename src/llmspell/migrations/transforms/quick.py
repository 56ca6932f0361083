"""How do the most common transforms cost little? One function is written for all of them, as a person would write it.

The function is given a document that is an object, does what `up` of each transform does, one after the other,
and gives their complements. It makes nothing deeper than it was, or deeper than two levels. It raises
`ValueError` where the document is not the usual one; the caller then begins anew with the general `up`, because
the document may be half changed.

Its text is put together from the pieces below. Nothing of a migration file stands in that text: names and values
are handed over as variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from llmspell.migrations.transforms.filling import Default
from llmspell.migrations.transforms.structure import Move, Remove

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.entry import JsonValue
    from llmspell.migrations.paths import Path
    from llmspell.migrations.transforms.base import Transform

QuickUp: TypeAlias = "Callable[[dict[str, JsonValue]], list[JsonValue]]"

# In each piece {i} is the number of the transform; `list.index` raises ValueError for a field that is missing.
_RENAME = """
    position = [*document].index(source{i})
    if name{i} in document:
        raise ValueError
    document[name{i}] = document.pop(source{i})
    complement{i} = [position, 0]
"""
# A value that goes a level deeper and has levels of its own is somebody else's to count.
_PLUNGE = """
    position = [*document].index(source{i})
    value = document.pop(source{i})
    if type(value) is dict or type(value) is list:
        raise ValueError
    if into{i} not in document:
        document[into{i}] = {{name{i}: value}}
        complement{i} = [position, 1]
    else:
        parent = document[into{i}]
        if type(parent) is not dict or name{i} in parent:
            raise ValueError
        parent[name{i}] = value
        complement{i} = [position, 0]
"""
_REMOVE = """
    complement{i} = [[*document].index(name{i}), document.pop(name{i})]
"""
_DEFAULT = """
    if name{i} in document:
        complement{i} = 0
    else:
        document[name{i}] = value{i}
        complement{i} = [0]
"""


def quick_up(transforms: Sequence[Transform]) -> QuickUp | None:
    """Give one function for all of the transforms; None when there is no piece for one of them.

    >>> from llmspell.migrations.paths import Path
    >>> up, document = quick_up([Remove(Path("fax"), "error")]), {"name": "Ada", "fax": None}
    >>> up(document), document
    ([[1, None]], {'name': 'Ada'})
    """
    text, variables = "def up(document):\n", dict[str, object]()
    for number, transform in enumerate(transforms):
        piece, names = _piece(transform)
        if not piece:
            return None
        text += piece.format(i=number)
        variables |= {f"{name}{number}": value for name, value in names.items()}
    complements = ", ".join(f"complement{number}" for number in range(len(transforms)))
    exec(f"{text}    return [{complements}]\n", variables)
    return cast("QuickUp", variables["up"])


def _piece(transform: Transform) -> tuple[str, dict[str, object]]:
    """Give the piece for a transform with the values of its variables; an empty piece when there is none."""
    if isinstance(transform, Move) and _names(transform.source) == 1:
        source = transform.source.steps[0]
        if _names(transform.to) == 1:
            return _RENAME, {"source": source, "name": transform.to.steps[0]}
        if _names(transform.to) == 2:
            return _PLUNGE, {"source": source, "into": transform.to.steps[0], "name": transform.to.steps[1]}
    if isinstance(transform, Remove) and _names(transform.field) == 1:
        return _REMOVE, {"name": transform.field.steps[0]}
    if isinstance(transform, Default) and transform.constant and _names(transform.field) == 1:
        return _DEFAULT, {"name": transform.field.steps[0], "value": transform.value}
    return "", {}


def _names(path: Path) -> int:
    """Count the names that a path is made of; 0 when there is a number among them."""
    return len(path.steps) if all(type(step) is str for step in path.steps) else 0

"""Could one field be another under a new name? Told by the names and by what stands inside."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING

from llmspell.migrations.shapes import OBJECT

if TYPE_CHECKING:
    from llmspell.migrations.shapes import Shape, Steps

ALIKE = 0.6
"""From here on names are taken for similar."""

_LEAST_FOR_PART = 3
_PART_OF_OTHER = 0.9
_LEAST_IN_COMMON = 0.5


@lru_cache(maxsize=10_000)
def name_likeness(old: Steps, new: Steps) -> float:
    """Give how similar the names of two fields are, from 0 to 1; in another object only the same name counts.

    >>> name_likeness(("eMail",), ("e_mail",)), name_likeness(("mail",), ("email",)), name_likeness(("age",), ("city",))
    (1.0, 0.9, 0.0)
    >>> name_likeness(("age",), ("profile", "age")), name_likeness(("ages",), ("profile", "age"))
    (1.0, 0.0)
    """
    one, other = _letters(old[-1]), _letters(new[-1])
    if one == other:
        return 1.0 if one else 0.0
    if old[:-1] != new[:-1]:
        return 0.0
    if min(len(one), len(other)) >= _LEAST_FOR_PART and (one in other or other in one):
        return _PART_OF_OTHER
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return ratio if ratio >= ALIKE else 0.0


def may_be_same(shape: Shape, old: Steps, target: Shape, new: Steps) -> bool:
    """Tell whether the field `old` of a shape has the kind of `new` in the target; objects need fields in common."""
    if shape[old] != target[new]:
        return False
    if shape[old] != OBJECT:
        return True
    inside, wanted = _inside(shape, old), _inside(target, new)
    if not inside and not wanted:
        return True
    return len(inside & wanted) >= _LEAST_IN_COMMON * len(inside | wanted)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _inside(shape: Shape, steps: Steps) -> set[Steps]:
    return {path[len(steps) :] for path in shape if len(path) > len(steps) and path[: len(steps)] == steps}

"""How are transforms applied to parts of documents, or to some documents only?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from llmspell.migrations.paths import ABSENT, Absent, Path, kind_of, spell
from llmspell.migrations.transforms.base import LOSSLESS, LOSSY, OPAQUE, SKIPPED, Complement, Draft, Refusal, Transform
from llmspell.migrations.transforms.reach import absent, parts, read_missing
from llmspell.migrations.transforms.values import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmspell.entry import JsonValue
    from llmspell.migrations.expressions import Expression
    from llmspell.migrations.fields import Fields


class TransformArray:
    """Transforms go over every element of an array.

    Its complement has `[digest after, complements]` for every element, or is None when no element had anything to
    keep. The digest finds the element again when others were added, removed or moved in the new version.
    """

    __slots__ = ("_field", "_missing", "loss", "parts")

    def __init__(self, field: Path, transforms: tuple[Transform, ...], missing: str) -> None:
        self._field = field
        self.parts = transforms
        self._missing = missing
        self.loss = worst(transform.loss for transform in transforms)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field` and `element_transforms`, whose paths begin at the element."""
        return cls(fields.path("field", whole=True), fields.transforms("element_transforms"), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Transform every element; a refusal names it."""
        array = self._field.get(draft.value)
        if isinstance(array, Absent):
            return absent(self._field, self._missing)
        if not isinstance(array, list):
            raise Refusal(self._no_array(array))
        kept: list[JsonValue] = []
        keeps_nothing = True
        for index, value in enumerate(array):
            element = Draft(draft.scope, draft.key, value, draft.now)
            element.growth = draft.growth
            try:
                complements = run_up(self.parts, element)
            except Refusal as error:
                raise Refusal(f"{self._element(index)}: {error}") from error
            array[index] = element.value
            draft.growth = element.growth
            keeps_nothing = keeps_nothing and all(complement is None for complement in complements)
            kept.append([digest(element.value), complements])
        return None if keeps_nothing else kept

    def down(self, draft: Draft, complement: Complement) -> None:
        """Take every element down with what was kept of it; one of the new version goes without."""
        if complement == SKIPPED:
            return
        array = self._field.get(draft.value)
        if isinstance(array, Absent):
            return
        if not isinstance(array, list):
            raise Refusal(self._no_array(array))
        for index, inner in enumerate(self._found_again(array, complement)):
            element = Draft(draft.scope, draft.key, array[index], draft.now)
            try:
                run_down(self.parts, element, inner)
            except Refusal as error:
                raise Refusal(f"{self._element(index)}: {error}") from error
            array[index] = element.value

    def describe(self) -> str:
        """Say what it does."""
        return f"in each element of {self._field.text}: {', '.join(part.describe() for part in self.parts)}"

    def writes(self) -> tuple[str, ...]:
        """Give the array."""
        return (self._field.text,)

    def _found_again(self, array: list[JsonValue], complement: Complement) -> list[Complement]:
        if complement is ABSENT or complement is None:
            return [ABSENT] * len(array)
        kept = parts(complement)
        return [ABSENT if index is None else kept[index][1] for index in _matches([one[0] for one in kept], array)]

    def _element(self, index: int) -> str:
        return spell((*self._field.steps, index))

    def _no_array(self, value: JsonValue) -> str:
        where = f'the field "{self._field.text}"' if self._field.steps else "the value"
        return f"{where} is {kind_of(value)}, not an array"


class Conditional:
    """Transforms go over the documents for which a condition holds, others perhaps over the rest.

    Its complement is `[1 or 0, complements]`, 1 where the condition held.
    """

    __slots__ = ("_condition", "_no", "_yes", "loss", "parts")

    def __init__(self, condition: Expression, yes: tuple[Transform, ...], no: tuple[Transform, ...]) -> None:
        self._condition = condition
        self._yes = yes
        self._no = no
        self.parts = (*yes, *no)
        self.loss = worst(transform.loss for transform in self.parts)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `condition`, `transforms` and, if there, `otherwise`."""
        otherwise = fields.transforms("otherwise") if "otherwise" in fields else ()
        return cls(fields.expression("condition"), fields.transforms("transforms"), otherwise)

    def up(self, draft: Draft) -> JsonValue:
        """Apply the one branch; the other is not looked at."""
        holds = self._condition.holds(draft)
        complements = run_up(self._yes if holds else self._no, draft)
        if all(complement == SKIPPED for complement in complements):
            return SKIPPED
        return [int(holds), complements]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Undo the branch that was taken; for a document of the new version the condition decides, if it can."""
        if complement == SKIPPED:
            return
        if complement is not ABSENT:
            held, complements = parts(complement)
            run_down(self._yes if held else self._no, draft, complements)
            return
        try:
            holds = self._condition.holds(draft)
        except Refusal:
            return  # it was written for documents of the older version: nothing is certain here
        run_down(self._yes if holds else self._no, draft, ABSENT)

    def describe(self) -> str:
        """Say what it does."""
        return f"if {self._condition.text}: {', '.join(part.describe() for part in self._yes)}"

    def writes(self) -> tuple[str, ...]:
        """Give what both branches set."""
        return tuple(dict.fromkeys(path for part in self.parts for path in part.writes()))


def run_up(transforms: Sequence[Transform], draft: Draft) -> list[JsonValue]:
    """Apply transforms in order and give the complement of each."""
    return [transform.up(draft) for transform in transforms]


def run_down(transforms: Sequence[Transform], draft: Draft, complements: Complement) -> None:
    """Undo transforms, the last one first, with what `run_up` gave; ABSENT stands for nothing kept of any."""
    kept: list[Any] = [ABSENT] * len(transforms) if complements is ABSENT else parts(complements)
    for transform, complement in zip(reversed(transforms), reversed(kept), strict=True):
        transform.down(draft, complement)


def worst(losses: Iterable[str]) -> str:
    """Give the loss of several transforms together.

    >>> worst(["lossless", "lossy"]), worst([])
    ('lossy', 'lossless')
    """
    found = set(losses)
    return next((loss for loss in (OPAQUE, LOSSY) if loss in found), LOSSLESS)


def _matches(digests: list[str], array: list[JsonValue]) -> list[int | None]:
    """Give for every element the number that it had: first where nothing changed, then wherever it moved to.

    An edited element is known by its place only, and that only while the array is as long as it was.
    """
    now = [digest(value) for value in array]
    matches: list[int | None] = [
        index if digests[index : index + 1] == [one] else None for index, one in enumerate(now)
    ]
    free: dict[str, list[int]] = {}
    for index in sorted(set(range(len(digests))).difference(match for match in matches if match is not None)):
        free.setdefault(digests[index], []).append(index)
    for index, one in enumerate(now):
        if matches[index] is None and free.get(one):
            matches[index] = free[one].pop(0)
    if len(now) == len(digests):
        left = {index for indices in free.values() for index in indices}
        for index in range(len(now)):
            if matches[index] is None and index in left:
                matches[index] = index
    return matches

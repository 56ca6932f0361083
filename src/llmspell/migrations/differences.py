"""What keeps documents from having the most common shape? Steps towards it, each with the evidence for it.

Every step is tried on copies of the documents, and the next one is found in what it has left. Nothing that takes a
value away is ever proposed as more than a comment.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from llmspell import codec
from llmspell.migrations.guards import CEL_TYPES, can_be_made, is_one_of
from llmspell.migrations.likeness import may_be_same, name_likeness
from llmspell.migrations.paths import ABSENT, Absent, Path
from llmspell.migrations.shapes import OBJECT, has_fields, outermost, path_text, reachable, shape_of
from llmspell.migrations.transforms.base import Refusal
from llmspell.migrations.transforms.kinds import KINDS
from llmspell.migrations.transforms.values import fresh, has_now

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell.entry import JsonValue
    from llmspell.migrations.shapes import Shape, Steps

MOST_MOVES = 50
MOST_EXTRA = 100
"""With more fields that only some documents have, the names are keys, and similar ones are not the same."""
LONGEST_PATH = 200
"""Characters of the paths that are looked at."""
LONGEST_DEFAULT_BYTES = 200

_MOST_CANDIDATES = 50
_CONVERT_TO = {"text": "string", "an integer": "int", "a float": "float", "true or false": "bool"}
_PLACEHOLDERS: dict[str, JsonValue] = {
    "text": "",
    "an integer": 0,
    "a float": 0.0,
    "true or false": False,
    "an array": [],
    OBJECT: {},
}


class Proposed(NamedTuple):
    """One step. `evidence` says what was found; `fields` is the transform, empty where none is known to be right.

    One that is not `active` is only to be written as a comment.
    """

    evidence: str
    fields: dict[str, JsonValue]
    active: bool


class Differences:
    """Copies of the documents on their way to the target. The methods go in order, each over what is left."""

    def __init__(self, documents: Sequence[JsonValue], target: Shape) -> None:
        self._documents = [fresh(document) for document in documents]
        self._shapes = [shape_of(document) for document in documents]
        self._target = {steps: kind for steps, kind in target.items() if _is_chosen(steps)}
        self._of_all = f"of {len(documents)} entries"

    def moves(self) -> Iterator[Proposed]:
        """Find fields that stand under another name or in another object; whole objects before single fields."""
        for _ in range(MOST_MOVES):
            pair = self._best_pair()
            if pair is None:
                return
            old, new = pair
            numbers, both = self._movable(old, new), self._count(old, new)
            kind, name, to = self._target[new], path_text(old), path_text(new)
            for number in numbers:
                self._move(number, Path(name), Path(to))
            left = f"; {both} with both fields are left alone" if both else ""
            yield Proposed(
                f"{_quoted(name)} ({kind}) stands in {len(numbers)} {self._of_all} that lack {_quoted(to)}{left}",
                {
                    "type": "rename" if old[:-1] == new[:-1] else "move",
                    "from": name,
                    "to": to,
                    "missing": "skip",
                    "existing": "skip",
                },
                active=True,
            )

    def conversions(self) -> Iterator[Proposed]:
        """Find fields whose values are of another kind; converted where that is exact for all values of the kind."""
        for steps, wanted in self._target.items():
            convertible, others = self._other_kinds(steps, wanted)
            name = path_text(steps)
            if convertible:
                numbers = [number for numbers in convertible.values() for number in numbers]
                convert: dict[str, JsonValue] = {"type": "convert", "field": name, "to": _CONVERT_TO[wanted]}
                for number in numbers:
                    self._convert(number, steps, wanted)
                found = f"{' or '.join(convertible)} in {len(numbers)} {self._of_all}"
                yield Proposed(
                    f"{_quoted(name)} is {found}, {wanted} in the most common shape",
                    _only_if(is_one_of(steps, convertible), convert) if others else {**convert, "missing": "skip"},
                    active=True,
                )
            for kind, numbers in others.items():
                worst = next(number for number in numbers if not self._converts(number, steps, wanted))
                found = f"{kind} in {len(numbers)} {self._of_all}{self._example(worst, steps)}"
                yield Proposed(
                    f"{_quoted(name)} is {found}, {wanted} in the most common shape: no exact conversion is known, so "
                    "decide what becomes of these",
                    {},
                    active=False,
                )

    def defaults(self) -> Iterator[Proposed]:
        """Find fields that only the most common shape has, with the value that most documents have there."""
        for steps, kind in self._target.items():
            if not steps or (kind == OBJECT and has_fields(self._target, steps)):
                continue  # objects come into being with their fields
            lacking = [number for number, shape in enumerate(self._shapes) if steps not in shape]
            numbers = [number for number in lacking if reachable(self._shapes[number], steps)]
            if not numbers:
                continue
            name = path_text(steps)
            value, told = self._usual_value(steps, kind)
            stands_for_it = _PLACEHOLDERS.get(kind) if isinstance(value, Absent) else value
            fields: dict[str, JsonValue] = {"type": "default", "field": name, "value": stands_for_it}
            if len(numbers) < len(lacking):
                fields = _only_if(can_be_made(steps), fields)
            if stands_for_it is None:
                fields = {}
            if not isinstance(value, Absent):
                for number in numbers:
                    Path(name).put(self._documents[number], fresh(value))
                    self._shapes[number] = shape_of(self._documents[number])
            evidence = f"{_quoted(name)} ({kind}) is absent from {len(numbers)} {self._of_all}; {told}"
            yield Proposed(evidence, fields, active=not isinstance(value, Absent))

    def removals(self) -> Iterator[Proposed]:
        """Find fields that the most common shape has not."""
        extra: dict[Steps, int] = {}
        for shape in self._shapes:
            for steps in outermost(path for path in shape if path not in self._target):
                if all(shape.get(steps[:end]) == self._target.get(steps[:end]) for end in range(len(steps))):
                    extra[steps] = extra.get(steps, 0) + 1
        for steps, count in extra.items():
            if not _is_chosen(steps):
                continue
            name = path_text(steps)
            yield Proposed(
                f"{_quoted(name)} stands in {count} {self._of_all} and not in the most common shape; without the "
                "comment signs it is removed, to come back on the way down",
                {"type": "remove", "field": name, "missing": "skip"},
                active=False,
            )

    def _best_pair(self) -> tuple[Steps, Steps] | None:
        """Give the most similar pair of a field that is too much and one that is missing in the same documents."""
        extra: Counter[Steps] = Counter()
        missing: Counter[Steps] = Counter()
        for shape in self._shapes:
            if shape != self._target:
                extra.update(path for path in shape if path not in self._target)
                missing.update(path for path in self._target if path not in shape)
        if len(extra) > MOST_EXTRA:
            return None
        pairs = (
            (self._target[new] != OBJECT, -likeness, -count, old, new)
            for old, count in extra.most_common(_MOST_CANDIDATES)
            for new, _ in missing.most_common(_MOST_CANDIDATES)
            if (likeness := name_likeness(old, new)) and _is_chosen(old) and self._movable(old, new)
        )
        best = min(pairs, default=None)
        return None if best is None else best[3:]

    def _movable(self, old: Steps, new: Steps) -> list[int]:
        """Give the numbers of the documents in which `old` can become `new`; none unless that is right for all."""
        if old[: len(new)] == new or new[: len(old)] == old:
            return []
        numbers = [number for number, shape in enumerate(self._shapes) if old in shape and new not in shape]
        shapes = [self._shapes[number] for number in numbers]
        right = all(reachable(shape, new) and may_be_same(shape, old, self._target, new) for shape in shapes)
        return numbers if right else []

    def _other_kinds(self, steps: Steps, wanted: str) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Give the numbers of the documents in which the field is of another kind: convertible kinds, others."""
        by_kind: dict[str, list[int]] = {}
        for number, shape in enumerate(self._shapes):
            kind = shape.get(steps, wanted)
            if kind != wanted:
                by_kind.setdefault(kind, []).append(number)
        convertible: dict[str, list[int]] = {}
        others: dict[str, list[int]] = {}
        for kind, numbers in by_kind.items():
            exact = kind in CEL_TYPES and all(self._converts(number, steps, wanted) for number in numbers)
            (convertible if exact else others)[kind] = numbers
        return convertible, others

    def _converts(self, number: int, steps: Steps, wanted: str) -> bool:
        value = Path(path_text(steps)).get(self._documents[number])
        if wanted not in _CONVERT_TO or isinstance(value, Absent):
            return False
        try:
            KINDS[_CONVERT_TO[wanted]](value)
        except Refusal:
            return False
        return True

    def _move(self, number: int, old: Path, new: Path) -> None:
        document = self._documents[number]
        value = old.get(document)
        if not isinstance(value, Absent):
            old.take(document)
            new.put(document, value)
        self._shapes[number] = shape_of(document)

    def _convert(self, number: int, steps: Steps, wanted: str) -> None:
        path = Path(path_text(steps))
        value = path.get(self._documents[number])
        if isinstance(value, Absent):
            return
        new = KINDS[_CONVERT_TO[wanted]](value)
        if steps:
            path.put(self._documents[number], new)
        else:
            self._documents[number] = new
        self._shapes[number] = shape_of(self._documents[number])

    def _usual_value(self, steps: Steps, kind: str) -> tuple[JsonValue | Absent, str]:
        """Give the value that more than half of the documents have there, ABSENT if there is none, and why."""
        path = Path(path_text(steps))
        values = [
            path.get(doc) for doc, shape in zip(self._documents, self._shapes, strict=True) if shape.get(steps) == kind
        ]
        counted = Counter(codec.encode_trusted(value) for value in values if not isinstance(value, Absent))
        text, count = min(counted.items(), key=lambda pair: (-pair[1], pair[0]))
        value = codec.decode(text)
        simple = value in ([], {}) if isinstance(value, list | dict) else value is not None and not has_now(value)
        if simple and count > 1 and 2 * count > len(values) and len(text) <= LONGEST_DEFAULT_BYTES:
            return value, f"{count} of the {len(values)} that have it hold {_shown(value)}"
        return ABSENT, f"no value stands out in the {len(values)} that have it: write the one for these"

    def _example(self, number: int, steps: Steps) -> str:
        value = Path(path_text(steps)).get(self._documents[number])
        return "" if isinstance(value, dict | list | Absent) or value is None else f", such as {_shown(value)}"

    def _count(self, *paths: Steps) -> int:
        return sum(all(steps in shape for steps in paths) for shape in self._shapes)


def _is_chosen(steps: Steps) -> bool:
    """Tell whether somebody may have chosen the name; numbers are keys, and as paths lead into arrays as well."""
    return len(path_text(steps)) <= LONGEST_PATH and not any(name.isdecimal() for name in steps)


def _only_if(condition: str, transform: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"type": "conditional", "condition": condition, "transforms": [transform]}


def _quoted(name: str) -> str:
    return "the whole value" if name == "." else codec.encode(name).decode()


def _shown(value: JsonValue) -> str:
    text = codec.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."

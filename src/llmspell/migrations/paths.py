"""Where in a value is a field? Paths, and the steps of reading, writing and taking at one.

A path is dotted, with `[n]` for an element (`items[0].name`), or a JSON Pointer (RFC 6901) when it begins
with `/`, for fields whose names contain dots or brackets. `.` is the whole value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from llmspell.errors import InvalidArgument
from llmspell.limits import MAX_DEPTH

if TYPE_CHECKING:
    from llmspell.entry import JsonValue

Step: TypeAlias = str | int

Taken: TypeAlias = "tuple[int, JsonValue]"
"""A value with the position that it had among its neighbours; a plain tuple, being made for every document."""


class Absent:
    """What stands where there is no value, because null is one."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()

_DOTTED = re.compile(r"([^.\[\]]+|\[[0-9]{1,9}\])(?:\.(?=[^.\[\]])|(?=\[)|$)")


class PathError(Exception):
    """The value has not the shape that the path needs; the text says what is wrong where."""


class Path:
    """One path, taken apart. `text` is how it was written.

    >>> Path("profile.tags[0]").steps
    ('profile', 'tags', 0)
    >>> Path("/odd.name/a~1b").steps
    ('odd.name', 'a/b')
    """

    __slots__ = ("_above", "_last", "steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: tuple[Step, ...] = _parse(text)
        if len(self.steps) >= MAX_DEPTH:
            raise InvalidArgument(f'the path "{text[:40]}..." is deeper than {MAX_DEPTH} levels')
        self._above = self.steps[:-1]
        self._last: Step = self.steps[-1] if self.steps else ""

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.steps == other.steps

    def __hash__(self) -> int:
        return hash(self.steps)

    def get(self, value: JsonValue) -> JsonValue | Absent:
        """Give what stands there, or ABSENT; a parent that cannot have such a field counts as absent."""
        found: JsonValue | Absent = value
        for step in self.steps:
            # Most parents are objects, and asking those here saves a call; a number is no name in any of them.
            found = found.get(step, ABSENT) if type(found) is dict else _child(found, step)  # type: ignore[arg-type]
            if found is ABSENT:
                return ABSENT
        return found

    def parent(self, value: JsonValue) -> JsonValue | Absent:
        """Give the object or array that the field stands in, or would stand in; ABSENT when there is none."""
        parent: JsonValue | Absent = value
        for step in self._above:
            parent = _child(parent, step)
        return parent

    def take(self, value: JsonValue) -> Taken | None:
        """Remove what stands there and give it with its position; None when nothing does."""
        parent = self.parent(value) if self._above else value
        last = self._last
        if type(parent) is dict:
            if type(last) is not str or last not in parent:
                return None
            position = len(parent) - 1 if next(reversed(parent)) == last else list(parent).index(last)
            return position, parent.pop(last)
        if isinstance(parent, list):
            index = _index(last)
            if index is None or index >= len(parent):
                return None
            return index, parent.pop(index)
        return None

    def put(self, value: JsonValue, new: JsonValue) -> int:
        """Set a field and give how many objects had to be made for it; replaces what stands there, at its position.

        Raises `PathError` where a parent is no object, or an array has no such element.
        """
        parent, made = self._made_parent(value) if self._above else (value, 0)
        self._set(parent, len(self._above), new)
        return made

    def add(self, value: JsonValue, new: JsonValue) -> int | None:
        """Set a field as `put` does, but only where it is absent; None when it exists, and nothing was changed."""
        parent, made = self._made_parent(value) if self._above else (value, 0)
        last = self._last
        if type(parent) is dict and type(last) is str:
            if last in parent:
                return None
            parent[last] = new
            return made
        if _child(parent, last) is not ABSENT:
            return None
        self._set(parent, len(self._above), new)
        return made

    def restore(self, value: JsonValue, taken: Taken) -> None:
        """Put back what `take` has taken, at its position; objects that are gone are made anew."""
        position, old = taken
        last = self._last
        parent = self.parent(value)
        if isinstance(parent, list):
            index = _index(last)
            if index is None or position > len(parent):
                raise PathError(f'"{self.text}" cannot be put back: the array has only {len(parent)} elements now')
            parent.insert(position, old)
        elif isinstance(parent, dict) and type(last) is str and last not in parent and position < len(parent):
            behind = list(parent.items())[position:]
            for name, _ in behind:
                del parent[name]
            parent[last] = old
            parent.update(behind)
        else:
            self.put(value, old)

    def prune(self, value: JsonValue, made: int) -> None:
        """Remove up to `made` objects above this field, from the innermost out, as long as they are empty."""
        for length in range(len(self.steps) - 1, max(len(self.steps) - 1 - made, 0), -1):
            above: JsonValue | Absent = value
            for step in self.steps[: length - 1]:
                above = _child(above, step)
            name = str(self.steps[length - 1])
            if not isinstance(above, dict) or above.get(name, 0) != {}:
                return
            del above[name]

    def _made_parent(self, value: JsonValue) -> tuple[JsonValue, int]:
        """Give what the field stands in, after making what is absent of it, and how many objects that were."""
        parent, made = value, 0
        for depth, step in enumerate(self._above):
            if type(parent) is dict and type(step) is str:  # nearly always; the rest says what is wrong, or is an array
                if step not in parent:
                    made += 1
                    parent[step] = {}
                parent = parent[step]
                continue
            child = _child(parent, step)
            if child is ABSENT:
                self._set(parent, depth, {})  # raises: only objects get new fields
            parent = child  # type: ignore[assignment]
        return parent, made

    def _set(self, parent: JsonValue, depth: int, new: JsonValue) -> None:
        step = self.steps[depth]
        if isinstance(parent, dict) and type(step) is str:
            parent[step] = new
            return
        index = _index(step)
        if isinstance(parent, list) and index is not None:
            if index >= len(parent):
                raise PathError(
                    f'cannot create array element "{self._up_to(depth + 1)}": the array has {len(parent)} elements'
                )
            parent[index] = new
        elif type(step) is int:
            raise PathError(f'cannot create array element "{self._up_to(depth + 1)}": there is no array')
        else:
            kind = kind_of(parent)
            raise PathError(f'cannot set "{self.text}": {self._up_to(depth) or "the value"} is {kind}, not an object')

    def _up_to(self, depth: int) -> str:
        """Spell the first `depth` steps."""
        return spell(self.steps[:depth])


def spell(steps: tuple[Step, ...]) -> str:
    """Write steps as a path.

    >>> spell(("items", 0, "odd.name"))
    '/items/0/odd.name'
    """
    if any(type(step) is str and not re.fullmatch(r"[^.\[\]/]+", step) for step in steps):
        return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    text = "".join(f"[{step}]" if type(step) is int else f".{step}" for step in steps)
    return text.removeprefix(".")


def kind_of(value: JsonValue | Absent) -> str:
    """Name the kind of a value in JSON's words.

    >>> kind_of([1]), kind_of(None), kind_of(2.5)
    ('an array', 'null', 'a number')
    """
    if value is None:
        return "null"
    if value is ABSENT:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    return {str: "text", list: "an array", dict: "an object"}[type(value)]  # type: ignore[index]


def _parse(text: str) -> tuple[Step, ...]:
    if text == ".":
        return ()
    if text.startswith("/"):
        return tuple(_unescaped(piece, text) for piece in text[1:].split("/"))
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _DOTTED.match(text, at)
        if found is None:
            break
        piece = found[1]
        steps.append(int(piece[1:-1]) if piece.startswith("[") else piece)
        at = found.end()
    if not text or at < len(text):
        raise InvalidArgument(
            f'"{text}" is no path; write it like "profile.age", "items[0].name", or as a JSON Pointer "/odd.name/0"'
        )
    return tuple(steps)


def _unescaped(piece: str, text: str) -> str:
    if re.search(r"~(?![01])", piece):
        raise InvalidArgument(f'"{text}" is no JSON Pointer: "~" is written "~0", "/" in a name "~1"')
    return piece.replace("~1", "/").replace("~0", "~")


def _index(step: Step) -> int | None:
    """Give the element that a step names: a number, or the digits of a JSON Pointer."""
    if type(step) is int:
        return step
    return int(step) if re.fullmatch(r"0|[1-9][0-9]{0,8}", str(step)) else None


def _child(parent: JsonValue | Absent, step: Step) -> JsonValue | Absent:
    if isinstance(parent, dict):
        return parent.get(step, ABSENT) if type(step) is str else ABSENT
    if isinstance(parent, list):
        index = _index(step)
        return parent[index] if index is not None and index < len(parent) else ABSENT
    return ABSENT

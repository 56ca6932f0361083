"""How does a transform reach a field of its draft? Reads and writes that refuse with a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from llmspell.errors import InvalidArgument
from llmspell.migrations.paths import ABSENT, Absent, Path, PathError, spell
from llmspell.migrations.transforms.base import SKIPPED, Complement, Draft, Refusal

if TYPE_CHECKING:
    from llmspell.entry import JsonValue
    from llmspell.migrations.fields import Fields
    from llmspell.migrations.paths import Step

ERROR: Final = "error"
SKIP: Final = "skip"
REPLACE: Final = "replace"


def read_missing(fields: Fields) -> str:
    """Read what happens to a document without the source."""
    return fields.choice("missing", (ERROR, SKIP), ERROR)


def absent(path: Path, missing: str) -> int:
    """Give SKIPPED for a source that is not there, or raise."""
    if missing == SKIP:
        return SKIPPED
    if not path.steps:
        raise Refusal("there is no value")
    raise Refusal(f'the field "{path.text}" is missing; add missing = "skip" if it may be')


def set_at(draft: Draft, path: Path, new: JsonValue) -> int:
    """Set a field or, at ".", the whole value; gives how many objects had to be made for it."""
    if not path.steps:
        draft.value = new
        return 0
    try:
        return path.put(draft.value, new)
    except PathError as error:
        raise Refusal(str(error)) from error


def put_back(draft: Draft, path: Path, position: int, value: JsonValue) -> None:
    """Put a taken value back at its position, never over a field that was made since."""
    _refuse_anew(draft, path)
    try:
        path.restore(draft.value, (position, value))
    except PathError as error:
        raise Refusal(str(error)) from error


def make(draft: Draft, path: Path, value: JsonValue) -> None:
    """Make a field that a document of the new version never had."""
    if path.get(draft.value) is not ABSENT:
        raise Refusal(_anew(path))
    set_at(draft, path, value)


def in_array(draft: Draft, path: Path) -> bool:
    """Tell whether the path leads to an element: then it is put back between the others, over none."""
    return isinstance(path.parent(draft.value), list)


def overlap(one: Path, other: Path) -> bool:
    """Tell whether both are the same place, or one is inside the other.

    >>> overlap(Path("a"), Path("a.b")), overlap(Path("/a/0"), Path("a[0]")), overlap(Path("a"), Path("ab"))
    (True, True, False)
    """
    length = min(len(one.steps), len(other.steps))
    return _plain(one)[:length] == _plain(other)[:length]


def same_place(one: Path, other: Path) -> bool:
    """Tell whether both lead to the same place, however they are written."""
    return _plain(one) == _plain(other)


def taking_order(paths: tuple[Path, ...]) -> tuple[int, ...]:
    """Give the order in which fields are taken, so that no element moves before it is taken: the last first.

    >>> taking_order((Path("a[0]"), Path("a[2]"), Path("a[1]")))
    (1, 2, 0)
    """
    keys = [[(0, step, 0) if type(step) is str else (1, "", step) for step in _plain(path)] for path in paths]
    return tuple(sorted(range(len(paths)), key=keys.__getitem__, reverse=True))


def path_of(fields: Fields, name: str, steps: tuple[Step, ...]) -> Path:
    """Give the path of steps that the field `name` has led to."""
    try:
        return Path(spell(steps) or ".")
    except InvalidArgument as error:
        raise fields.problem(name, str(error)) from error


def parts(complement: Complement) -> list[Any]:
    """Give a complement that is an array."""
    return cast("list[Any]", complement)


class Target:
    """A field that a transform makes, and what happens when it exists already."""

    __slots__ = ("existing", "path")

    def __init__(self, path: Path, existing: str = ERROR) -> None:
        self.path = path
        self.existing = existing

    def stops(self, draft: Draft) -> bool:
        """Tell whether the document is to be left alone because the field exists; raises when that is an error."""
        if self.existing == REPLACE or self.path.get(draft.value) is ABSENT:
            return False
        if self.existing == SKIP:
            return True
        raise Refusal(
            f'the field "{self.path.text}" exists already; '
            'add existing = "replace" or existing = "skip" to say what happens to it'
        )

    def put(self, draft: Draft, new: JsonValue) -> list[JsonValue]:
        """Set the field and give what `undo` needs: `[objects made]`, or `[0, replaced value]`."""
        old = self.path.get(draft.value)
        made = set_at(draft, self.path, new)
        return [made] if isinstance(old, Absent) else [made, old]

    def undo(self, draft: Draft, mark: list[Any]) -> JsonValue | Absent:
        """Take back what `put` has done; gives what stood there, ABSENT when it was removed since."""
        if len(mark) == 1:
            taken = self.path.take(draft.value)
            self.path.prune(draft.value, mark[0])
            return ABSENT if taken is None else taken[1]
        found = self.path.get(draft.value)
        set_at(draft, self.path, mark[1])
        return found

    def undo_new(self, draft: Draft) -> None:
        """Remove the field of a document that was made in the new version."""
        self.path.take(draft.value)

    def prune_new(self, draft: Draft) -> None:
        """Remove the objects above the field that are empty now."""
        self.path.prune(draft.value, len(self.path.steps) - 1)


def read_target(fields: Fields, path: Path) -> Target:
    """Read what happens when the field at `path` exists."""
    return Target(path, read_existing(fields))


def read_existing(fields: Fields) -> str:
    """Read what happens to a document that has the target already."""
    return fields.choice("existing", (ERROR, REPLACE, SKIP), ERROR)


def _refuse_anew(draft: Draft, path: Path) -> None:
    if path.get(draft.value) is not ABSENT and not in_array(draft, path):
        raise Refusal(_anew(path))


def _anew(path: Path) -> str:
    return (
        f'the field "{path.text}" exists although the newer version has none; remove or rename it, then go down again'
    )


def _plain(path: Path) -> tuple[Step, ...]:
    """Give the steps with `0` of a JSON Pointer as the number that it may be."""
    return tuple(int(step) if type(step) is str and _is_index(step) else step for step in path.steps)


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdecimal() and len(step) < 10 and (step == "0" or step[0] != "0")

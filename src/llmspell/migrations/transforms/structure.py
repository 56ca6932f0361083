"""How do fields change their places? Move, copy and remove; hoist and plunge are moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from llmspell.migrations.paths import ABSENT, Absent, Path, PathError
from llmspell.migrations.transforms.base import LOSSLESS, SKIPPED, Complement, Draft, Refusal
from llmspell.migrations.transforms.reach import (
    Target,
    absent,
    in_array,
    make,
    overlap,
    parts,
    path_of,
    put_back,
    read_missing,
    read_target,
    same_place,
)
from llmspell.migrations.transforms.values import fresh, same

if TYPE_CHECKING:
    from llmspell.entry import JsonValue
    from llmspell.migrations.fields import Fields


class Move:
    """A field gets another place; its complement is `[position, objects made]`, and the value that it replaced."""

    loss = LOSSLESS

    __slots__ = ("_missing", "source", "target", "to")

    def __init__(self, source: Path, target: Target, missing: str) -> None:
        self.source = source
        self.target = target
        self.to = target.path
        self._missing = missing

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `from` and `to`."""
        source, to = fields.path("from"), fields.path("to")
        _refuse_overlap(fields, "to", source, to)
        return cls(source, read_target(fields, to), read_missing(fields))

    @classmethod
    def read_hoist(cls, fields: Fields) -> Self:
        """Read a move of `field` out of the object `out_of`, to the place beside that object."""
        name, out_of = fields.path("field"), fields.path("out_of")
        if len(name.steps) != 1 or type(name.steps[0]) is not str:
            raise fields.problem("field", f'"{name.text}" is more than a name; the path stands in out_of')
        if type(out_of.steps[-1]) is not str:
            raise fields.problem("out_of", f'"{out_of.text}" is an element; a field beside it has no name')
        source = path_of(fields, "field", (*out_of.steps, *name.steps))
        to = path_of(fields, "field", (*out_of.steps[:-1], *name.steps))
        _refuse_overlap(fields, "field", source, to)
        return cls(source, read_target(fields, to), read_missing(fields))

    @classmethod
    def read_plunge(cls, fields: Fields) -> Self:
        """Read a move of `field` into the object `into`, which is made where it is absent."""
        source, into = fields.path("field"), fields.path("into")
        name = source.steps[-1]
        if type(name) is not str:
            raise fields.problem("field", f'"{source.text}" is an element; it has no name to go by')
        to = path_of(fields, "into", (*into.steps, name))
        _refuse_overlap(fields, "into", source, to)
        return cls(source, read_target(fields, to), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Take the field first: what counts as existing is what stands at the target without it."""
        document = draft.value
        taken = self.source.take(document)
        if taken is None:
            return absent(self.source, self._missing)
        position, value = taken
        try:
            made = self.to.add(document, value)
        except PathError as error:
            raise Refusal(str(error)) from error
        if made is not None:
            return [position, made]
        if self.target.stops(draft):
            self.source.restore(document, taken)
            return SKIPPED
        return [position, *self.target.put(draft, value)]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Put the field back; one that was removed in the new version stays away."""
        if complement == SKIPPED:
            return
        if complement is ABSENT:
            self._down_new(draft)
            return
        position, *mark = parts(complement)
        value = self.target.undo(draft, mark)
        if not isinstance(value, Absent):
            put_back(draft, self.source, position, value)

    def describe(self) -> str:
        """Say what it does."""
        return f"move {self.source.text} to {self.to.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the target."""
        return (self.to.text,)

    def _down_new(self, draft: Draft) -> None:
        if in_array(draft, self.to):
            return  # an element was replaced, nobody knows what it was
        taken = self.to.take(draft.value)
        if taken is None:
            return
        make(draft, self.source, taken[1])
        self.target.prune_new(draft)


class Copy:
    """A field stands at a second place too; its complement is `[objects made]`, and the value that it replaced."""

    loss = LOSSLESS

    __slots__ = ("_missing", "source", "target")

    def __init__(self, source: Path, target: Target, missing: str) -> None:
        self.source = source
        self.target = target
        self._missing = missing

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `from` and `to`."""
        source, to = fields.path("from"), fields.path("to")
        _refuse_overlap(fields, "to", source, to)
        return cls(source, read_target(fields, to), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Copy; the two share nothing."""
        value = self.source.get(draft.value)
        if isinstance(value, Absent):
            return absent(self.source, self._missing)
        if self.target.stops(draft):
            return SKIPPED
        draft.count(value)
        return self.target.put(draft, fresh(value))

    def down(self, draft: Draft, complement: Complement) -> None:
        """Remove the copy; in a document of the new version only while it is nothing but a copy."""
        if complement == SKIPPED:
            return
        if complement is not ABSENT:
            self.target.undo(draft, parts(complement))
            return
        source, copied = self.source.get(draft.value), self.target.path.get(draft.value)
        if isinstance(source, Absent) or isinstance(copied, Absent) or in_array(draft, self.target.path):
            return
        if same(source, copied):
            self.target.undo_new(draft)
            self.target.prune_new(draft)

    def describe(self) -> str:
        """Say what it does."""
        return f"copy {self.source.text} to {self.target.path.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the target."""
        return (self.target.path.text,)


class Remove:
    """A field goes; its complement is `[position, value]`."""

    loss = LOSSLESS

    __slots__ = ("_missing", "field")

    def __init__(self, field: Path, missing: str) -> None:
        self.field = field
        self._missing = missing

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field`."""
        return cls(fields.path("field"), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Take the field away."""
        taken = self.field.take(draft.value)
        return absent(self.field, self._missing) if taken is None else [*taken]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Put the field back, unless the document has one by that name again."""
        if complement == SKIPPED or complement is ABSENT:
            return
        if self.field.get(draft.value) is not ABSENT and not in_array(draft, self.field):
            return
        position, value = parts(complement)
        put_back(draft, self.field, position, value)

    def describe(self) -> str:
        """Say what it does."""
        return f"remove {self.field.text}"

    def writes(self) -> tuple[str, ...]:
        """Give nothing: a removed field is not set."""
        return ()


def _refuse_overlap(fields: Fields, name: str, source: Path, to: Path) -> None:
    if same_place(source, to):
        raise fields.problem(name, f'"{to.text}" is where the field is already')
    if overlap(source, to):
        raise fields.problem(name, f'"{source.text}" and "{to.text}" are inside each other; take a third place between')

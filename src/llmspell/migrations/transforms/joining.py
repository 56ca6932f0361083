"""How does one value become several, or an array of one? Split, wrap and unwrap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from llmspell.migrations.paths import ABSENT, Absent, Path, kind_of
from llmspell.migrations.transforms.base import LOSSLESS, SKIPPED, Complement, Draft, Refusal
from llmspell.migrations.transforms.reach import (
    Target,
    absent,
    in_array,
    make,
    overlap,
    parts,
    put_back,
    read_existing,
    read_missing,
    same_place,
    set_at,
)

if TYPE_CHECKING:
    from llmspell.entry import JsonValue
    from llmspell.migrations.fields import Fields


class Split:
    """Text becomes pieces in several fields; its complement is `[position, what each target needs to be undone]`."""

    loss = LOSSLESS

    __slots__ = ("_missing", "_separator", "_source", "_targets")

    def __init__(self, source: Path, targets: tuple[Target, ...], separator: str, missing: str) -> None:
        self._source = source
        self._targets = targets
        self._separator = separator
        self._missing = missing

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `from`, `to` (of which one may be the source) and `separator`."""
        source, to = fields.path("from"), fields.paths("to")
        refuse_entangled(fields, "to", to, source)
        existing = read_existing(fields)
        targets = tuple(Target(path, existing) for path in to)
        return cls(source, targets, fields.text("separator"), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Split; the last piece takes the rest."""
        text = self._source.get(draft.value)
        if isinstance(text, Absent):
            return absent(self._source, self._missing)
        if not isinstance(text, str):
            raise Refusal(f'the field "{self._source.text}" is {kind_of(text)}; only text can be split')
        pieces = text.split(self._separator, len(self._targets) - 1)
        if len(pieces) < len(self._targets):
            raise Refusal(
                f'the field "{self._source.text}" has {len(pieces)} of the {len(self._targets)} pieces '
                f'that "{self._separator}" should separate'
            )
        taken = self._source.take(draft.value)
        assert taken is not None  # it was read above
        for target in self._targets:
            if target.stops(draft):
                self._source.restore(draft.value, taken)
                return SKIPPED
        marks: list[JsonValue] = []
        for target, piece in zip(self._targets, pieces, strict=True):
            marks.append(target.put(draft, piece))
        return [taken[0], marks]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Join what stands in the targets now; when all of them were removed, the source stays away."""
        if complement == SKIPPED:
            return
        text = self._joined(draft, complement)
        if complement is ABSENT:
            if text is not None:
                self._down_new(draft, text)
            return
        position, marks = parts(complement)
        for target, mark in zip(reversed(self._targets), reversed(marks), strict=True):
            target.undo(draft, mark)
        if text is not None:
            put_back(draft, self._source, position, text)

    def describe(self) -> str:
        """Say what it does."""
        return f"split {self._source.text} into {', '.join(self.writes())}"

    def writes(self) -> tuple[str, ...]:
        """Give the targets."""
        return tuple(target.path.text for target in self._targets)

    def _joined(self, draft: Draft, complement: Complement) -> str | None:
        """Give the text of all targets; None when there is nothing to join."""
        found = [target.path.get(draft.value) for target in self._targets]
        gone = found.count(ABSENT)
        if gone == len(found) or (gone and complement is ABSENT):
            return None
        pieces: list[str] = []
        for target, piece in zip(self._targets, found, strict=True):
            if not isinstance(piece, str):
                raise Refusal(f'the field "{target.path.text}" is {kind_of(piece)}; only texts can be joined again')
            pieces.append(piece)
        return self._separator.join(pieces)

    def _down_new(self, draft: Draft, text: str) -> None:
        if any(in_array(draft, target.path) for target in self._targets):
            return  # an element was replaced, nobody knows what it was
        for target in reversed(self._targets):
            target.undo_new(draft)
        make(draft, self._source, text)
        for target in reversed(self._targets):
            target.prune_new(draft)


class Wrap:
    """A value becomes an array of one; going down needs nothing that was kept."""

    loss = LOSSLESS

    __slots__ = ("_field", "_missing")

    def __init__(self, field: Path, missing: str) -> None:
        self._field = field
        self._missing = missing

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field`."""
        return cls(fields.path("field", whole=True), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Wrap."""
        value = self._field.get(draft.value)
        if isinstance(value, Absent):
            return absent(self._field, self._missing)
        set_at(draft, self._field, [value])
        return None

    def down(self, draft: Draft, complement: Complement) -> None:
        """Unwrap; an array of none or of several cannot go down."""
        value = self._field.get(draft.value)
        if complement != SKIPPED and not isinstance(value, Absent):
            set_at(draft, self._field, _only_element(self._field, value))

    def describe(self) -> str:
        """Say what it does."""
        return f"wrap {self._field.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the field."""
        return (self._field.text,)


class Unwrap:
    """An array of one becomes its element; going down needs nothing that was kept."""

    loss = LOSSLESS

    __slots__ = ("_field", "_missing")

    def __init__(self, field: Path, missing: str) -> None:
        self._field = field
        self._missing = missing

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field`."""
        return cls(fields.path("field", whole=True), read_missing(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Unwrap; an array of none or of several is refused."""
        value = self._field.get(draft.value)
        if isinstance(value, Absent):
            return absent(self._field, self._missing)
        set_at(draft, self._field, _only_element(self._field, value))
        return None

    def down(self, draft: Draft, complement: Complement) -> None:
        """Wrap."""
        value = self._field.get(draft.value)
        if complement != SKIPPED and not isinstance(value, Absent):
            set_at(draft, self._field, [value])

    def describe(self) -> str:
        """Say what it does."""
        return f"unwrap {self._field.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the field."""
        return (self._field.text,)


def refuse_entangled(fields: Fields, name: str, several: tuple[Path, ...], single: Path) -> None:
    """Raise when paths are inside each other; one of `several` may be `single`."""
    for index, path in enumerate(several):
        for other in several[:index]:
            if overlap(path, other):
                raise fields.problem(name, f'"{other.text}" and "{path.text}" are the same place or inside each other')
        if overlap(path, single) and not same_place(path, single):
            raise fields.problem(name, f'"{single.text}" and "{path.text}" are inside each other')


def _only_element(field: Path, value: JsonValue) -> JsonValue:
    where = f'the field "{field.text}"' if field.steps else "the value"
    if not isinstance(value, list):
        raise Refusal(f"{where} is {kind_of(value)}, not an array of one element")
    if len(value) != 1:
        raise Refusal(f"{where} is an array of {len(value)} elements; only one of one element can be unwrapped")
    return value[0]

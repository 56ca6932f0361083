"""How do fields get a value? A default where there is none, a set value, a computed one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from llmspell.errors import InvalidArgument
from llmspell.migrations.paths import ABSENT, Absent, Path, PathError
from llmspell.migrations.transforms.base import LOSSY, SKIPPED, Complement, Draft, Refusal
from llmspell.migrations.transforms.reach import overlap, parts, set_at
from llmspell.migrations.transforms.values import fresh, fresh_at, has_now, same

if TYPE_CHECKING:
    from llmspell.entry import JsonValue
    from llmspell.migrations.expressions import Expression
    from llmspell.migrations.fields import Fields


class Default:
    """A field gets a value where it is absent; its complement is `[objects made]`."""

    loss = LOSSY

    __slots__ = ("constant", "field", "value")

    def __init__(self, field: Path, value: JsonValue) -> None:
        self.field = field
        self.value = value
        self.constant = not isinstance(value, dict | list) and not has_now(value)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field` and `value`."""
        return cls(fields.path("field"), fields.value("value"))

    def up(self, draft: Draft) -> JsonValue:
        """Fill the field, with a value that no other document shares; null is a value and stays."""
        value = self.value if self.constant else fresh_at(self.value, draft.now)
        try:
            made = self.field.add(draft.value, value)
        except PathError as error:
            raise Refusal(str(error)) from error
        return SKIPPED if made is None else [made]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Remove what was filled; a document of the new version keeps its field, which is its own."""
        if complement == SKIPPED or complement is ABSENT:
            return
        _remove(draft, self.field, parts(complement)[0])

    def describe(self) -> str:
        """Say what it does."""
        return f"default of {self.field.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the field."""
        return (self.field.text,)


class Set:
    """A field gets a value; its complement is `[objects made]` or `[0, old value]`, and what was set if that varies."""

    loss = LOSSY

    __slots__ = ("constant", "field", "value")

    def __init__(self, field: Path, value: JsonValue) -> None:
        self.field = field
        self.value = value
        self.constant = not has_now(value)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field` and `value`."""
        return cls(fields.path("field"), fields.value("value"))

    def up(self, draft: Draft) -> JsonValue:
        """Set the field, at its position if it exists."""
        old = self.field.get(draft.value)
        new = fresh_at(self.value, draft.now)
        made = set_at(draft, self.field, new)
        if isinstance(old, Absent):
            return [made]
        return [made, old] if self.constant else [made, old, fresh(new)]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Bring the old value back, unless the field was edited; a field that had not been is removed."""
        if complement == SKIPPED or complement is ABSENT:
            return
        made, *kept = parts(complement)
        if kept:
            _bring_back(draft, self.field, kept[0], self.value if self.constant else kept[1])
        else:
            _remove(draft, self.field, made)

    def describe(self) -> str:
        """Say what it does."""
        return f"set {self.field.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the field."""
        return (self.field.text,)


class Computed:
    """A field gets what an expression gives; its complement is `[objects made]`, or `[0, old value, new value]`."""

    loss = LOSSY

    __slots__ = ("_reads_itself", "expression", "field")

    def __init__(self, field: Path, expression: Expression) -> None:
        self.field = field
        self.expression = expression
        self._reads_itself = any(_reads(text, field) for text in expression.reads)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `field` and `expression`."""
        return cls(fields.path("field", whole=True), fields.expression("expression"))

    def up(self, draft: Draft) -> JsonValue:
        """Compute the field; the expression still sees its old value."""
        new = self.expression.evaluate(draft)
        draft.count(new)
        old = self.field.get(draft.value)
        made = set_at(draft, self.field, new)
        return [made] if isinstance(old, Absent) else [made, old, fresh(new)]

    def down(self, draft: Draft, complement: Complement) -> None:
        """Bring the old value back, unless the field was edited; a field that only the expression makes is removed."""
        if complement == SKIPPED:
            return
        if complement is ABSENT:
            if self.field.steps and not self._reads_itself:
                _remove(draft, self.field, len(self.field.steps) - 1)
            return
        made, *kept = parts(complement)
        if kept:
            _bring_back(draft, self.field, *kept)
        else:
            _remove(draft, self.field, made)

    def describe(self) -> str:
        """Say what it does."""
        return f"compute {self.field.text}"

    def writes(self) -> tuple[str, ...]:
        """Give the field."""
        return (self.field.text,)


def _remove(draft: Draft, field: Path, made: int) -> None:
    field.take(draft.value)
    field.prune(draft.value, made)


def _bring_back(draft: Draft, field: Path, old: JsonValue, written: JsonValue) -> None:
    found = field.get(draft.value)
    if not isinstance(found, Absent) and same(found, written):
        set_at(draft, field, old)


def _reads(text: str, field: Path) -> bool:
    """Tell whether what an expression reads may be the field; what cannot be told counts as yes."""
    try:
        return text == "this" or overlap(Path(text), field)
    except InvalidArgument:
        return True

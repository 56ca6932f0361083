"""What can happen to an entry as a whole? It is deleted, or gets another key or scope.

These transforms only say so in the draft. The caller does it and keeps what undoes it, so `down` has nothing to do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, Self

from llmspell import arguments
from llmspell.errors import InvalidArgument
from llmspell.migrations.fields import FieldProblem
from llmspell.migrations.transforms.base import LOSSLESS, SKIPPED, Complement, Draft, Refusal

if TYPE_CHECKING:
    from llmspell.entry import JsonValue
    from llmspell.migrations.expressions import Expression
    from llmspell.migrations.fields import Fields

_PIECE = re.compile(r"\{\{|\}\}|\{key\}|\{scope\}|[^{}]+|.", re.DOTALL)
_LITERAL = {"{{": "{", "}}": "}"}


class DeleteEntry:
    """The entry is deleted; the caller keeps it whole aside."""

    loss = LOSSLESS

    __slots__ = ("_condition",)

    def __init__(self, condition: Expression | None) -> None:
        self._condition = condition

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read `condition`, if there."""
        return cls(_read_condition(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Mark the entry as deleted."""
        if not _concerns(self._condition, draft):
            return SKIPPED
        draft.deleted = True
        return None

    def down(self, draft: Draft, complement: Complement) -> None:
        """Do nothing: the caller brings the entry back."""

    def describe(self) -> str:
        """Say what it does."""
        return _with_condition("delete the entry", self._condition)

    def writes(self) -> tuple[str, ...]:
        """Give nothing: no field is set."""
        return ()


class Relocate:
    """The entry gets another key in its scope, or another scope with its key."""

    loss = LOSSLESS

    __slots__ = ("_condition", "_name", "_part")

    def __init__(self, part: str, name: Name, condition: Expression | None) -> None:
        self._part = part
        self._name = name
        self._condition = condition

    @classmethod
    def read_key(cls, fields: Fields) -> Self:
        """Read a new key: `to` or `expression`, and `condition`, if there."""
        return cls("key", _read_name(fields), _read_condition(fields))

    @classmethod
    def read_scope(cls, fields: Fields) -> Self:
        """Read a new scope, as `read_key` does."""
        return cls("scope", _read_name(fields), _read_condition(fields))

    def up(self, draft: Draft) -> JsonValue:
        """Set the key or scope, which must be a possible one."""
        if not _concerns(self._condition, draft):
            return SKIPPED
        accept = arguments.key_name if self._part == "key" else arguments.scope_name
        try:
            name = accept(self._name.make(draft))
        except InvalidArgument as error:
            raise Refusal(f"the new {self._part} cannot be used: {error}") from error
        if name == getattr(draft, self._part):
            return SKIPPED
        setattr(draft, self._part, name)
        return None

    def down(self, draft: Draft, complement: Complement) -> None:
        """Do nothing: the caller moves the entry back."""

    def describe(self) -> str:
        """Say what it does."""
        what = "rename the key to" if self._part == "key" else "move the entry to the scope"
        return _with_condition(f"{what} {self._name.text}", self._condition)

    def writes(self) -> tuple[str, ...]:
        """Give nothing: no field is set."""
        return ()


class Name(Protocol):
    """How a new key or scope is made."""

    text: str

    def make(self, draft: Draft) -> JsonValue:
        """Give the name for a document; raises `Refusal`."""


class Template:
    """Text in which `{key}` and `{scope}` are those of the entry; `{{` and `}}` are braces.

    >>> Template("old:{key}").make(Draft("users", "ann", None, 0))
    'old:ann'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._pieces: list[str] = _PIECE.findall(text)
        wrong = next((piece for piece in self._pieces if piece in ("{", "}")), None)
        if wrong is not None:
            raise InvalidArgument(
                f'"{text}" has a "{wrong}" that begins or ends no {{key}} or {{scope}}; write "{wrong * 2}" for a brace'
            )

    def make(self, draft: Draft) -> JsonValue:
        """Fill in."""
        names = {"{key}": draft.key, "{scope}": draft.scope, **_LITERAL}
        return "".join(names.get(piece, piece) for piece in self._pieces)


class Computation:
    """An expression gives the name."""

    def __init__(self, expression: Expression) -> None:
        self.text = expression.text
        self._expression = expression

    def make(self, draft: Draft) -> JsonValue:
        """Evaluate."""
        return self._expression.evaluate(draft)


def _read_name(fields: Fields) -> Name:
    if "expression" in fields and "to" in fields:
        raise fields.problem("expression", "to is there as well; keep one of the two")
    if "expression" in fields:
        return Computation(fields.expression("expression"))
    if "to" not in fields:
        raise FieldProblem(fields.place, 'the field "to" is missing, or "expression"')
    try:
        return Template(fields.text("to"))
    except InvalidArgument as error:
        raise fields.problem("to", str(error)) from error


def _read_condition(fields: Fields) -> Expression | None:
    return fields.expression("condition") if "condition" in fields else None


def _concerns(condition: Expression | None, draft: Draft) -> bool:
    return condition is None or condition.holds(draft)


def _with_condition(words: str, condition: Expression | None) -> str:
    return words if condition is None else f"{words} if {condition.text}"

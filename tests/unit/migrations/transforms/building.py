"""How do the tests read a transform and take a document up and down with it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell import codec
from llmspell.errors import InvalidArgument
from llmspell.migrations.expressions import Functions
from llmspell.migrations.fields import Environment, FieldProblem
from llmspell.migrations.transforms.base import ABSENT, Draft, Refusal, Transform
from llmspell.migrations.transforms.table import read_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.entry import JsonValue

NOW = 1_795_363_200.0
NOW_TEXT = "2026-11-22T16:00:00Z"


class PythonFunctions:
    """Code whose functions are those of Python: they get the value of the JSON text, or the text if they want bytes."""

    def __init__(self, **functions: Callable[[Any], Any]) -> None:
        self._functions = functions
        self.names = frozenset(functions)
        self.fields: dict[str, JsonValue] = {}
        self.source = b""

    def call(self, name: str, text: bytes) -> bytes:
        """Call it; bytes that it gives are the result as they are."""
        try:
            result = self._functions[name](codec.decode(text))
        except ArithmeticError as error:
            raise Refusal(f"{name} failed: {error}") from error
        return result if isinstance(result, bytes) else codec.encode(result)


def environment(**codes: PythonFunctions) -> Environment:
    """Give an environment in which these codes can be opened by their names."""

    def open_code(reference: str) -> PythonFunctions:
        if reference not in codes:
            raise InvalidArgument(f'there is no code "{reference}"')
        return codes[reference]

    return Environment(Functions(), open_code)


def read(table: dict[str, Any], **codes: PythonFunctions) -> Transform:
    """Read one transform."""
    (step,) = read_steps([table], ("transforms",), environment(**codes))
    return step.transform


def problem(table: dict[str, Any]) -> FieldProblem:
    """Give the problem with a table."""
    with pytest.raises(FieldProblem) as caught:
        read(table)
    return caught.value


def draft(value: JsonValue) -> Draft:
    """Give a draft with a copy of the value."""
    return Draft("users", "ann", codec.decode(codec.encode(value)), NOW)


def up(table: dict[str, Any] | Transform, value: JsonValue) -> tuple[JsonValue, JsonValue]:
    """Take a value up; give what it is then, and the complement."""
    going = draft(value)
    complement = _transform(table).up(going)
    return going.value, complement


def went_up(table: dict[str, Any] | Transform, value: JsonValue) -> JsonValue:
    """Take a value up."""
    return up(table, value)[0]


def refusal(table: dict[str, Any] | Transform, value: JsonValue) -> str:
    """Give why a value cannot go up."""
    with pytest.raises(Refusal) as caught:
        up(table, value)
    return str(caught.value)


def went_down(table: dict[str, Any] | Transform, before: JsonValue, edited: JsonValue) -> JsonValue:
    """Take a value up, replace it by an edited one, and take that down with the complement as it was kept."""
    transform = _transform(table)
    complement = up(transform, before)[1]
    going = draft(edited)
    transform.down(going, codec.decode(codec.encode(complement)))
    return going.value


def down_refusal(table: dict[str, Any] | Transform, before: JsonValue, edited: JsonValue) -> str:
    """Give why an edited value cannot go down."""
    with pytest.raises(Refusal) as caught:
        went_down(table, before, edited)
    return str(caught.value)


def new_went_down(table: dict[str, Any] | Transform, value: JsonValue) -> JsonValue:
    """Take a value down that was made in the new version."""
    going = draft(value)
    _transform(table).down(going, ABSENT)
    return going.value


def new_refusal(table: dict[str, Any] | Transform, value: JsonValue) -> str:
    """Give why a value that was made in the new version cannot go down."""
    with pytest.raises(Refusal) as caught:
        new_went_down(table, value)
    return str(caught.value)


def text(value: JsonValue) -> str:
    """Give the JSON text, which tells 1 from 1.0 and one order of fields from another."""
    return codec.encode(value).decode()


def _transform(table: dict[str, Any] | Transform) -> Transform:
    return read(table) if isinstance(table, dict) else table

"""How do several values become one, and what was each of them when the one has been edited since?

A strategy has `combine`, which is pure: from the same values it always makes the same one. `apart` gives what each
value becomes after an edit, ABSENT for none; `apart_new` does so where the values were never known, and gives
None where that is not certain.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, TypeAlias

from llmspell.limits import MAX_INTEGER, MIN_INTEGER
from llmspell.migrations.paths import ABSENT, Absent, kind_of
from llmspell.migrations.transforms.base import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell.entry import JsonValue

Pieces: TypeAlias = "list[JsonValue | Absent]"


class Strategy(Protocol):
    """One way of making one value of several."""

    name: str

    def combine(self, values: Sequence[JsonValue]) -> JsonValue:
        """Make one value; raises `Refusal`."""

    def apart(self, found: JsonValue | Absent, values: Sequence[JsonValue]) -> Pieces:
        """Give what each of `values` is now that the one is `found`; raises `Refusal`."""

    def apart_new(self, found: JsonValue, count: int) -> Pieces | None:
        """Give `count` values of which `found` could have been made."""


class Joined:
    """Texts, one behind the other with a separator between."""

    name = "separator"

    def __init__(self, separator: str) -> None:
        self._separator = separator

    def combine(self, values: Sequence[JsonValue]) -> JsonValue:
        """Join."""
        texts: list[str] = []
        for value in values:
            if not isinstance(value, str):
                raise Refusal(f"a separator joins texts, but one value is {kind_of(value)}; convert it first")
            texts.append(value)
        return self._separator.join(texts)

    def apart(self, found: JsonValue | Absent, values: Sequence[JsonValue]) -> Pieces:
        """Split into as many pieces as there were."""
        if isinstance(found, Absent):
            return [ABSENT] * len(values)
        pieces = self.apart_new(found, len(values))
        if pieces is None:
            raise Refusal(
                f'it was edited since, and has not {len(values)} pieces with "{self._separator}" between them'
            )
        return pieces

    def apart_new(self, found: JsonValue, count: int) -> Pieces | None:
        """Split, if that gives as many pieces."""
        pieces = found.split(self._separator) if isinstance(found, str) else []
        return [*pieces] if len(pieces) == count else None


class First:
    """The first value that is not null; null when all are."""

    name = "first"

    def combine(self, values: Sequence[JsonValue]) -> JsonValue:
        """Choose."""
        return values[_winner(values)]

    def apart(self, found: JsonValue | Absent, values: Sequence[JsonValue]) -> Pieces:
        """Give the edit to the value that was chosen; the others are what they were."""
        pieces: Pieces = [*values]
        pieces[_winner(values)] = found
        return pieces

    def apart_new(self, found: JsonValue, count: int) -> Pieces | None:
        """Give it to the first."""
        return [found, *[ABSENT] * (count - 1)]


class Sum:
    """Numbers added up: integers to a 64-bit integer; with a float among them to a float that takes each exactly."""

    name = "sum"

    def combine(self, values: Sequence[JsonValue]) -> JsonValue:
        """Add."""
        numbers = [_number(value) for value in values]
        if any(isinstance(number, float) for number in numbers):
            # Rounded once, at the end: the same in any order, and no overflow on the way to a sum that is none.
            return _finite(_rounded(sum((Fraction(_exact_float(number)) for number in numbers), Fraction())))
        return _integer(sum(numbers))  # type: ignore[arg-type]

    def apart(self, found: JsonValue | Absent, values: Sequence[JsonValue]) -> Pieces:
        """Give the difference to the first; it becomes a float only where it must."""
        if isinstance(found, Absent):
            return [ABSENT] * len(values)
        numbers = [_number(value) for value in values]
        first = Fraction(_number(found)) - sum(map(Fraction, numbers[1:]), Fraction())
        if first.denominator == 1 and isinstance(numbers[0], int):
            return [_integer(int(first)), *values[1:]]
        return [_finite(_rounded(first)), *values[1:]]

    def apart_new(self, found: JsonValue, count: int) -> Pieces | None:
        """Give all of it to the first."""
        numeric = isinstance(found, int | float) and not isinstance(found, bool)
        return [found, *[ABSENT] * (count - 1)] if numeric else None


class Listed:
    """An array of all."""

    name = "list"

    def combine(self, values: Sequence[JsonValue]) -> JsonValue:
        """List."""
        return [*values]

    def apart(self, found: JsonValue | Absent, values: Sequence[JsonValue]) -> Pieces:
        """Give every element back to where it came from."""
        if isinstance(found, Absent):
            return [ABSENT] * len(values)
        pieces = self.apart_new(found, len(values))
        if pieces is None:
            raise Refusal(f"it was edited since, and is no array of {len(values)} elements any more")
        return pieces

    def apart_new(self, found: JsonValue, count: int) -> Pieces | None:
        """Give the elements, if there are as many."""
        return [*found] if isinstance(found, list) and len(found) == count else None


STRATEGIES: dict[str, Strategy] = {"first": First(), "sum": Sum(), "list": Listed()}
"""What `merge` can do beside joining texts, by its name in migration files."""


def _winner(values: Sequence[JsonValue]) -> int:
    return next((index for index, value in enumerate(values) if value is not None), 0)


def _number(value: JsonValue) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"a sum takes numbers, but one value is {kind_of(value)}; convert it first")
    return value


def _exact_float(number: int | float) -> float:
    if isinstance(number, int) and int(float(number)) != number:
        raise Refusal(f"{number} is added to a float, but no float is exactly this integer; convert it first")
    return float(number)


def _integer(number: int) -> int:
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise Refusal(f"the sum {number} is beyond 64 bits")
    return number


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise Refusal("the sum is beyond all floats")
    return number


def _rounded(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf

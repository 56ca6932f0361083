"""Values become values of another kind exactly, or not at all."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.limits import MAX_INTEGER, MIN_INTEGER
from llmspell.migrations.transforms.base import Refusal
from llmspell.migrations.transforms.kinds import KINDS, to_float, to_int, to_kind_of, to_moment_like, to_string
from tests.unit.migrations.transforms.building import text
from tests.unit.migrations.transforms.documents import leaves

CONVERTED: list[tuple[str, Any, Any]] = [
    ("int", "0", 0),
    ("int", "-12", -12),
    ("int", str(MAX_INTEGER), MAX_INTEGER),
    ("int", str(MIN_INTEGER), MIN_INTEGER),
    ("int", 3.0, 3),
    ("int", -(2.0**63), MIN_INTEGER),
    ("int", True, 1),
    ("int", False, 0),
    ("float", 2**53, 2.0**53),
    ("float", "1", 1.0),
    ("float", "-1.5e3", -1500.0),
    ("float", "-0.0", -0.0),
    ("string", 1, "1"),
    ("string", 1.0, "1.0"),
    ("string", MIN_INTEGER, str(MIN_INTEGER)),
    ("string", True, "true"),
    ("bool", "true", True),
    ("bool", "false", False),
    ("bool", 1, True),
    ("bool", 0, False),
    ("datetime", 1795363200, "2026-11-22T16:00:00Z"),
    ("datetime", 0.25, "1970-01-01T00:00:00.250000Z"),
    ("datetime", "2026-11-22T17:00:00+01:00", "2026-11-22T16:00:00Z"),
    ("datetime", "2026-11-22", "2026-11-22T00:00:00Z"),
    ("datetime", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
]

REFUSED: list[tuple[str, Any, str]] = [
    *[
        ("int", value, "an integer of 64 bits")
        for value in ("", " 1", "1 ", "+1", "01", "1.0", "1e3", "0x10", "\u0661", "x")
    ],
    ("int", str(MAX_INTEGER + 1), "an integer of 64 bits"),
    ("int", "9" * 5_000, "an integer of 64 bits"),
    ("int", 1.5, "an integer of 64 bits"),
    ("int", 2.0**63, "an integer of 64 bits"),
    ("float", True, "a float"),
    ("float", 2**53 + 1, "a float"),
    ("float", MAX_INTEGER, "a float"),
    ("float", "9007199254740993", "a float"),
    *[("float", value, "a float") for value in ("1e999", "inf", "nan", ".5", "5.", "1_0", "", "9" * 5_000)],
    *[("bool", value, "true or false") for value in ("True", "yes", "1", "", 2, -1, 1.0, 0.0)],
    *[("datetime", value, "a date and time") for value in ("", "soon", "2026-13-01", True, 1e300, MAX_INTEGER)],
    ("datetime", "0001-01-01T00:00:00+01:00", "a date and time"),
]


@pytest.mark.parametrize(("kind", "value", "result"), CONVERTED)
def test_what_is_the_same_in_another_kind_is_converted(kind: str, value: Any, result: Any) -> None:
    assert text(KINDS[kind](value)) == text(result)


@pytest.mark.parametrize(("kind", "value", "wanted"), REFUSED)
def test_what_would_change_is_refused(kind: str, value: Any, wanted: str) -> None:
    with pytest.raises(Refusal) as caught:
        KINDS[kind](value)
    assert str(caught.value).endswith(f" cannot become {wanted} without a change")
    assert len(str(caught.value)) < 130


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "spelled"), [(None, "null"), ([1], "an array"), ({"a": 1}, "an object")], ids=["null", "array", "object"]
)
def test_null_arrays_and_objects_are_refused(kind: str, value: Any, spelled: str) -> None:
    with pytest.raises(Refusal, match=f"^{spelled} cannot become "):
        KINDS[kind](value)


@given(st.integers(MIN_INTEGER, MAX_INTEGER))
def test_every_integer_is_the_same_after_being_text(number: int) -> None:
    assert to_int(to_string(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_the_same_after_being_text(number: float) -> None:
    back = to_float(to_string(number))
    assert (back, math.copysign(1, back)) == (number, math.copysign(1, number))


@given(st.integers(MIN_INTEGER, MAX_INTEGER))
@settings(max_examples=50)
def test_an_integer_that_becomes_a_float_comes_back(number: int) -> None:
    exact = number - number % 2**11
    assert to_int(to_float(exact)) == exact


@given(leaves)
def test_a_value_is_already_of_its_own_kind(value: Any) -> None:
    if value is not None:
        assert text(to_kind_of(value, value)) == text(value)


@pytest.mark.parametrize(
    ("value", "old", "result"),
    [
        ("1970-01-01T00:01:00Z", 5, 60),
        ("1970-01-01T00:01:00.5Z", 5.0, 60.5),
        ("1969-12-31T23:59:59Z", 5, -1),
        ("1970-01-01T01:00+01:00", "then", "1970-01-01T00:00:00Z"),
        (7, 5, 7),
    ],
)
def test_an_edited_moment_becomes_what_moments_were(value: Any, old: Any, result: Any) -> None:
    assert text(to_moment_like(value, old)) == text(result)


def test_a_part_of_a_second_is_not_lost_in_an_integer() -> None:
    with pytest.raises(Refusal, match="cannot become whole epoch seconds, as it was before, without a change"):
        to_moment_like("1970-01-01T00:01:00.5Z", 5)

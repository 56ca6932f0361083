"""JSON values become bytes and values again, or are refused with the path of the part that cannot."""

from collections import OrderedDict
from decimal import Decimal
from enum import IntEnum

import pytest

from llmspell import codec
from llmspell.errors import InvalidValue, StoreDamaged

EXACT: list[object] = [
    *(True, False, None, 0, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
    *(0.0, -0.0, 1.0, 0.1, 1e308, 5e-324, -1.7976931348623157e308, 1e16, 1e22, 123456789.0),
    *("", "text", "\0", "\x1f", '"\\/', "é", "e\u0301", "👩\u200d🚀", "\u2028", "\ud7ff", "\U0010ffff", "line\nend"),
    *([], {}, [[]], [{}], {"": ""}, {"a": None}, [None, 1, 1.0, True], {"b": 1, "a": 2}, {"__proto__": {"x": 1}}),
]

REFUSED: list[tuple[object, str, str]] = [
    (float("nan"), "", "is nan"),
    (float("inf"), "", "is inf"),
    ({"a": [0, float("-inf")]}, ".a[1]", "is -inf"),
    (2**63, "", "integer beyond 64 bits"),
    ([-(2**63) - 1], "[0]", "integer beyond 64 bits"),
    ((1, 2), "", "make it a list"),
    ({"a": {1, 2}}, ".a", "make it a list"),
    (frozenset(), "", "make it a list"),
    (b"bytes", "", "decode it to text"),
    (OrderedDict(a=1), "", "make it a plain dict"),
    (Decimal(1), "", "no JSON"),
    (object(), "", "an object"),
    (len, "", "no JSON"),
    (lambda: None, "", "a function"),
    ({"items": [1, 2, 3, {"callback": print}]}, ".items[3].callback", "no JSON"),
    ({1: "one"}, "", "whose name is no text"),
    ({"a": {None: 1}}, ".a", "whose name is no text"),
    ({"odd name": {"x": print}}, '["odd name"].x', "no JSON"),
    (1j, "", "a complex"),
    ("\ud800", "", "lone surrogate"),
    ({"a": ["ok", "\udfff!"]}, ".a[1]", "lone surrogate"),
    ({"\ud800": 1}, "['\\ud800']", "lone surrogate"),
    ({"a": {"x": 1, "\udc00": 2}}, ".a['\\udc00']", "lone surrogate"),
]


def nested(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("value", EXACT, ids=ascii)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    decoded = codec.decode(codec.encode(value))
    assert repr(decoded) == repr(value)  # tells True from 1, 1 from 1.0 and 0.0 from -0.0


@pytest.mark.parametrize(("value", "path", "reason"), REFUSED, ids=[f"{path} {reason}" for _, path, reason in REFUSED])
def test_what_json_cannot_hold_is_refused_with_its_path(value: object, path: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        codec.encode(value)
    assert raised.value.path == path
    assert reason in raised.value.reason


def test_an_integer_of_thousands_of_digits_is_refused_like_any_other() -> None:
    with pytest.raises(InvalidValue, match="integer beyond 64 bits"):
        codec.encode(10**5000)


def test_subclasses_of_plain_types_are_refused_because_they_would_come_back_plain() -> None:
    class Name(str):
        __slots__ = ()

    class Colour(IntEnum):
        RED = 1

    for value in (Name("x"), Colour.RED):
        with pytest.raises(InvalidValue, match="make it a plain"):
            codec.encode(value)


def test_128_levels_are_stored() -> None:
    assert codec.decode(codec.encode(nested(128))) == nested(128)


def test_129_levels_are_refused() -> None:
    with pytest.raises(InvalidValue, match="128 levels") as raised:
        codec.encode(nested(129))
    assert raised.value.path == "[0]" * 128


def test_a_value_that_contains_itself_is_refused() -> None:
    cycle: dict[str, object] = {}
    cycle["self"] = [cycle]
    with pytest.raises(InvalidValue, match="contains itself"):
        codec.encode(cycle)


def test_fields_keep_their_order() -> None:
    assert codec.encode({"z": 1, "a": 2}) == b'{"z":1,"a":2}'


def test_text_that_is_no_json_any_more_is_damage() -> None:
    with pytest.raises(StoreDamaged, match="llmspell state check"):
        codec.decode(b'{"n":')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        (" [1, 2.0]\n", [1, 2.0]),
        ('"\\u00e9\\ud83d\\ude00"', "é😀"),
        (b'{"a": "\xc3\xa9"}', {"a": "é"}),
        ("-9223372036854775808", -(2**63)),
        ("1e3", 1000.0),
        ("-0.0", -0.0),
        ("null", None),
    ],
)
def test_json_from_outside_is_read(text: str | bytes, value: object) -> None:
    assert repr(codec.parse(text)) == repr(value)


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("", "", "not valid JSON"),
        ("{", "", "not valid JSON"),
        ("[1,]", "", "not valid JSON"),
        ("{'a': 1}", "", "not valid JSON"),
        ("1 2", "", "not valid JSON"),
        ('"a\nb"', "", "not valid JSON"),
        (b'"\xff"', "", "not valid JSON"),
        ("9" * 5000, "", "not valid JSON"),
        ('{"a": 1, "b": 2, "a": 3}', "", 'names the field "a" twice'),
        ("NaN", "", "is nan"),
        ('{"a": [-Infinity]}', ".a[0]", "is -inf"),
        ("1e999", "", "is inf"),
        ("9223372036854775808", "", "beyond 64 bits"),
        ('["\\ud800"]', "[0]", "lone surrogate"),
        ('{"\\udfff": 1}', "['\\udfff']", "lone surrogate"),
        ("[" * 129 + "]" * 129, "[0]" * 128, "128 levels"),
        ("[" * 100_000, "", "128 levels"),
    ],
    ids=lambda part: ascii(part)[:30],
)
def test_json_that_would_change_silently_is_refused(text: str | bytes, path: str, reason: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        codec.parse(text)
    assert raised.value.path == path
    assert reason in raised.value.reason


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63), 0.0, -0.0, 1.5, 1e16, 1e22, 5e-324, -1e300])
def test_a_stored_number_is_read_as_the_number_it_is(value: int | float) -> None:
    assert repr(codec.number(codec.encode(value))) == repr(value)
    assert repr(codec.decode(codec.encode_number(value))) == repr(value)


@pytest.mark.parametrize("value", [True, None, "1", "1.5", "nan", "", [], [1], {}, {"a": 1}])
def test_what_is_no_number_is_not_read_as_one(value: object) -> None:
    assert codec.number(codec.encode(value)) is None


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, float("inf"), float("nan")])
def test_a_number_beyond_bounds_is_not_encoded(value: int | float) -> None:
    with pytest.raises(InvalidValue):
        codec.encode_number(value)

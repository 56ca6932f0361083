"""A value is the same on every side: written by each language, read by each, and written back.

What a store keeps is JSON text, so "the same" means the same bytes. The exceptions are those that
docs/reference/type-mapping.md names, and each is stated here.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

import llmspell
from tests.bindings.speaking import LANGUAGES, SPEAKERS, javascript

VALUES = {
    "true": "true",
    "false": "false",
    "0": "0",
    "minus 1": "-1",
    "2^31": "2147483648",
    "2^32": "4294967296",
    "2^53 - 1": "9007199254740991",
    "-(2^53 - 1)": "-9007199254740991",
    "2^53": "9007199254740992",
    "2^53 + 1": "9007199254740993",
    "-(2^53 + 1)": "-9007199254740993",
    "the largest integer": "9223372036854775807",
    "the smallest integer": "-9223372036854775808",
    "one": "1",
    "one as a float": "1.0",
    "0.1": "0.1",
    "0.1 + 0.2": "0.30000000000000004",
    "minus 2.5": "-2.5",
    "0.0": "0.0",
    "-0.0": "-0.0",
    "1e15": "1000000000000000.0",
    "2^53 as a float": "9007199254740992.0",
    "1e16": "1e+16",
    "1e20": "1e+20",
    "a float of many digits": "1.2345678901234567e+19",
    "1e21": "1e+21",
    "1e22": "1e+22",
    "1.5e300": "1.5e+300",
    "0.0001": "0.0001",
    "0.00001": "0.00001",
    "1e-6": "1e-6",
    "1.5e-6": "1.5e-6",
    "1e-7": "1e-7",
    "the smallest float": "5e-324",
    "the largest float": "1.7976931348623157e+308",
    "no text": '""',
    "plain text": '"hello"',
    "text with an emoji": '"h\u00e9llo \U0001f600"',
    "text with a NUL": '"a\\u0000b"',
    "text with quotes": '"say \\"hi\\" \\\\ / \'"',
    "text with controls": '"\\b\\f\\n\\r\\t\\u001f\x7f"',
    "text with line separators": '"a\u2028b\u2029c"',
    "text like a number": '"1"',
    "text like null": '"null"',
    "long text": json.dumps("x" * 1_000),
    "long text with everything": json.dumps('é"\\\n\U0001f600' * 50, ensure_ascii=False),
    "an empty array": "[]",
    "an empty object": "{}",
    "arrays and objects of empties": '[[],{},[[]],[{}],{"a":[]}]',
    "null inside an array": "[null]",
    "nulls around": "[null,1,null,[null]]",
    "numbers side by side": "[1,1.5,-0.0,2,9007199254740993]",
    "one and one as a float": "[1,1.0]",
    "a float inside an object": '{"x":1.0}',
    "an array of objects": '[{"id":1},{"id":2}]',
    "128 arrays": "[" * 128 + "]" * 128,
    "128 levels with something inside": "[" * 127 + '{"a":"deep"}' + "]" * 127,
    "a field without a name": '{"":1}',
    "__proto__": '{"__proto__":{"x":1}}',
    "constructor": '{"constructor":1}',
    "toJSON": '{"toJSON":"x"}',
    "length": '{"length":3}',
    "a name with a dot": '{"a.b":{"c.d":1}}',
    "a name like a number": '{"1":"x"}',
    "a name in Unicode": '{"\u00e9\U0001f600\u2028":1}',
    "a name with a quote": '{"a\\"\\\\\\n":1}',
    "names like numbers": '{"b":1,"10":2,"a":3,"2":4}',
    "many fields": '{"zebra":1,"apple":[2,{"y":3,"x":4}],"mango":"m"}',
    "null in a field": '{"a":null,"b":[null],"c":{"d":null}}',
}
PARSED: dict[str, Any] = {name: json.loads(text) for name, text in VALUES.items()}

WRITTEN = {
    "lua": PARSED,
    "python": PARSED,
    "javascript": {name: value for name, value in PARSED.items() if javascript.can_spell(value)},
}
"""What each language has words for."""

NO_WORDS_IN_JAVASCRIPT = {
    *("one as a float", "0.0", "1e15", "one and one as a float", "a float inside an object"),
}
"""A Number without a fraction is the integer: 1.0 cannot be written there, only loaded and written back."""


def sorted_text(text: str) -> str:
    """Give the text with the fields of its objects in order; numbers and strings stay as they are spelt."""
    return _spelt(json.loads(text, parse_int=_Spelling, parse_float=_Spelling))


class _Spelling(str):
    """A number as it stands in the text."""


def _spelt(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_spelt(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_spelt, value)) + "]"
    return str(value) if isinstance(value, _Spelling) else json.dumps(value)


def without_null_fields(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_null_fields(part) for name, part in value.items() if part is not None}
    return [without_null_fields(part) for part in value] if isinstance(value, list) else value


def number_like_first(value: Any) -> Any:
    """Give the fields in the order that JavaScript has them in."""
    if not isinstance(value, dict):
        return value
    numbers = sorted((name for name in value if name.isdecimal()), key=int)
    return {name: value[name] for name in (*numbers, *(name for name in value if name not in numbers))}


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@cache
def stored(writer: str, reader: str | None) -> Mapping[str, str]:
    """Give the texts in a store after one language wrote all values, and another one loaded and saved each."""
    with llmspell.open(backend="memory") as store:
        SPEAKERS[writer].copy(WRITTEN[writer], store, "values")
        before = store.version()
        if reader is not None:
            SPEAKERS[reader].write_back(store, "values")
            assert store.version() == before + len(WRITTEN[writer])  # every one of them was written
        entries = {name: store.stored("values", name) for name in store.list_keys("values")}
        return {name: entry.value.decode() for name, entry in entries.items() if entry is not None}


def assert_kept(name: str, found: str, languages: set[str]) -> None:
    """Compare byte for byte, as far as the languages that had the value in their hands keep the order of fields."""
    expected = VALUES[name]
    if "lua" in languages:
        assert sorted_text(found) == sorted_text(expected)
        assert len(found) == len(expected)
    elif "javascript" in languages and isinstance(PARSED[name], dict):
        assert found == compact(number_like_first(PARSED[name]))
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("name", "writer"), [pytest.param(name, by, id=f"{name}, {by}") for by in LANGUAGES for name in WRITTEN[by]]
)
def test_what_a_language_writes_is_stored_as_it_is(name: str, writer: str) -> None:
    assert_kept(name, stored(writer, None)[name], {writer})


@pytest.mark.parametrize(
    ("name", "writer", "reader"),
    [
        pytest.param(name, writer, reader, id=f"{name}, {writer} to {reader}")
        for writer in LANGUAGES
        for reader in LANGUAGES
        for name in WRITTEN[writer]
        if (name, reader) != ("null in a field", "lua")
    ],
)
def test_what_a_language_loads_and_saves_again_stays_as_it_is(name: str, writer: str, reader: str) -> None:
    assert_kept(name, stored(writer, reader)[name], {writer, reader})


@pytest.mark.parametrize("writer", LANGUAGES)
def test_null_in_a_field_is_an_absent_field_for_lua(writer: str) -> None:
    name = "null in a field"
    found = stored(writer, "lua")[name]
    assert sorted_text(found) == sorted_text(compact(without_null_fields(PARSED[name])))


def test_javascript_writes_every_value_but_floats_without_a_fraction() -> None:
    assert set(VALUES) - set(WRITTEN["javascript"]) == NO_WORDS_IN_JAVASCRIPT


@pytest.mark.parametrize(("name", "text"), [("one as a float", "1"), ("1e15", "1000000000000000"), ("0.0", "0")])
def test_a_number_without_a_fraction_is_an_integer_when_javascript_writes_it(name: str, text: str) -> None:
    with llmspell.open(backend="memory") as store:
        SPEAKERS["javascript"].copy({name: PARSED[name]}, store, "values")
        entry = store.stored("values", name)
        assert entry is not None
        assert entry.value.decode() == text

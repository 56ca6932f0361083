"""Every field of a migration file is found on its line."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.config.lines import Place
from llmspell.migrations.lines import json_lines, line_of_part, nearest_line, repeated_line, script_lines


def test_fields_and_elements_have_their_lines() -> None:
    assert json_lines('{\n"a": 1,\n"b": [\n1, {"c":\n2}\n]}') == {
        ("a",): 2,
        ("b",): 3,
        ("b", 0): 4,
        ("b", 1): 4,
        ("b", 1, "c"): 4,
    }


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        ('{"a": "b: {[,",\n"c": 1}', ("c",), 2),
        ('{"a\\"b": 1,\n"c\\\\": 2}', ("c\\",), 2),
        ('{"\\u0061": 1}', ("a",), 1),
        ('{"": {"":\n[[], {},\n{"x": 1}]}}', ("", "", 2, "x"), 3),
        ('{"a": [[1,\n2], 3]}', ("a", 0, 1), 2),
        ('{"a": {}, "b": [],\n"c": null}', ("c",), 2),
        ('{"a" \n : \n 1, \r\n "b" : -1.5e3 }', ("b",), 4),
        ('{"a": {"b": 1},\n"b": 2}', ("b",), 2),
    ],
)
def test_a_field_is_found(text: str, place: Place, line: int) -> None:
    json.loads(text)
    assert json_lines(text)[place] == line


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(_values, st.sampled_from([None, 0, 2]), st.booleans())
@settings(max_examples=200)
def test_every_field_and_element_has_the_line_on_which_it_stands(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    lines = json_lines(text)
    assert set(lines) == _places(value)
    for place, line in lines.items():
        if isinstance(place[-1], str):
            assert json.dumps(place[-1], ensure_ascii=ascii_only) in text.split("\n")[line - 1]


def _places(value: object, place: Place = ()) -> set[Place]:
    found: set[Place] = set()
    if isinstance(value, dict):
        for name, part in value.items():
            found |= {(*place, name)} | _places(part, (*place, name))
    if isinstance(value, list):
        for index, part in enumerate(value):
            found |= {(*place, index)} | _places(part, (*place, index))
    return found


def test_a_field_that_is_named_twice_is_found_on_its_second_line() -> None:
    assert repeated_line('{"a": {"b": 1},\n"b": 2,\n"a": 3}') == 3


def test_fields_of_one_name_in_different_objects_are_no_repetition() -> None:
    assert repeated_line('{"a": [{"b": 1}, {"b": 1}], "b": 1}') is None


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ('return {\n  from_version = "1.0.0",\n  scope = "user*",\n}', 2, 3),
        ('return { from_version = "1.0.0",\n\n  scope = "user*" }', 1, 3),
        ('from_version = "1.0.0"\n# scope == 1\nscope = "user*"\nscope = 1', 1, 3),
    ],
)
def test_a_field_of_a_script_is_found_where_it_is_set_first(text: str, first: int, second: int) -> None:
    found = script_lines(text, ("from_version", "scope", "key"))
    assert found == {("from_version",): first, ("scope",): second}


def test_a_comparison_sets_nothing() -> None:
    assert script_lines("scope == 1", ("scope",)) == {}


def test_the_line_of_a_missing_field_is_that_of_what_is_around_it() -> None:
    lines: dict[Place, int] = {("transforms",): 3, ("transforms", 1): 7}
    assert nearest_line(lines, ("transforms", 1, "from")) == 7
    assert nearest_line(lines, ("transforms", 2)) == 3
    assert nearest_line(lines, ("scope",)) is None
    assert nearest_line(lines, ()) is None


def test_the_path_of_a_bad_part_leads_to_its_line() -> None:
    lines = json_lines('{"a": [1,\n{"odd name": 2}]}')
    assert line_of_part(lines, '.a[1]["odd name"]') == 2
    assert line_of_part(lines, ".b") is None

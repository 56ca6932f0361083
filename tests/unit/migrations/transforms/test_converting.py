"""Values become other values, by kind or by a table, and find back."""

from typing import Any

import pytest

from tests.unit.migrations.transforms.building import (
    down_refusal,
    new_went_down,
    problem,
    read,
    refusal,
    text,
    up,
    went_down,
    went_up,
)

INT: dict[str, Any] = {"type": "convert", "field": "n", "to": "int"}
MAPPING: dict[str, Any] = {
    "type": "convert",
    "field": "n",
    "mapping": {
        "active": "on",
        "1": "one",
        "2": "two",
        "off": "none",
        "null": "none",
        "true": {"x": []},
        "1.5": "half",
    },
}


def test_a_value_is_converted_at_its_position_and_comes_back() -> None:
    before: Any = {"a": 1, "n": "7", "b": 2}
    after = went_up(INT, before)
    assert text(after) == '{"a":1,"n":7,"b":2}'
    assert text(went_down(INT, before, after)) == text(before)


def test_the_old_spelling_of_a_value_comes_back() -> None:
    table = {**INT, "to": "datetime"}
    before: Any = {"n": "2026-11-22T17:00+01:00"}
    assert went_down(table, before, went_up(table, before)) == before


@pytest.mark.parametrize(("kind", "value"), [("int", 7), ("float", 7.0), ("string", ""), ("bool", False)])
def test_a_value_of_the_right_kind_is_left_alone(kind: str, value: Any) -> None:
    assert up({**INT, "to": kind}, {"n": value}) == ({"n": value}, 0)


def test_a_moment_in_utc_is_left_alone() -> None:
    assert up({**INT, "to": "datetime"}, {"n": "2026-11-22T16:00:00Z"})[1] == 0


@pytest.mark.parametrize(
    ("kind", "old", "edited", "result"),
    [
        ("int", "7", 8, "8"),
        ("int", 7.0, 8, 8.0),
        ("int", True, 0, False),
        ("string", 7, "8", 8),
        ("string", 7.5, "8", 8.0),
        ("bool", "true", False, "false"),
        ("datetime", 0, "1970-01-01T00:01:00Z", 60),
        ("datetime", "1970-01-01", "1970-01-01T01:01+01:00", "1970-01-01T00:01:00Z"),
    ],
)
def test_an_edited_value_becomes_one_of_the_old_kind(kind: str, old: Any, edited: Any, result: Any) -> None:
    assert text(went_down({**INT, "to": kind}, {"n": old}, {"n": edited})) == text({"n": result})


def test_an_edit_that_has_no_value_of_the_old_kind_is_refused() -> None:
    assert down_refusal({**INT, "to": "string"}, {"n": 7}, {"n": "eight"}) == (
        '"eight" cannot become an integer of 64 bits without a change'
    )
    assert down_refusal(INT, {"n": True}, {"n": 7}) == "7 cannot become true or false without a change"


@pytest.mark.parametrize("table", [INT, MAPPING], ids=["kind", "mapping"])
def test_a_missing_field_is_refused_or_skipped(table: dict[str, Any]) -> None:
    assert refusal(table, {}) == 'the field "n" is missing; add missing = "skip" if it may be'
    assert up({**table, "missing": "skip"}, {}) == ({}, 0)


@pytest.mark.parametrize("table", [INT, MAPPING], ids=["kind", "mapping"])
def test_a_removed_field_stays_away(table: dict[str, Any]) -> None:
    assert went_down(table, {"n": "1"}, {"b": 1}) == {"b": 1}


def test_the_whole_value_can_be_converted() -> None:
    assert went_up({**INT, "field": "."}, "7") == 7
    assert went_down({**INT, "field": "."}, "7", 8) == "8"


@pytest.mark.parametrize("value", [7, "7", {"a": 1}])
def test_a_converted_field_of_the_new_version_stays(value: Any) -> None:
    assert new_went_down(INT, {"n": value}) == {"n": value}


@pytest.mark.parametrize(
    ("value", "result"),
    [("active", "on"), (1, "one"), ("1", "one"), (None, "none"), ("null", "none"), (True, {"x": []}), (1.5, "half")],
)
def test_a_mapping_goes_by_the_text_of_the_value_and_back(value: Any, result: Any) -> None:
    before: Any = {"a": 1, "n": value, "b": 2}
    after = went_up(MAPPING, before)
    assert after == {"a": 1, "n": result, "b": 2}
    assert text(went_down(MAPPING, before, after)) == text(before)


@pytest.mark.parametrize(
    ("value", "spelled"), [("x", '"x"'), (3, "3"), (1.0, "1.0"), (False, "false"), ([], "an array"), ({}, "an object")]
)
def test_a_value_that_the_mapping_has_not_is_refused(value: Any, spelled: str) -> None:
    assert refusal(MAPPING, {"n": value}) == (
        f'the mapping has nothing for {spelled}; it knows "active", "1", "2", "off", "null", "true", "1.5"; '
        "add it there, or otherwise = ..."
    )


@pytest.mark.parametrize("value", ["x", 3, [], {"a": 1}])
def test_otherwise_stands_for_every_other_value(value: Any) -> None:
    table = {**MAPPING, "otherwise": None}
    assert went_up(table, {"n": value}) == {"n": None}
    assert went_down(table, {"n": value}, {"n": None}) == {"n": value}


@pytest.mark.parametrize(
    ("old", "edited", "result"),
    [
        ("active", "one", "1"),
        (1, "two", 2),
        (1, "on", "active"),
        (1, {"x": []}, True),
        (None, "half", 1.5),
        (1.5, "two", 2),
    ],
)
def test_an_edited_value_goes_the_only_way_back(old: Any, edited: Any, result: Any) -> None:
    assert text(went_down(MAPPING, {"n": old}, {"n": edited})) == text({"n": result})


@pytest.mark.parametrize("edited", ["none", "new", ["on"]])
def test_an_edited_value_with_no_way_back_or_several_is_refused(edited: Any) -> None:
    assert down_refusal(MAPPING, {"n": 1}, {"n": edited}).endswith(
        " was set since, and the mapping leads to it from no value or from several"
    )


def test_what_otherwise_gives_has_several_sources() -> None:
    table = {**MAPPING, "otherwise": "on"}
    assert "from no value or from several" in down_refusal(table, {"n": 1}, {"n": "on"})


@pytest.mark.parametrize(
    ("value", "result"),
    [("on", "active"), ("none", "none"), ("one", "one"), ("half", "half"), ("new", "new"), ([], [])],
)
def test_a_value_of_the_new_version_goes_back_only_where_that_is_certain(value: Any, result: Any) -> None:
    assert new_went_down(MAPPING, {"n": value}) == {"n": result}


def test_a_mapped_field_missing_from_the_new_version_stays_away() -> None:
    assert new_went_down(MAPPING, {"b": 1}) == {"b": 1}


def test_documents_do_not_share_a_mapped_value() -> None:
    transform = read(MAPPING)
    first: Any = went_up(transform, {"n": True})
    first["n"]["x"].append(1)
    assert went_up(transform, {"n": True}) == {"n": {"x": []}}


@pytest.mark.parametrize(
    ("table", "place", "fault"),
    [
        ({**INT, "mapping": {"a": 1}}, ("mapping",), "to is there as well; keep one of the two"),
        ({"type": "convert", "field": "n"}, (), 'the field "to" is missing'),
        ({**INT, "to": "integer"}, ("to",), '"integer" is not known; did you mean "int"? It takes "int" or "float"'),
        ({**MAPPING, "mapping": {}}, ("mapping",), "it takes a table"),
        ({**INT, "otherwise": 1}, ("otherwise",), "it is not known here"),
    ],
)
def test_a_conversion_of_no_sense_is_refused_in_the_file(
    table: dict[str, Any], place: tuple[str, ...], fault: str
) -> None:
    found = problem(table)
    assert found.place == ("transforms", 0, *place)
    assert fault in found.fault


def test_they_say_what_they_do() -> None:
    assert [read(table).describe() for table in (INT, MAPPING)] == ["convert n to int", "convert n by a mapping"]
    assert {(read(table).writes(), read(table).loss) for table in (INT, MAPPING)} == {(("n",), "lossless")}

"""Several fields become one, and each gets its own back."""

from typing import Any

import pytest

from llmspell.limits import MAX_INTEGER, MIN_INTEGER
from tests.unit.migrations.transforms.building import (
    down_refusal,
    new_refusal,
    new_went_down,
    problem,
    read,
    refusal,
    text,
    up,
    went_down,
    went_up,
)

BASE: dict[str, Any] = {"type": "merge", "from": ["a", "b", "c"], "to": "all"}
JOIN: dict[str, Any] = {**BASE, "separator": ", "}
FIRST: dict[str, Any] = {**BASE, "strategy": "first"}
SUM: dict[str, Any] = {**BASE, "strategy": "sum"}
LIST: dict[str, Any] = {**BASE, "strategy": "list"}
ALL = [JOIN, FIRST, SUM, LIST]
TEXTS: dict[str, Any] = {"c": "3", "x": 0, "a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("table", "values", "merged"),
    [
        (JOIN, ["1", "", "3"], "1, , 3"),
        (FIRST, [None, False, 3], False),
        (FIRST, [None, None, None], None),
        (SUM, [1, 2, -4], -1),
        (SUM, [MAX_INTEGER, 1, -1], MAX_INTEGER),
        (SUM, [0.5, 2, 1], 3.5),
        (SUM, [0.1, 1, 0], 1.1),
        (SUM, [0.1] * 3, 0.30000000000000004),
        (SUM, [1.7e308, 1.7e308, -1.7e308], 1.7e308),
        (LIST, [1, None, {"x": []}], [1, None, {"x": []}]),
    ],
)
def test_values_become_one_and_come_back(table: dict[str, Any], values: list[Any], merged: Any) -> None:
    before: Any = {"c": values[2], "x": 0, "a": values[0], "b": values[1]}
    after = went_up(table, before)
    assert text(after) == text({"x": 0, "all": merged})
    assert text(went_down(table, before, after)) == text(before)


@pytest.mark.parametrize("value", [True, None, "1", [1]])
def test_a_sum_takes_only_numbers(value: Any) -> None:
    assert "a sum takes numbers, but one value is " in refusal(SUM, {"a": 1, "b": value, "c": 2})


def test_a_separator_takes_only_texts() -> None:
    assert refusal(JOIN, {"a": "1", "b": 2, "c": "3"}) == (
        "cannot merge a, b, c into all: a separator joins texts, but one value is a number; convert it first"
    )


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ([MAX_INTEGER, 1, 0], "the sum 9223372036854775808 is beyond 64 bits"),
        ([MIN_INTEGER, -1, 0], "the sum -9223372036854775809 is beyond 64 bits"),
        ([1.0, 2**53 + 1, 0], "9007199254740993 is added to a float, but no float is exactly this integer"),
        ([1.7e308, 1.7e308, 0], "the sum is beyond all floats"),
    ],
)
def test_a_sum_that_no_number_holds_is_refused(values: list[Any], fault: str) -> None:
    assert fault in refusal(SUM, dict(zip("abc", values, strict=True)))


@pytest.mark.parametrize("table", ALL, ids=["join", "first", "sum", "list"])
def test_a_missing_source_is_refused(table: dict[str, Any]) -> None:
    assert refusal(table, {"a": "1", "c": "3"}) == 'the field "b" is missing; add missing = "skip" if it may be'


def test_missing_sources_can_be_left_out() -> None:
    before: Any = {"c": "3", "x": 0, "a": "1"}
    after = went_up({**JOIN, "missing": "skip"}, before)
    assert after == {"x": 0, "all": "1, 3"}
    assert text(went_down({**JOIN, "missing": "skip"}, before, after)) == text(before)
    assert went_down({**JOIN, "missing": "skip"}, before, {"all": "4, 5"}) == {"c": "5", "a": "4"}


def test_with_all_sources_missing_nothing_is_made() -> None:
    assert up({**SUM, "missing": "skip"}, {"x": 1}) == ({"x": 1}, 0)


@pytest.mark.parametrize(
    ("table", "edit", "down"),
    [
        (JOIN, "4, 5, 6", {"c": "6", "a": "4", "b": "5"}),
        (FIRST, "9", {"c": "3", "a": "9", "b": "2"}),
        (LIST, ["4", None, {}], {"c": {}, "a": "4", "b": None}),
    ],
)
def test_an_edit_goes_back_to_the_sources(table: dict[str, Any], edit: Any, down: Any) -> None:
    assert text(went_down(table, TEXTS, {"x": 0, "all": edit})) == text({"c": down.pop("c"), "x": 0, **down})


def test_an_edit_goes_to_the_source_that_was_chosen() -> None:
    assert went_down(FIRST, {"a": None, "b": 2, "c": 3}, {"all": 9}) == {"a": None, "b": 9, "c": 3}


@pytest.mark.parametrize(
    ("values", "edit", "first"),
    [([1, 2, 3], 10, 5), ([1, 2, 3], 5.5, 0.5), ([0.5, 2, 3], 7.0, 2.0), ([1, 2, 0.5], 4.5, 2)],
)
def test_the_first_source_of_a_sum_takes_the_difference(values: list[Any], edit: Any, first: Any) -> None:
    before: Any = dict(zip("abc", values, strict=True))
    assert text(went_down(SUM, before, {"all": edit})) == text({**before, "a": first})


@pytest.mark.parametrize(
    ("table", "edit", "fault"),
    [
        (JOIN, "4, 5", 'it was edited since, and has not 3 pieces with ", " between them'),
        (JOIN, "4, 5, 6, 7", "it was edited since, and has not 3 pieces"),
        (JOIN, 5, "it was edited since, and has not 3 pieces"),
        (LIST, [1, 2], "it was edited since, and is no array of 3 elements any more"),
        (LIST, "x", "it was edited since, and is no array of 3 elements any more"),
    ],
)
def test_an_edit_that_cannot_be_taken_apart_is_refused(table: dict[str, Any], edit: Any, fault: str) -> None:
    assert down_refusal(table, TEXTS, {"all": edit}).startswith(f'the field "all" cannot be taken apart: {fault}')


@pytest.mark.parametrize("edit", ["x", True, None, 1e308])
def test_a_sum_that_became_no_number_or_too_large_is_refused(edit: Any) -> None:
    before: Any = {"a": MIN_INTEGER, "b": -1.7e308 if edit == 1e308 else 2, "c": 0}
    assert down_refusal(SUM, before, {"all": edit}).startswith('the field "all" cannot be taken apart: ')


@pytest.mark.parametrize("table", [JOIN, SUM, LIST], ids=["join", "sum", "list"])
def test_with_the_merged_field_gone_the_sources_stay_away(table: dict[str, Any]) -> None:
    before: Any = TEXTS if table is not SUM else {"a": 1, "b": 2, "c": 3}
    assert went_down(table, before, {"y": 1}) == {"y": 1}


def test_with_the_chosen_value_gone_the_others_come_back() -> None:
    assert went_down(FIRST, TEXTS, {"x": 0}) == {"c": "3", "x": 0, "b": "2"}


@pytest.mark.parametrize("name", ["a", "b", "c"])
@pytest.mark.parametrize("table", [JOIN, FIRST, LIST], ids=["join", "first", "list"])
def test_a_source_can_be_the_target(table: dict[str, Any], name: str) -> None:
    table = {**table, "to": name}
    after = went_up(table, TEXTS)
    assert set(after) == {"x", name}  # type: ignore[arg-type]
    assert text(went_down(table, TEXTS, after)) == text(TEXTS)


def test_elements_are_merged_by_where_they_were() -> None:
    table = {**LIST, "from": ["items[2]", "items[0]"]}
    before: Any = {"items": [1, 2, 3]}
    after = went_up(table, before)
    assert after == {"items": [2], "all": [3, 1]}
    assert went_down(table, before, after) == before


def test_an_existing_target_is_refused_skipped_or_replaced() -> None:
    before: Any = {**TEXTS, "all": {"old": 1}, "z": 1}
    assert refusal(JOIN, before).startswith('the field "all" exists already')
    after, complement = up({**JOIN, "existing": "skip"}, before)
    assert (text(after), complement) == (text(before), 0)
    table = {**JOIN, "existing": "replace"}
    after = went_up(table, before)
    assert text(after) == '{"x":0,"all":"1, 2, 3","z":1}'
    assert text(went_down(table, before, after)) == text(before)


def test_a_source_made_anew_is_never_overwritten() -> None:
    assert down_refusal(JOIN, TEXTS, {"all": "1, 2, 3", "b": 1}).startswith('the field "b" exists although')


def test_what_is_kept_of_a_list_is_not_changed_with_it() -> None:
    before: Any = {"a": {"n": 1}, "b": 2, "c": 3}
    after, complement = up(LIST, before)
    after["all"][0]["n"] = 9  # type: ignore[call-overload, index]
    assert complement == [[[2, 2, 3], [1, 1, 2], [0, 0, {"n": 1}]], [0]]


@pytest.mark.parametrize(
    ("table", "value", "down"),
    [
        (JOIN, "1, 2, 3", {"a": "1", "b": "2", "c": "3"}),
        (JOIN, "1, 2", None),
        (JOIN, 5, None),
        (LIST, [1, 2, 3], {"a": 1, "b": 2, "c": 3}),
        (LIST, [1], None),
        (FIRST, {"x": 1}, {"a": {"x": 1}}),
        (SUM, 7, {"a": 7}),
        (SUM, True, None),
        (SUM, "x", None),
    ],
)
def test_a_document_of_the_new_version_is_taken_apart_where_that_is_certain(
    table: dict[str, Any], value: Any, down: Any
) -> None:
    assert new_went_down(table, {"all": value}) == (down or {"all": value})


def test_a_document_of_the_new_version_loses_no_source() -> None:
    assert new_went_down(JOIN, {"x": 1}) == {"x": 1}
    assert new_refusal(JOIN, {"b": 1, "all": "1, 2, 3"}).startswith('the field "b" exists although')


def test_an_element_of_a_document_of_the_new_version_is_not_taken_apart() -> None:
    table = {**FIRST, "to": "items[0]", "existing": "replace"}
    assert new_went_down(table, {"items": [1]}) == {"items": [1]}


@pytest.mark.parametrize(
    ("table", "place", "fault"),
    [
        (BASE, (), 'strategy = "first", "sum" or "list" is missing, or a separator'),
        ({**JOIN, "strategy": "sum"}, ("strategy",), "separator is there as well; keep one of the two"),
        ({**BASE, "strategy": "total"}, ("strategy",), '"total" is not known'),
        ({**JOIN, "separator": ""}, ("separator",), "it takes text of 1 to"),
        ({**JOIN, "to": "a.x"}, ("from",), '"a.x" and "a" are inside each other'),
        ({**JOIN, "from": ["all.x", "b"]}, ("from",), '"all" and "all.x" are inside each other'),
        ({**JOIN, "from": ["a", "a.x"]}, ("from",), '"a" and "a.x" are the same place or inside each other'),
        ({**JOIN, "from": "a"}, ("from",), "it takes an array of paths"),
    ],
)
def test_a_merge_of_no_sense_is_refused_in_the_file(table: dict[str, Any], place: tuple[str, ...], fault: str) -> None:
    found = problem(table)
    assert found.place == ("transforms", 0, *place)
    assert fault in found.fault


def test_it_says_what_it_does() -> None:
    transform = read(JOIN)
    assert (transform.describe(), transform.writes(), transform.loss) == (
        "merge a, b, c into all",
        ("all",),
        "lossless",
    )

"""Transforms go over elements, or over some documents only, and come back from both."""

from typing import Any

import pytest

from llmspell.migrations.transforms.nested import worst
from tests.unit.migrations.transforms.building import (
    down_refusal,
    draft,
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

INTS: dict[str, Any] = {
    "type": "transform_array",
    "field": "items",
    "element_transforms": [{"type": "convert", "field": ".", "to": "int"}],
}
ITEMS: dict[str, Any] = {
    "type": "transform_array",
    "field": "items",
    "element_transforms": [
        {"type": "move", "from": "n", "to": "count"},
        {"type": "remove", "field": "old", "missing": "skip"},
    ],
}
WRAPPED: dict[str, Any] = {**INTS, "element_transforms": [{"type": "wrap", "field": "."}]}
DEFAULTS: dict[str, Any] = {**INTS, "element_transforms": [{"type": "default", "field": "on", "value": True}]}
IF: dict[str, Any] = {
    "type": "conditional",
    "condition": "age >= 18",
    "transforms": [{"type": "set", "field": "adult", "value": True}],
    "otherwise": [{"type": "remove", "field": "licence", "missing": "skip"}],
}


def test_every_element_is_transformed_and_comes_back() -> None:
    before: Any = {"a": 1, "items": [{"n": 1, "old": 2}, {"n": 2}, {"z": 0, "n": 3}], "b": 2}
    after = went_up(ITEMS, before)
    assert after == {"a": 1, "items": [{"count": 1}, {"count": 2}, {"z": 0, "count": 3}], "b": 2}
    assert text(went_down(ITEMS, before, after)) == text(before)


def test_elements_that_are_no_objects_are_transformed_as_wholes() -> None:
    assert went_up(INTS, {"items": ["1", 2.0, 3]}) == {"items": [1, 2, 3]}
    assert text(went_down(INTS, {"items": ["1", 2.0, 3]}, {"items": [1, 2, 3]})) == '{"items":["1",2.0,3]}'


def test_the_whole_value_can_be_an_array() -> None:
    assert went_up({**INTS, "field": "."}, ["1"]) == [1]
    assert refusal({**INTS, "field": "."}, [1, "x"]).startswith("[1]: ")
    assert refusal({**INTS, "field": "."}, "1") == "the value is text, not an array"


def test_a_refusal_names_the_element() -> None:
    assert refusal(INTS, {"items": ["1", "2", "3", "x"]}) == (
        'items[3]: "x" cannot become an integer of 64 bits without a change'
    )
    assert refusal({**INTS, "field": "/a.b/items"}, {"a.b": {"items": [None]}}).startswith("/a.b/items/0: ")


def test_arrays_in_arrays_are_reached() -> None:
    table = {**INTS, "field": "rows", "element_transforms": [{**INTS, "field": "."}]}
    assert went_up(table, {"rows": [["1"], []]}) == {"rows": [[1], []]}
    assert refusal(table, {"rows": [["1"], ["2", "x"]]}).startswith("rows[1]: [1]: ")


@pytest.mark.parametrize(("value", "kind"), [({}, "an object"), (None, "null"), ("x", "text")])
def test_what_is_no_array_is_refused(value: Any, kind: str) -> None:
    reason = f'the field "items" is {kind}, not an array'
    assert refusal(INTS, {"items": value}) == reason
    assert down_refusal(INTS, {"items": ["1"]}, {"items": value}) == reason
    assert new_refusal(INTS, {"items": value}) == reason


def test_a_missing_array_is_refused_or_skipped() -> None:
    assert refusal(INTS, {}) == 'the field "items" is missing; add missing = "skip" if it may be'
    assert up({**INTS, "missing": "skip"}, {}) == ({}, 0)


def test_a_removed_array_stays_away() -> None:
    assert went_down(ITEMS, {"items": [{"n": 1}]}, {"a": 1}) == {"a": 1}
    assert new_went_down(ITEMS, {"a": 1}) == {"a": 1}


def test_an_edited_element_keeps_its_edit_and_gets_the_rest_back() -> None:
    before: Any = {"items": [{"n": 1, "old": "x"}, {"n": 2, "old": "y"}]}
    assert went_down(ITEMS, before, {"items": [{"count": 1}, {"count": 9}]}) == {
        "items": [{"n": 1, "old": "x"}, {"n": 9, "old": "y"}]
    }


@pytest.mark.parametrize("order", [[1, 0, 2], [2, 1, 0], [1, 2, 0], [1, 2], [2], [2, 0], []])
def test_moved_and_removed_elements_find_what_was_kept_of_them(order: list[int]) -> None:
    before: Any = {"items": [{"n": number, "old": str(number)} for number in range(3)]}
    edited: Any = {"items": [{"count": number} for number in order]}
    assert went_down(ITEMS, before, edited) == {"items": [{"n": number, "old": str(number)} for number in order]}


def test_an_element_of_the_new_version_goes_down_without_anything_kept() -> None:
    before: Any = {"items": [{"n": 1, "old": "x"}]}
    edited: Any = {"items": [{"count": 7}, {"count": 1}]}
    assert went_down(ITEMS, before, edited) == {"items": [{"n": 7}, {"n": 1, "old": "x"}]}


def test_an_element_that_was_added_to_an_empty_array_goes_down_too() -> None:
    assert went_down(ITEMS, {"items": []}, {"items": [{"count": 7}]}) == {"items": [{"n": 7}]}
    assert went_down(DEFAULTS, {"items": []}, {"items": [{"on": False}]}) == {"items": [{"on": False}]}


def test_equal_elements_share_nothing_that_was_kept() -> None:
    before: Any = {"items": [{"n": 1, "old": "x"}, {"n": 1, "old": "y"}]}
    assert went_down(ITEMS, before, {"items": [{"count": 1}]}) == {"items": [{"n": 1, "old": "x"}]}
    assert went_down(ITEMS, before, {"items": [{"count": 1}] * 3}) == {"items": [*before["items"], {"n": 1}]}


def test_nothing_is_kept_when_no_element_needs_it() -> None:
    after, complement = up(WRAPPED, {"items": [1, 2]})
    assert (after, complement) == ({"items": [[1], [2]]}, None)
    assert went_down(WRAPPED, {"items": [1, 2]}, {"items": [[2], [3], [4]]}) == {"items": [2, 3, 4]}


def test_a_refusal_on_the_way_down_names_the_element() -> None:
    assert down_refusal(WRAPPED, {"items": [1]}, {"items": [[1], []]}).startswith(
        "items[1]: the value is an array of 0"
    )


def test_an_array_of_the_new_version_goes_down_by_the_structure() -> None:
    assert new_went_down(ITEMS, {"items": [{"count": 7}, {}]}) == {"items": [{"n": 7}, {}]}


def test_elements_see_the_moment_of_the_run() -> None:
    table = {**INTS, "element_transforms": [{"type": "set", "field": "at", "value": "{{now_iso8601}}"}]}
    assert went_up(table, {"items": [{}]}) == {"items": [{"at": "2026-11-22T16:00:00Z"}]}


def test_one_branch_is_taken_and_undone() -> None:
    adult: Any = {"age": 18, "adult": "?", "licence": 1}
    child: Any = {"age": 17, "adult": "?", "licence": 1}
    assert went_up(IF, adult) == {"age": 18, "adult": True, "licence": 1}
    assert went_up(IF, child) == {"age": 17, "adult": "?"}
    assert text(went_down(IF, adult, went_up(IF, adult))) == text(adult)
    assert text(went_down(IF, child, went_up(IF, child))) == text(child)


def test_the_branch_that_was_taken_is_undone_even_when_the_condition_changed() -> None:
    assert went_down(IF, {"age": 17, "licence": 1}, {"age": 18}) == {"age": 18, "licence": 1}


def test_a_branch_that_does_nothing_keeps_nothing() -> None:
    without = {name: part for name, part in IF.items() if name != "otherwise"}
    assert up(without, {"age": 17}) == ({"age": 17}, 0)
    assert up(IF, {"age": 17}) == ({"age": 17}, 0)


def test_an_error_in_the_other_branch_never_happens() -> None:
    table = {**IF, "otherwise": [{"type": "computed", "field": "x", "expression": "1 / 0"}]}
    assert went_up(table, {"age": 18}) == {"age": 18, "adult": True}
    assert "cannot be computed" in refusal(table, {"age": 17})


@pytest.mark.parametrize("condition", ["age + 1", "'true'", "null"])
def test_a_condition_that_is_neither_true_nor_false_is_refused(condition: str) -> None:
    assert condition in refusal({**IF, "condition": condition}, {"age": 17})


def test_a_document_of_the_new_version_takes_the_branch_of_its_condition() -> None:
    moves = {**IF, "transforms": [{"type": "move", "from": "a", "to": "b"}]}
    assert new_went_down(moves, {"age": 18, "b": 1}) == {"age": 18, "a": 1}
    assert new_went_down(moves, {"age": 17, "b": 1}) == {"age": 17, "b": 1}


def test_a_document_of_the_new_version_stays_when_the_condition_has_no_answer() -> None:
    moves = {**IF, "transforms": [{"type": "move", "from": "a", "to": "b"}]}
    assert new_went_down(moves, {"b": 1}) == {"b": 1}
    assert new_went_down(moves, "text") == "text"


def test_conditions_stand_inside_arrays() -> None:
    table = {**INTS, "element_transforms": [{**IF, "condition": "this > 1", "transforms": INTS["element_transforms"]}]}
    assert refusal({**table, "missing": "skip"}, {"items": ["x"]}).startswith("items[0]: ")


@pytest.mark.parametrize("kind", ["delete_entry", "rename_key", "move_scope"])
def test_entries_cannot_be_changed_from_inside(kind: str) -> None:
    for table, name in ((INTS, "element_transforms"), (IF, "transforms"), (IF, "otherwise")):
        found = problem({**table, name: [{"type": kind, "to": "x"}]})
        assert found.place == ("transforms", 0, name, 0, "type")
        assert found.fault == f'"{kind}" is for entries; it cannot stand inside another transform'


@pytest.mark.parametrize("name", ["scope", "key"])
def test_inner_transforms_have_no_scope_or_key(name: str) -> None:
    found = problem({**IF, "transforms": [{"type": "remove", "field": "a", name: "*"}]})
    assert found.place == ("transforms", 0, "transforms", 0, name)
    assert "it is not known here" in found.fault


def test_inner_problems_have_their_place() -> None:
    found = problem({**INTS, "element_transforms": [{**IF, "otherwise": [{"type": "remove", "field": "a..b"}]}]})
    assert found.place == ("transforms", 0, "element_transforms", 0, "otherwise", 0, "field")


def test_a_missing_list_of_transforms_is_refused_in_the_file() -> None:
    assert 'the field "element_transforms" is missing' in problem({"type": "transform_array", "field": "a"}).fault
    assert 'the field "transforms" is missing' in problem({"type": "conditional", "condition": "true"}).fault


def test_transforms_inside_each_other_have_a_depth() -> None:
    table: dict[str, Any] = {"type": "remove", "field": "a"}
    for _ in range(15):
        table = {"type": "conditional", "condition": "true", "transforms": [table]}
    assert went_up(table, {"a": 1}) == {}
    table = {"type": "conditional", "condition": "true", "transforms": [table]}
    assert problem(table).fault == "more than 16 transforms stand inside each other"


def test_the_loss_is_the_worst_inside() -> None:
    assert worst(["lossless", "opaque", "lossy"]) == "opaque"
    assert [read(table).loss for table in (ITEMS, DEFAULTS, IF)] == ["lossless", "lossy", "lossy"]


def test_they_say_what_they_do() -> None:
    assert read(ITEMS).describe() == "in each element of items: move n to count, remove old"
    assert read(ITEMS).writes() == ("items",)
    assert read(IF).describe() == "if age >= 18: set adult"
    assert read(IF).writes() == ("adult",)


def test_a_refused_document_is_whole_where_it_was_read() -> None:
    value: Any = {"items": ["1", "x"]}
    assert "items[1]" in refusal(INTS, value)
    assert value == {"items": ["1", "x"]}
    assert draft(value).value == value

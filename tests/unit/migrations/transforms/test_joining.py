"""Text is split and joined again; values are wrapped into arrays of one and unwrapped."""

from typing import Any

import pytest

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

SPLIT: dict[str, Any] = {"type": "split", "from": "name", "to": ["first", "person.last"], "separator": " "}
WRAP: dict[str, Any] = {"type": "wrap", "field": "tag"}
UNWRAP: dict[str, Any] = {"type": "unwrap", "field": "tag"}


def test_text_is_split_and_the_last_piece_takes_the_rest() -> None:
    assert went_up(SPLIT, {"name": "Ada King Lovelace"}) == {"first": "Ada", "person": {"last": "King Lovelace"}}


def test_split_text_comes_back_to_its_position() -> None:
    before: Any = {"a": 1, "name": "Ada  King ", "b": 2}
    assert text(went_down(SPLIT, before, went_up(SPLIT, before))) == text(before)


def test_split_text_comes_back_with_the_edits_of_its_pieces() -> None:
    edited: Any = {"b": 2, "first": "Ada M.", "person": {"last": "Lovelace", "born": 1815}}
    assert went_down(SPLIT, {"name": "Ada King", "b": 1}, edited) == {
        "name": "Ada M. Lovelace",
        "b": 2,
        "person": {"born": 1815},
    }


@pytest.mark.parametrize("value", ["Ada", ""])
def test_text_with_too_few_pieces_is_refused(value: str) -> None:
    assert refusal(SPLIT, {"name": value}) == ('the field "name" has 1 of the 2 pieces that " " should separate')


@pytest.mark.parametrize(("value", "kind"), [(None, "null"), (7, "a number"), (["a b"], "an array")])
def test_only_text_is_split(value: Any, kind: str) -> None:
    assert refusal(SPLIT, {"name": value}) == f'the field "name" is {kind}; only text can be split'


@pytest.mark.parametrize("table", [SPLIT, WRAP, UNWRAP], ids=["split", "wrap", "unwrap"])
def test_a_missing_source_is_refused_or_skipped(table: dict[str, Any]) -> None:
    name = "name" if table is SPLIT else "tag"
    assert refusal(table, {}) == f'the field "{name}" is missing; add missing = "skip" if it may be'
    assert up({**table, "missing": "skip"}, {}) == ({}, 0)


def test_the_source_of_a_split_can_be_a_target() -> None:
    table = {**SPLIT, "to": ["name", "rest"]}
    before: Any = {"name": "Ada King", "b": 1}
    after = went_up(table, before)
    assert after == {"name": "Ada", "rest": "King", "b": 1}
    assert text(went_down(table, before, after)) == text(before)
    assert went_down(table, before, {"name": "Eva", "rest": "King"}) == {"name": "Eva King"}
    assert new_went_down(table, {"name": "Eva", "rest": "King"}) == {"name": "Eva King"}


def test_an_existing_target_of_a_split_is_refused() -> None:
    assert refusal(SPLIT, {"name": "Ada King", "first": 1}).startswith('the field "first" exists already')


def test_an_existing_target_can_stop_a_split() -> None:
    before: Any = {"name": "Ada King", "person": {"last": 1}}
    after, complement = up({**SPLIT, "existing": "skip"}, before)
    assert (text(after), complement) == (text(before), 0)


def test_values_that_a_split_replaced_come_back() -> None:
    table = {**SPLIT, "existing": "replace"}
    before: Any = {"first": 1, "name": "Ada King", "person": {"last": None, "born": 1815}}
    assert text(went_down(table, before, went_up(table, before))) == text(before)


def test_a_split_with_one_piece_gone_is_refused() -> None:
    assert down_refusal(SPLIT, {"name": "Ada King"}, {"first": "Ada", "person": {}}) == (
        'the field "person.last" is absent; only texts can be joined again'
    )


def test_a_split_with_a_piece_that_is_no_text_is_refused() -> None:
    assert down_refusal(SPLIT, {"name": "Ada King"}, {"first": 1, "person": {"last": "x"}}) == (
        'the field "first" is a number; only texts can be joined again'
    )


def test_a_split_with_all_pieces_gone_stays_away() -> None:
    assert went_down(SPLIT, {"name": "Ada King"}, {"b": 1}) == {"b": 1}


def test_a_split_document_of_the_new_version_is_joined() -> None:
    assert new_went_down(SPLIT, {"first": "Ada", "b": 1, "person": {"last": "King"}}) == {"b": 1, "name": "Ada King"}


@pytest.mark.parametrize("value", [{}, {"first": "Ada"}, {"person": {"last": "King"}}])
def test_a_split_document_of_the_new_version_without_all_pieces_stays(value: Any) -> None:
    assert new_went_down(SPLIT, value) == value


def test_a_split_document_of_the_new_version_with_the_source_is_refused() -> None:
    assert new_refusal(SPLIT, {"name": 1, "first": "Ada", "person": {"last": "King"}}).startswith(
        'the field "name" exists although'
    )


def test_elements_of_a_document_of_the_new_version_are_not_joined() -> None:
    table = {**SPLIT, "to": ["items[0]", "items[1]"], "existing": "replace"}
    assert new_went_down(table, {"items": ["a", "b"]}) == {"items": ["a", "b"]}


@pytest.mark.parametrize(
    ("change", "place", "fault"),
    [
        ({"to": ["a", "a.b"]}, "to", '"a" and "a.b" are the same place or inside each other'),
        ({"to": ["a", "/a"]}, "to", 'it names "/a" twice'),
        ({"to": ["items[0]", "/items/0"]}, "to", '"items[0]" and "/items/0" are the same place or inside each other'),
        ({"to": ["name.first", "b"]}, "to", '"name" and "name.first" are inside each other'),
        ({"to": []}, "to", "it takes an array of paths"),
        ({"separator": ""}, "separator", "it takes text of 1 to"),
        ({"existing": "keep"}, "existing", '"keep" is not known; it takes "error" or "replace" or "skip"'),
        ({"missing": "skp"}, "missing", 'did you mean "skip"?'),
    ],
)
def test_a_split_of_no_sense_is_refused_in_the_file(change: dict[str, Any], place: str, fault: str) -> None:
    found = problem({**SPLIT, **change})
    assert found.place == ("transforms", 0, place)
    assert fault in found.fault


@pytest.mark.parametrize("value", [1, None, [], [1, 2], {"a": 1}])
def test_any_value_is_wrapped_and_unwrapped(value: Any) -> None:
    before: Any = {"a": 1, "tag": value, "b": 2}
    after = went_up(WRAP, before)
    assert after == {"a": 1, "tag": [value], "b": 2}
    assert text(went_down(WRAP, before, after)) == text(before)
    assert text(went_up(UNWRAP, after)) == text(before)
    assert text(went_down(UNWRAP, after, before)) == text(after)


def test_the_whole_value_can_be_wrapped() -> None:
    assert went_up({**WRAP, "field": "."}, None) == [None]
    assert went_down({**WRAP, "field": "."}, 3, [4]) == 4
    assert refusal({**UNWRAP, "field": "."}, 3) == "the value is a number, not an array of one element"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], 'the field "tag" is an array of 0 elements; only one of one element can be unwrapped'),
        ([1, 2], 'the field "tag" is an array of 2 elements; only one of one element can be unwrapped'),
        ("x", 'the field "tag" is text, not an array of one element'),
    ],
)
def test_only_an_array_of_one_is_unwrapped(value: Any, reason: str) -> None:
    assert refusal(UNWRAP, {"tag": value}) == reason
    assert down_refusal(WRAP, {"tag": 1}, {"tag": value}) == reason
    assert new_refusal(WRAP, {"tag": value}) == reason


@pytest.mark.parametrize("table", [WRAP, UNWRAP], ids=["wrap", "unwrap"])
def test_a_removed_field_stays_away(table: dict[str, Any]) -> None:
    assert went_down(table, {"tag": [1]}, {}) == {}


def test_documents_of_the_new_version_are_unwrapped_and_wrapped() -> None:
    assert new_went_down(WRAP, {"tag": [1]}) == {"tag": 1}
    assert new_went_down(UNWRAP, {"tag": 1}) == {"tag": [1]}
    assert new_went_down(WRAP, {}) == {}


def test_they_say_what_they_do() -> None:
    tables = [SPLIT, WRAP, UNWRAP]
    assert [read(table).describe() for table in tables] == [
        "split name into first, person.last",
        "wrap tag",
        "unwrap tag",
    ]
    assert [read(table).writes() for table in tables] == [("first", "person.last"), ("tag",), ("tag",)]
    assert {read(table).loss for table in tables} == {"lossless"}

"""Fields get values, and give back what was there before."""

from typing import Any

import pytest

from llmspell.migrations.transforms.filling import Computed
from tests.unit.migrations.transforms.building import (
    NOW_TEXT,
    down_refusal,
    draft,
    new_went_down,
    problem,
    read,
    refusal,
    text,
    up,
    went_down,
    went_up,
)

DEFAULT: dict[str, Any] = {"type": "default", "field": "profile.tags", "value": ["new"]}
SET: dict[str, Any] = {"type": "set", "field": "profile.state", "value": "open"}
SEEN: dict[str, Any] = {"type": "set", "field": "seen", "value": {"at": "{{now_iso8601}}", "by": ["{{now_iso8601}}!"]}}
ADULT: dict[str, Any] = {"type": "computed", "field": "profile.adult", "expression": "age >= 18"}


def test_a_default_fills_a_field_that_is_absent() -> None:
    assert up(DEFAULT, {"a": 1}) == ({"a": 1, "profile": {"tags": ["new"]}}, [1])


@pytest.mark.parametrize("present", [None, False, 0, "", [], {}])
def test_a_default_leaves_whatever_is_present(present: Any) -> None:
    assert up(DEFAULT, {"profile": {"tags": present}}) == ({"profile": {"tags": present}}, 0)


def test_documents_do_not_share_a_default() -> None:
    transform = read(DEFAULT)
    first, second = draft({}), draft({})
    transform.up(first)
    first.value["profile"]["tags"].append("mine")  # type: ignore[call-overload, index, union-attr]
    transform.up(second)
    assert second.value == {"profile": {"tags": ["new"]}}


def test_a_default_goes_when_the_document_goes_down() -> None:
    before: Any = {"a": 1}
    assert text(went_down(DEFAULT, before, went_up(DEFAULT, before))) == text(before)


def test_a_present_field_stays_when_the_document_goes_down() -> None:
    before: Any = {"profile": {"tags": [1]}}
    assert went_down(DEFAULT, before, {"profile": {"tags": [2]}}) == {"profile": {"tags": [2]}}


def test_a_default_of_a_document_of_the_new_version_is_its_own() -> None:
    assert new_went_down(DEFAULT, {"profile": {"tags": ["new"]}}) == {"profile": {"tags": ["new"]}}


@pytest.mark.parametrize("table", [DEFAULT, SET], ids=["default", "set"])
@pytest.mark.parametrize("value", [None, 3, "text", [1]])
def test_what_is_no_object_gets_no_field(table: dict[str, Any], value: Any) -> None:
    assert "cannot set" in refusal(table, value)


def test_the_moment_of_the_run_is_a_value() -> None:
    assert went_up(SEEN, {}) == {"seen": {"at": NOW_TEXT, "by": ["{{now_iso8601}}!"]}}
    assert went_up({"type": "default", "field": "at", "value": "{{now_iso8601}}"}, {}) == {"at": NOW_TEXT}


def test_set_replaces_a_value_at_its_position_and_brings_it_back() -> None:
    before: Any = {"profile": {"state": 1.0, "z": 1}}
    after = went_up(SET, before)
    assert text(after) == '{"profile":{"state":"open","z":1}}'
    assert text(went_down(SET, before, after)) == text(before)


def test_set_makes_a_field_and_removes_it_again_with_its_parents() -> None:
    assert went_up(SET, {"a": 1}) == {"a": 1, "profile": {"state": "open"}}
    assert went_down(SET, {"a": 1}, {"a": 1, "profile": {"state": "open"}}) == {"a": 1}


@pytest.mark.parametrize("edit", ["closed", None, ["open"]])
def test_an_edit_of_a_set_field_is_kept(edit: Any) -> None:
    assert went_down(SET, {"profile": {"state": "old"}}, {"profile": {"state": edit}}) == {"profile": {"state": edit}}


@pytest.mark.parametrize("edit", [1.0, True])
def test_an_edit_that_python_calls_equal_is_an_edit(edit: Any) -> None:
    table = {"type": "set", "field": "n", "value": 1}
    assert text(went_down(table, {"n": 5}, {"n": edit})) == text({"n": edit})


def test_a_set_moment_is_told_from_an_edit() -> None:
    before: Any = {"seen": "never"}
    assert went_down(SEEN, before, went_up(SEEN, before)) == before
    assert went_down(SEEN, before, {"seen": "later"}) == {"seen": "later"}


def test_a_set_value_that_was_removed_stays_away() -> None:
    assert went_down(SET, {"profile": {"state": "old"}}, {"profile": {}}) == {"profile": {}}


def test_set_leaves_a_document_of_the_new_version() -> None:
    assert new_went_down(SET, {"profile": {"state": "open"}}) == {"profile": {"state": "open"}}


def test_documents_do_not_share_a_set_value() -> None:
    transform = read({"type": "set", "field": "tags", "value": ["new"]})
    first, second = draft({}), draft({})
    transform.up(first)
    first.value["tags"].append("mine")  # type: ignore[call-overload, index, union-attr]
    transform.up(second)
    assert second.value == {"tags": ["new"]}


def test_computed_sets_what_the_expression_gives() -> None:
    assert went_up(ADULT, {"age": 18}) == {"age": 18, "profile": {"adult": True}}


def test_a_computed_field_goes_when_the_document_goes_down() -> None:
    before: Any = {"age": 18}
    assert text(went_down(ADULT, before, went_up(ADULT, before))) == text(before)


def test_a_computed_field_gives_the_old_value_back_unless_it_was_edited() -> None:
    table = {"type": "computed", "field": "age", "expression": "age + 1"}
    assert went_up(table, {"age": 3}) == {"age": 4}
    assert went_down(table, {"age": 3}, {"age": 4}) == {"age": 3}
    assert went_down(table, {"age": 3}, {"age": 9}) == {"age": 9}


def test_the_whole_value_can_be_computed() -> None:
    table = {"type": "computed", "field": ".", "expression": "this * 2"}
    assert went_up(table, 4) == 8
    assert went_down(table, 4, 8) == 4
    assert new_went_down(table, 8) == 8


def test_a_computed_field_of_the_new_version_is_removed() -> None:
    assert new_went_down(ADULT, {"age": 20, "profile": {"adult": True}}) == {"age": 20}


@pytest.mark.parametrize("expression", ["age + 1", "this.age + 1", "size(this)"])
def test_a_field_of_the_new_version_that_is_computed_from_itself_stays(expression: str) -> None:
    table = {"type": "computed", "field": "age", "expression": expression}
    assert new_went_down(table, {"age": 20}) == {"age": 20}


def test_a_field_that_an_earlier_transform_removed_cannot_be_read() -> None:
    after = went_up({"type": "remove", "field": "age"}, {"age": 20})
    assert '"age"' in refusal(ADULT, after)


@pytest.mark.parametrize("expression", ["flag * 2", "name * 2", "age / 0"])
def test_an_expression_that_has_no_result_is_refused(expression: str) -> None:
    table = {"type": "computed", "field": "x", "expression": expression}
    assert "cannot be computed" in refusal(table, {"flag": True, "name": "a", "age": 1})


def test_a_computed_transform_says_what_it_reads() -> None:
    transform = read(ADULT)
    assert isinstance(transform, Computed)
    assert (transform.field.text, transform.expression.reads) == ("profile.adult", frozenset({"age"}))


def test_a_wrong_expression_is_a_problem_of_its_field() -> None:
    assert problem({**ADULT, "expression": "age >="}).place == ("transforms", 0, "expression")


def test_a_value_that_is_no_json_is_a_problem_of_its_field() -> None:
    found = problem({"type": "set", "field": "a", "value": float("nan")})
    assert found.place == ("transforms", 0, "value")
    assert "is nan" in found.fault


def test_an_old_value_cannot_come_back_into_text() -> None:
    table = {"type": "set", "field": "a", "value": 1}
    assert went_down(table, {"a": 0}, "text") == "text"
    assert "cannot set" in down_refusal({"type": "remove", "field": "a"}, {"a": 0}, "text")


def test_they_say_what_they_do() -> None:
    tables = [DEFAULT, SET, ADULT]
    assert [read(table).describe() for table in tables] == [
        "default of profile.tags",
        "set profile.state",
        "compute profile.adult",
    ]
    assert [read(table).writes() for table in tables] == [("profile.tags",), ("profile.state",), ("profile.adult",)]
    assert {read(table).loss for table in tables} == {"lossy"}

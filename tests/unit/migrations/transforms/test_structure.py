"""Fields change their places and come back to them."""

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

MOVE: dict[str, Any] = {"type": "move", "from": "age", "to": "profile.age"}
COPY: dict[str, Any] = {"type": "copy", "from": "age", "to": "profile.age"}
REMOVE: dict[str, Any] = {"type": "remove", "field": "age"}
HOIST: dict[str, Any] = {"type": "hoist", "field": "age", "out_of": "user.profile"}
PLUNGE: dict[str, Any] = {"type": "plunge", "field": "user.age", "into": "user.profile"}

WITH_SOURCE = [MOVE, COPY, REMOVE, HOIST, PLUNGE]


@pytest.mark.parametrize("table", WITH_SOURCE, ids=lambda table: str(table["type"]))
def test_a_missing_source_is_refused(table: dict[str, Any]) -> None:
    name = {"hoist": "user.profile.age", "plunge": "user.age"}.get(table["type"], "age")
    assert refusal(table, {"user": {}}) == f'the field "{name}" is missing; add missing = "skip" if it may be'


@pytest.mark.parametrize("table", WITH_SOURCE, ids=lambda table: str(table["type"]))
@pytest.mark.parametrize("value", [{}, {"user": 3}, None, 5, "text", [1, {"age": 2}]])
def test_a_missing_source_can_be_skipped_in_any_document(table: dict[str, Any], value: Any) -> None:
    assert up({**table, "missing": "skip"}, value) == (value, 0)


@pytest.mark.parametrize("table", [MOVE, COPY, REMOVE], ids=lambda table: str(table["type"]))
def test_null_is_a_source_like_any_other(table: dict[str, Any]) -> None:
    assert text(went_down(table, {"age": None}, went_up(table, {"age": None}))) == '{"age":null}'


def test_a_move_makes_the_parents_that_are_absent() -> None:
    assert went_up(MOVE, {"age": 3, "b": 1}) == {"b": 1, "profile": {"age": 3}}


def test_rename_is_a_move() -> None:
    assert went_up({"type": "rename", "from": "a", "to": "b"}, {"a": 1}) == {"b": 1}


def test_a_moved_field_comes_back_to_its_position() -> None:
    before: Any = {"x": 0, "age": 3, "y": 1}
    assert text(went_down(MOVE, before, went_up(MOVE, before))) == text(before)


def test_a_moved_field_keeps_an_edit_and_its_position() -> None:
    before: Any = {"x": 0, "age": 3, "y": 1}
    edited: Any = {"x": 0, "y": 2, "profile": {"age": 4}}
    assert text(went_down(MOVE, before, edited)) == '{"x":0,"age":4,"y":2}'


def test_a_made_parent_stays_when_something_was_put_into_it() -> None:
    edited: Any = {"profile": {"age": 4, "size": 1}}
    assert text(went_down(MOVE, {"age": 3}, edited)) == '{"age":4,"profile":{"size":1}}'


def test_a_moved_field_that_was_removed_stays_away() -> None:
    assert went_down(MOVE, {"age": 3, "b": 1}, {"b": 1, "profile": {}}) == {"b": 1}


def test_a_field_made_anew_at_the_source_is_never_overwritten() -> None:
    assert down_refusal(MOVE, {"age": 3}, {"profile": {"age": 3}, "age": 9}) == (
        'the field "age" exists although the newer version has none; remove or rename it, then go down again'
    )


@pytest.mark.parametrize("table", [MOVE, COPY], ids=["move", "copy"])
def test_an_existing_target_is_refused(table: dict[str, Any]) -> None:
    assert refusal(table, {"age": 3, "profile": {"age": None}}) == (
        'the field "profile.age" exists already; '
        'add existing = "replace" or existing = "skip" to say what happens to it'
    )


@pytest.mark.parametrize("table", [MOVE, COPY], ids=["move", "copy"])
def test_an_existing_target_can_stop_the_transform(table: dict[str, Any]) -> None:
    before: Any = {"z": 1, "age": 3, "profile": {"age": 4}}
    after, complement = up({**table, "existing": "skip"}, before)
    assert (text(after), complement) == (text(before), 0)


@pytest.mark.parametrize("table", [MOVE, COPY], ids=["move", "copy"])
def test_a_replaced_value_comes_back_where_it_was(table: dict[str, Any]) -> None:
    table = {**table, "existing": "replace"}
    before: Any = {"age": 3, "profile": {"age": None, "size": 1}}
    after = went_up(table, before)
    assert after["profile"] == {"age": 3, "size": 1}  # type: ignore[call-overload, index]
    assert text(went_down(table, before, after)) == text(before)


def test_a_replaced_value_comes_back_even_when_the_moved_one_was_removed() -> None:
    table = {**MOVE, "existing": "replace"}
    assert went_down(table, {"age": 3, "profile": {"age": 4}}, {"profile": {}}) == {"profile": {"age": 4}}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"age": 3, "profile": None}, 'cannot set "profile.age": profile is null, not an object'),
        ({"age": 3, "profile": "x"}, 'cannot set "profile.age": profile is text, not an object'),
        ({"age": 3, "profile": [1]}, 'cannot set "profile.age": profile is an array, not an object'),
    ],
)
def test_a_parent_that_is_no_object_is_refused(value: Any, reason: str) -> None:
    assert refusal(MOVE, value) == reason


def test_no_array_element_is_created() -> None:
    table = {"type": "move", "from": "a", "to": "items[0]"}
    assert refusal(table, {"a": 1}) == 'cannot create array element "items[0]": there is no array'
    assert refusal(table, {"a": 1, "items": []}) == 'cannot create array element "items[0]": the array has 0 elements'


def test_an_element_can_be_moved_out_of_an_array_and_back() -> None:
    table = {"type": "move", "from": "items[1]", "to": "second"}
    before: Any = {"items": [1, 2, 3]}
    after = went_up(table, before)
    assert after == {"items": [1, 3], "second": 2}
    assert went_down(table, before, after) == before


def test_a_removed_element_comes_back_between_the_others() -> None:
    table = {"type": "remove", "field": "items[1]"}
    before: Any = {"items": [1, 2, 3]}
    assert went_down(table, before, went_up(table, before)) == before


def test_an_element_cannot_come_back_into_an_array_that_is_too_short() -> None:
    table = {"type": "remove", "field": "items[2]"}
    assert down_refusal(table, {"items": [1, 2, 3]}, {"items": [1]}) == (
        '"items[2]" cannot be put back: the array has only 1 elements now'
    )


def test_a_number_is_no_name_of_a_field() -> None:
    assert refusal({"type": "remove", "field": "a[0]"}, {"a": {"0": 1}}).startswith('the field "a[0]" is missing')


@pytest.mark.parametrize(
    "name", ["a.b", "a[0]", "~", "/", "", "__proto__", "é", "e\u0301", "👩\u200d🚀", "k" * 4_000], ids=range(10)
)
def test_odd_names_are_reached_by_pointers(name: str) -> None:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    table = {"type": "move", "from": pointer, "to": "plain"}
    before: Any = {"x": 1, name: 2, "y": 3}
    after = went_up(table, before)
    assert after == {"x": 1, "y": 3, "plain": 2}
    assert text(went_down(table, before, after)) == text(before)


def test_names_that_only_look_alike_are_different_fields() -> None:
    assert went_up({"type": "remove", "field": "é"}, {"é": 1, "e\u0301": 2}) == {"e\u0301": 2}


@pytest.mark.parametrize("kind", ["move", "rename", "copy"])
@pytest.mark.parametrize(
    ("source", "to", "fault"),
    [
        ("a", "a", '"a" is where the field is already'),
        ("a.b", "/a/b", '"/a/b" is where the field is already'),
        ("a", "a.b", '"a" and "a.b" are inside each other; take a third place between'),
        ("a.b", "a", '"a.b" and "a" are inside each other; take a third place between'),
        ("a[0]", "/a/0/b", '"a[0]" and "/a/0/b" are inside each other; take a third place between'),
    ],
)
def test_source_and_target_inside_each_other_are_refused_in_the_file(
    kind: str, source: str, to: str, fault: str
) -> None:
    found = problem({"type": kind, "from": source, "to": to})
    assert (found.place, found.fault) == (("transforms", 0, "to"), fault)


def test_a_document_of_the_new_version_goes_down_by_the_structure() -> None:
    assert new_went_down(MOVE, {"b": 1, "profile": {"age": 4}}) == {"b": 1, "age": 4}


def test_a_document_of_the_new_version_without_the_field_stays_as_it_is() -> None:
    assert new_went_down(MOVE, {"b": 1, "profile": {}}) == {"b": 1, "profile": {}}


def test_a_document_of_the_new_version_with_both_fields_is_refused() -> None:
    assert new_refusal(MOVE, {"age": 1, "profile": {"age": 4}}).startswith('the field "age" exists although')


@pytest.mark.parametrize("kind", ["move", "copy"])
def test_an_element_of_a_document_of_the_new_version_stays(kind: str) -> None:
    value: Any = {"a": 1, "items": [1, 2]}
    assert new_went_down({"type": kind, "from": "a", "to": "items[0]", "existing": "replace"}, value) == value


def test_copies_share_nothing() -> None:
    after: Any = went_up({"type": "copy", "from": "a", "to": "b"}, {"a": {"list": [1]}})
    after["b"]["list"].append(2)
    assert after["a"] == {"list": [1]}


def test_a_copy_goes_when_the_document_goes_down() -> None:
    before: Any = {"age": 3, "b": 1}
    assert text(went_down(COPY, before, went_up(COPY, before))) == text(before)


def test_the_source_of_a_copy_keeps_its_edit() -> None:
    assert went_down(COPY, {"age": 3}, {"age": 4, "profile": {"age": 3}}) == {"age": 4}


def test_a_copy_in_a_document_of_the_new_version_goes_while_it_is_one() -> None:
    assert new_went_down(COPY, {"age": 3, "profile": {"age": 3}}) == {"age": 3}


@pytest.mark.parametrize("value", [{"age": 3, "profile": {"age": 3.0}}, {"profile": {"age": 3}}, {"age": 3}])
def test_what_is_no_copy_in_a_document_of_the_new_version_stays(value: Any) -> None:
    assert text(new_went_down(COPY, value)) == text(value)


def test_a_removed_field_comes_back_to_its_position_among_edits() -> None:
    before: Any = {"x": 0, "age": {"deep": [1.0, 1]}, "y": 1}
    assert text(went_down(REMOVE, before, {"x": 9, "y": 1, "z": 2})) == '{"x":9,"age":{"deep":[1.0,1]},"y":1,"z":2}'


def test_a_removed_field_that_was_made_anew_stays_as_it_is_now() -> None:
    assert went_down(REMOVE, {"age": 3}, {"age": 4}) == {"age": 4}


def test_a_removed_field_finds_its_parent_made_anew() -> None:
    assert went_down({"type": "remove", "field": "a.b"}, {"a": {"b": 1}}, {"c": 2}) == {"c": 2, "a": {"b": 1}}


def test_a_removed_field_cannot_come_back_into_text() -> None:
    assert down_refusal(REMOVE, {"age": 3}, "text") == 'cannot set "age": the value is text, not an object'


def test_a_document_of_the_new_version_gets_no_removed_field() -> None:
    assert new_went_down(REMOVE, {"b": 1}) == {"b": 1}


def test_hoist_takes_a_field_out_of_an_object() -> None:
    before: Any = {"user": {"profile": {"a": 1, "age": 3, "b": 2}, "z": 1}}
    after = went_up(HOIST, before)
    assert after == {"user": {"profile": {"a": 1, "b": 2}, "z": 1, "age": 3}}
    assert text(went_down(HOIST, before, after)) == text(before)


def test_hoist_works_at_the_top_of_the_document() -> None:
    assert went_up({"type": "hoist", "field": "age", "out_of": "profile"}, {"profile": {"age": 3}}) == {
        "profile": {},
        "age": 3,
    }


def test_plunge_puts_a_field_into_an_object_that_it_makes() -> None:
    before: Any = {"user": {"age": 3, "z": 1}}
    after = went_up(PLUNGE, before)
    assert after == {"user": {"z": 1, "profile": {"age": 3}}}
    assert text(went_down(PLUNGE, before, after)) == text(before)


def test_plunge_of_a_document_of_the_new_version_removes_the_empty_object() -> None:
    assert new_went_down(PLUNGE, {"user": {"profile": {"age": 3}}}) == {"user": {"age": 3}}


@pytest.mark.parametrize(
    ("table", "name", "fault"),
    [
        ({**HOIST, "field": "a.b"}, "field", '"a.b" is more than a name; the path stands in out_of'),
        ({**HOIST, "field": "[0]"}, "field", '"[0]" is more than a name; the path stands in out_of'),
        ({**HOIST, "out_of": "items[0]"}, "out_of", '"items[0]" is an element; a field beside it has no name'),
        (
            {**HOIST, "out_of": "age"},
            "field",
            '"age.age" and "age" are inside each other; take a third place between',
        ),
        ({**PLUNGE, "field": "items[0]"}, "field", '"items[0]" is an element; it has no name to go by'),
        ({**PLUNGE, "into": "user"}, "into", '"user.age" is where the field is already'),
        (
            {**PLUNGE, "into": "user.age"},
            "into",
            '"user.age" and "user.age.age" are inside each other; take a third place between',
        ),
        ({**PLUNGE, "into": ".".join("x" * 127)}, "into", None),
    ],
)
def test_a_hoist_or_plunge_that_leads_nowhere_is_refused_in_the_file(
    table: dict[str, Any], name: str, fault: str | None
) -> None:
    found = problem(table)
    assert found.place == ("transforms", 0, name)
    assert found.fault == fault or (fault is None and "is deeper than 128 levels" in found.fault)


def test_they_say_what_they_do() -> None:
    tables = [MOVE, COPY, REMOVE, HOIST, PLUNGE]
    assert [read(table).describe() for table in tables] == [
        "move age to profile.age",
        "copy age to profile.age",
        "remove age",
        "move user.profile.age to user.age",
        "move user.age to user.profile.age",
    ]
    assert [read(table).writes() for table in tables] == [
        ("profile.age",),
        ("profile.age",),
        (),
        ("user.age",),
        ("user.profile.age",),
    ]
    assert {read(table).loss for table in tables} == {"lossless"}

"""Entries are marked as deleted, renamed or moved; the caller does it, and undoes it."""

from typing import Any

import pytest

from llmspell.migrations.transforms.base import ABSENT, Draft, Refusal
from tests.unit.migrations.transforms.building import draft, problem, read

DELETE: dict[str, Any] = {"type": "delete_entry", "condition": "age < 18"}
RENAME: dict[str, Any] = {"type": "rename_key", "to": "user:{key}"}
MOVE: dict[str, Any] = {"type": "move_scope", "to": "old-{scope}"}


def _went_up(table: dict[str, Any], value: Any) -> tuple[Draft, Any]:
    going = draft(value)
    return going, read(table).up(going)


@pytest.mark.parametrize(("age", "deleted", "complement"), [(17, True, None), (18, False, 0)])
def test_an_entry_is_deleted_where_the_condition_holds(age: int, deleted: bool, complement: Any) -> None:
    going, kept = _went_up(DELETE, {"age": age})
    assert (going.deleted, kept, going.value) == (deleted, complement, {"age": age})


def test_without_a_condition_every_entry_is_deleted() -> None:
    assert _went_up({"type": "delete_entry"}, 5)[0].deleted


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("user:{key}", "user:ann"),
        ("{scope}.{key}.{key}", "users.ann.ann"),
        ("{{{key}}}", "{ann}"),
        ("{{key}}", "{key}"),
        ("fixed", "fixed"),
        ("é\n{key}", "é\nann"),
    ],
)
def test_a_key_is_made_from_a_template(template: str, key: str) -> None:
    going, kept = _went_up({**RENAME, "to": template}, {})
    assert (going.key, going.scope, kept) == (key, "users", None)


def test_a_scope_is_made_from_a_template() -> None:
    going, kept = _went_up(MOVE, {})
    assert (going.scope, going.key, kept) == ("old-users", "ann", None)


def test_a_key_is_made_by_an_expression() -> None:
    going, _ = _went_up({"type": "rename_key", "expression": "entry_key + '-' + name"}, {"name": "x"})
    assert going.key == "ann-x"


@pytest.mark.parametrize("table", [RENAME, MOVE], ids=["key", "scope"])
def test_a_condition_leaves_other_entries_alone(table: dict[str, Any]) -> None:
    going, kept = _went_up({**table, "condition": "size(this) > 0"}, {})
    assert (going.key, going.scope, kept) == ("ann", "users", 0)


@pytest.mark.parametrize(("table", "same"), [(RENAME, "{key}"), (MOVE, "{scope}")], ids=["key", "scope"])
def test_a_name_that_stays_the_same_is_no_change(table: dict[str, Any], same: str) -> None:
    assert _went_up({**table, "to": same}, {})[1] == 0


@pytest.mark.parametrize(
    ("kind", "expression", "reason"),
    [
        ("rename_key", "''", "the new key cannot be used: the key is empty; give it at least one character"),
        ("move_scope", "''", "the new scope cannot be used: the scope is empty; give it at least one character"),
        ("rename_key", "long", "the new key cannot be used: the key "),
        ("move_scope", "long", "the new scope cannot be used: the scope "),
        ("rename_key", "1", "the new key cannot be used: the key must be text, not 1 (int)"),
        ("move_scope", "null", "the new scope cannot be used: the scope must be text, not nothing"),
        ("rename_key", "nul", "the new key cannot be used: the key 'a\\x00' contains a NUL character"),
    ],
)
def test_a_name_that_no_entry_can_have_is_refused(kind: str, expression: str, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        _went_up({"type": kind, "expression": expression}, {"long": "x" * 600, "nul": "a\0"})
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("table", [DELETE, RENAME, MOVE], ids=["delete", "key", "scope"])
def test_going_down_is_left_to_the_caller(table: dict[str, Any]) -> None:
    going = draft({"age": 17})
    for complement in (None, 0, ABSENT):
        read(table).down(going, complement)
    assert (going.value, going.key, going.scope, going.deleted) == ({"age": 17}, "ann", "users", False)


@pytest.mark.parametrize("template", ["{name}", "{", "}", "{key", "key}", "{{key}", "{ key }", "{}"])
def test_a_template_with_other_braces_is_refused_in_the_file(template: str) -> None:
    found = problem({**RENAME, "to": template})
    assert found.place == ("transforms", 0, "to")
    assert "begins or ends no {key} or {scope}; write" in found.fault


@pytest.mark.parametrize(
    ("table", "place", "fault"),
    [
        ({"type": "rename_key"}, (), 'the field "to" is missing, or "expression"'),
        ({**MOVE, "expression": "'x'"}, ("expression",), "to is there as well; keep one of the two"),
        ({**RENAME, "condition": "1 +"}, ("condition",), ""),
        ({**DELETE, "to": "x"}, ("to",), "it is not known here"),
    ],
)
def test_a_table_of_no_sense_is_refused_in_the_file(table: dict[str, Any], place: tuple[str, ...], fault: str) -> None:
    found = problem(table)
    assert found.place == ("transforms", 0, *place)
    assert fault in found.fault


def test_they_say_what_they_do() -> None:
    assert [read(table).describe() for table in (DELETE, RENAME, MOVE, {"type": "delete_entry"})] == [
        "delete the entry if age < 18",
        "rename the key to user:{key}",
        "move the entry to the scope old-{scope}",
        "delete the entry",
    ]
    assert {(read(table).writes(), read(table).loss) for table in (DELETE, RENAME, MOVE)} == {((), "lossless")}

"""Transforms are read by name, and whatever is wrong has its place."""

from typing import Any

import pytest

from llmspell.migrations.fields import FieldProblem
from llmspell.migrations.transforms.table import DOCUMENT_TRANSFORMS, ENTRY_TRANSFORMS, read_steps, read_transforms
from tests.unit.migrations.transforms.building import environment, problem

REMOVE: dict[str, Any] = {"type": "remove", "field": "a"}


def test_every_transform_of_the_design_is_there() -> None:
    assert {*DOCUMENT_TRANSFORMS, *ENTRY_TRANSFORMS} == {
        *("move", "rename", "copy", "default", "set", "remove", "convert", "split", "merge", "wrap", "unwrap"),
        *("hoist", "plunge", "computed", "transform_array", "conditional", "custom"),
        *("delete_entry", "rename_key", "move_scope"),
    }


def test_steps_have_the_scope_and_key_of_their_own() -> None:
    steps = read_steps([REMOVE, {**REMOVE, "scope": "user*", "key": "a?"}], ("transforms",), environment())
    assert [(step.scope, step.key) for step in steps] == [(None, None), ("user*", "a?")]


@pytest.mark.parametrize("name", ["scope", "key"])
@pytest.mark.parametrize("value", ["", 5, None, ["*"]])
def test_a_scope_or_key_that_is_no_text_is_refused(name: str, value: Any) -> None:
    found = problem({**REMOVE, name: value})
    assert found.place == ("transforms", 0, name)


def test_an_unknown_type_is_refused_with_the_nearest_one() -> None:
    found = problem({"type": "remve", "field": "a"})
    assert found.place == ("transforms", 0, "type")
    assert found.fault.startswith('"remve" is not known; did you mean "remove"? It takes "move" or')


def test_an_unknown_type_inside_another_transform_is_refused() -> None:
    with pytest.raises(FieldProblem) as caught:
        read_transforms([{"type": "remve"}], ("x",), environment())
    assert caught.value.fault.startswith('"remve" is not known; did you mean "remove"? It takes "move" or')
    assert "delete_entry" not in caught.value.fault


def test_a_missing_type_is_refused() -> None:
    assert problem({"field": "a"}).fault == 'the field "type" is missing'


def test_an_unknown_field_is_refused_with_the_nearest_one() -> None:
    found = problem({**REMOVE, "mising": "skip"})
    assert found.place == ("transforms", 0, "mising")
    assert found.fault.endswith('did you mean "missing"?')


@pytest.mark.parametrize("value", [None, [], {}, "remove", 5])
@pytest.mark.parametrize("reads", [read_steps, read_transforms])
def test_no_list_of_transforms_is_refused(reads: Any, value: Any) -> None:
    with pytest.raises(FieldProblem) as caught:
        reads(value, ("transforms",), environment())
    assert (caught.value.place, caught.value.fault) == (
        ("transforms",),
        "it takes an array of at least one transform",
    )


@pytest.mark.parametrize("value", [None, [], "remove", 5])
def test_a_transform_that_is_no_table_is_refused_by_its_number(value: Any) -> None:
    with pytest.raises(FieldProblem) as caught:
        read_steps([REMOVE, value], ("transforms",), environment())
    assert caught.value.place == ("transforms", 1)
    assert caught.value.fault.startswith("it takes a table such as")


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a[", "a[x]", "/a~2", "a[99999999999]", "."])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    assert problem({**REMOVE, "field": path}).place == ("transforms", 0, "field")

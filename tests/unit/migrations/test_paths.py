"""Paths lead to fields: what is added, taken and put back there, and what is refused."""

from typing import Any

import pytest

from llmspell import codec
from llmspell.errors import InvalidArgument
from llmspell.migrations.paths import ABSENT, Path, PathError


def test_a_field_is_added_only_where_it_is_absent() -> None:
    value: Any = {"a": {"b": None}, "list": [1]}
    assert Path("a.b").add(value, 2) is None
    assert Path("list[0]").add(value, 2) is None
    assert Path("a.x.y.z").add(value, 3) == 2
    assert value == {"a": {"b": None, "x": {"y": {"z": 3}}}, "list": [1]}


@pytest.mark.parametrize("method", ["add", "put"])
@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("text.x", 'cannot set "text.x": text is text, not an object'),
        ("text.x.y", 'cannot set "text.x.y": text is text, not an object'),
        ("list.x", 'cannot set "list.x": list is an array, not an object'),
        ("list[1]", 'cannot create array element "list[1]": the array has 1 elements'),
        ("list[1].x", 'cannot create array element "list[1]": the array has 1 elements'),
        ("none[0]", 'cannot create array element "none[0]": there is no array'),
    ],
)
def test_what_cannot_be_made_is_an_error(method: str, path: str, fault: str) -> None:
    with pytest.raises(PathError) as caught:
        getattr(Path(path), method)({"text": "x", "list": [1]}, 1)
    assert str(caught.value) == fault


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_what_was_taken_goes_back_to_its_position(name: str) -> None:
    value: Any = {"a": 1, "b": 2, "c": 3}
    taken = Path(name).take(value)
    assert taken is not None
    assert name not in value
    Path(name).restore(value, taken)
    assert codec.encode(value) == b'{"a":1,"b":2,"c":3}'


def test_a_number_names_elements_and_a_pointer_both_elements_and_fields() -> None:
    value: Any = {"object": {"0": "field"}, "array": ["element"]}
    assert Path("object[0]").get(value) is ABSENT
    assert Path("object[0]").take(value) is None
    assert Path("/object/0").get(value) == "field"
    assert Path("/array/0").get(value) == "element"
    assert Path("/array/0").take(value) == (0, "element")


def test_the_parent_of_a_field_is_what_it_would_stand_in() -> None:
    value: Any = {"a": {"list": [1]}}
    assert Path("a.list[5]").parent(value) == [1]
    assert Path("a").parent(value) is value
    assert Path("x.y").parent({}) is ABSENT


@pytest.mark.parametrize(("made", "left"), [(0, {"a": {"b": {"c": {}}}}), (1, {"a": {"b": {}}}), (3, {}), (9, {})])
def test_empty_parents_are_pruned_as_far_as_they_were_made(made: int, left: Any) -> None:
    value: Any = {"a": {"b": {"c": {}}}}
    Path("a.b.c.d").prune(value, made)
    assert value == left


@pytest.mark.parametrize("text", ["", "a..b", "a.", ".a", "a[", "a[-1]", "a[1]b", "/a~2", "a[" + "9" * 5_000 + "]"])
def test_a_text_that_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no "):
        Path(text)

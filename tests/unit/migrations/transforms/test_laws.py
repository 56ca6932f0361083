"""What went up comes down as it was, byte for byte, whatever the document and the transforms."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell import codec
from llmspell.migrations.fields import FieldProblem
from llmspell.migrations.paths import ABSENT, Path
from llmspell.migrations.transforms.base import Refusal, Transform
from llmspell.migrations.transforms.nested import run_down, run_up
from llmspell.migrations.transforms.table import read_transforms
from tests.unit.migrations.transforms.building import PythonFunctions, draft, environment, text
from tests.unit.migrations.transforms.documents import TABLES, any_table, documents, journeys, pointers, table, values

CODE = PythonFunctions(wrap=lambda document: {"was": document}, forget=lambda document: "gone")

MOVES = table("move", source=pointers, to=pointers)
REMOVES = table("remove", field=pointers)

tried = settings(max_examples=200, deadline=None)


@pytest.mark.parametrize("kind", TABLES)
def test_what_goes_up_comes_down_as_it_was(kind: str) -> None:
    changed = 0

    @tried
    @given(journeys(TABLES[kind]))
    def there_and_back(journey: tuple[dict[str, Any], Any]) -> None:
        nonlocal changed
        drawn, document = journey
        changed += _came_back_changed([drawn], document)

    there_and_back()
    assert changed > 5  # so many documents were another on the way


def test_several_transforms_come_down_in_reverse() -> None:
    changed = 0

    @tried
    @given(journeys(any_table), st.lists(any_table, min_size=1, max_size=3))
    def there_and_back(journey: tuple[dict[str, Any], Any], others: list[dict[str, Any]]) -> None:
        nonlocal changed
        drawn, document = journey
        changed += _came_back_changed([drawn, *others], document)

    there_and_back()
    assert changed > 10


@tried
@given(journeys(any_table))
def test_a_document_of_the_new_version_goes_down_to_json_or_is_refused(journey: tuple[dict[str, Any], Any]) -> None:
    drawn, document = journey
    going = draft(document)
    try:
        run_down(_read([drawn]), going, ABSENT)
    except (FieldProblem, Refusal):
        return
    codec.encode(going.value)


@tried
@given(journeys(any_table), st.one_of(documents, values))
def test_an_edited_document_goes_down_to_json_or_is_refused(journey: tuple[dict[str, Any], Any], edited: Any) -> None:
    drawn, document = journey
    going = draft(edited)
    try:
        transforms = _read([drawn])
        run_down(transforms, going, codec.decode(_up(transforms, document)[1]))
    except (FieldProblem, Refusal):
        return
    codec.encode(going.value)


@tried
@given(journeys(MOVES), values)
def test_a_moved_field_keeps_any_edit_and_the_rest_stays(journey: tuple[dict[str, Any], Any], edit: Any) -> None:
    drawn, document = journey
    try:
        transforms = _read([drawn])
        after, complements = _up(transforms, document)
    except (FieldProblem, Refusal):
        return
    edited = draft(codec.decode(after))
    Path(drawn["to"]).put(edited.value, edit)
    run_down(transforms, edited, codec.decode(complements))
    expected = draft(document).value
    Path(drawn["from"]).put(expected, edit)
    assert text(edited.value) == text(expected)


@tried
@given(journeys(REMOVES), values)
def test_a_removed_field_comes_back_beside_any_new_one(journey: tuple[dict[str, Any], Any], new: Any) -> None:
    drawn, document = journey
    try:
        transforms = _read([drawn])
        after, complements = _up(transforms, document)
    except Refusal:
        return
    edited = draft(codec.decode(after))
    if isinstance(edited.value, dict):
        edited.value["new"] = new
        run_down(transforms, edited, codec.decode(complements))
        assert text(edited.value) == text({**document, "new": new})


def test_a_value_as_deep_as_can_be_is_removed_and_comes_back() -> None:
    value: Any = 1
    for _ in range(127):
        value = [value]
    before: Any = {"a": value, "b": [value[0]]}
    transforms = _read([{"type": "remove", "field": "a"}, {"type": "copy", "from": "b", "to": "a"}])
    going = draft(before)
    complements = run_up(transforms, going)
    run_down(transforms, going, complements)
    assert text(going.value) == text(before)


def _came_back_changed(tables: list[dict[str, Any]], document: Any) -> bool:
    """Go up and down; tells whether the document was another one on the way, which a refused one never is."""
    try:
        transforms = _read(tables)
        after, complements = _up(transforms, document)
    except (FieldProblem, Refusal):
        return False
    going = draft(codec.decode(after))
    run_down(transforms, going, codec.decode(complements))
    assert text(going.value) == text(document)
    return after != codec.encode(document)


def _read(tables: list[dict[str, Any]]) -> tuple[Transform, ...]:
    return read_transforms(tables, ("transforms",), environment(code=CODE))


def _up(transforms: tuple[Transform, ...], document: Any) -> tuple[bytes, bytes]:
    """Give the texts of the document and of the complements; both are written only after all transforms."""
    going = draft(document)
    complements = run_up(transforms, going)
    return codec.encode(going.value), codec.encode(complements)

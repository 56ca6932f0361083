from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from llmspell.migrations.expressions import Expression, Functions
from llmspell.migrations.guards import CEL_TYPES, can_be_made, is_one_of
from llmspell.migrations.shapes import reachable, shape_of
from llmspell.migrations.transforms.base import Draft

if TYPE_CHECKING:
    from llmspell.entry import JsonValue

NAMES = st.sampled_from(["a", "b", "", "a.b", 'q"\n', "in", "é\x7f", "\\", "this"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([1.5, "", "a"]) | st.just([]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)


def holds(condition: str, document: JsonValue) -> bool:
    return Expression(condition, Functions()).holds(Draft("users", "ada", document, 0.0))


@settings(max_examples=200)
@given(DOCUMENTS, PATHS)
def test_a_field_can_be_made_where_nothing_above_it_stops_it(document: JsonValue, steps: tuple[str, ...]) -> None:
    assert holds(can_be_made(steps), document) == reachable(shape_of(document), steps)


@settings(max_examples=200)
@given(DOCUMENTS, st.data(), st.sets(st.sampled_from(sorted(CEL_TYPES)), min_size=1))
def test_a_field_is_of_a_kind_where_its_shape_says_so(
    document: JsonValue, data: st.DataObject, kinds: set[str]
) -> None:
    steps = data.draw(PATHS | st.sampled_from(list(shape_of(document))))
    assert holds(is_one_of(steps, sorted(kinds)), document) == (shape_of(document).get(steps) in kinds)

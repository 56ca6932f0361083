"""A sample shows its difference as a JSON Patch that any reader of RFC 6902 can apply."""

import json

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from llmspell import codec
from llmspell.migrations.results import Sample
from tests.property.test_laws import values

containers = values.filter(lambda value: isinstance(value, dict | list))


def sample(before: bytes, after: bytes | None) -> Sample:
    return Sample("users", "a", before, after, "users", "a")


def test_a_moved_field_is_a_move() -> None:
    assert sample(b'{"a":1}', b'{"b":1}').patch() == [{"op": "move", "from": "/a", "path": "/b"}]


def test_an_entry_that_goes_is_one_removal_of_the_whole() -> None:
    assert sample(b'{"a":1}', None).patch() == [{"op": "remove", "path": ""}]


def test_equal_values_have_no_difference() -> None:
    assert sample(b'{"a":1}', b'{"a":1}').patch() == []


@given(containers, values)
def test_a_patch_makes_the_value_after_of_the_value_before(before: object, after: object) -> None:
    found = sample(codec.encode(before), codec.encode(after)).patch()
    applied = jsonpatch.apply_patch(json.loads(json.dumps(before)), json.loads(json.dumps(found)))
    assert applied == after
    assert isinstance(found, list)


@given(st.sampled_from([1, 1.0, "a", None, True]), st.sampled_from([2, "b", False]))
def test_a_whole_value_that_is_no_container_is_replaced(before: object, after: object) -> None:
    (change,) = sample(codec.encode(before), codec.encode(after)).patch()
    assert change == {"op": "replace", "path": "", "value": after}

"""Values are the same when their texts are, and a copy shares nothing."""

from typing import Any

import pytest
from hypothesis import given

from llmspell import codec
from llmspell.migrations.transforms.values import digest, fresh, fresh_at, has_now, same
from tests.unit.migrations.transforms.documents import values


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0, False), (0.0, -0.0), (None, 0), ("1", 1), ([], {}), ({"a": 1, "b": 2}, {"b": 2, "a": 1})],
)
def test_what_json_writes_differently_is_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert digest(one) != digest(other)


@given(values)
def test_a_copy_is_the_same_and_shares_no_part(value: Any) -> None:
    copied = fresh(value)
    assert same(copied, value)
    assert not _containers(copied) & _containers(value)
    assert digest(copied) == digest(value)


@given(values)
def test_a_copy_without_a_moment_in_it_is_the_same_at_any_time(value: Any) -> None:
    assert not has_now(value)
    assert codec.encode(fresh_at(value, 0)) == codec.encode(value)


def test_only_a_whole_text_is_the_moment() -> None:
    assert has_now([{"a": "{{now_iso8601}}"}])
    assert not has_now({"{{now_iso8601}}": "at {{now_iso8601}}"})


def _containers(value: Any) -> set[int]:
    if isinstance(value, dict):
        return {id(value)}.union(*map(_containers, value.values()))
    return {id(value)}.union(*map(_containers, value)) if isinstance(value, list) else set()

"""What migrations take away is kept in notes and found again."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llmspell
from llmspell import codec
from llmspell.backends.base import Backend
from llmspell.batch import Move
from llmspell.entry import Stored
from llmspell.migrations.complements import Complements, entry_of, whole_entry
from llmspell.migrations.paths import ABSENT
from tests.property.test_laws import names, values

SCOPES = ["a", "a\x01", "b"]


@pytest.fixture
def backend() -> Iterator[Backend]:
    with llmspell.open(backend="memory") as store:
        store.save("scope", "key", 1)
        yield store.backend


@settings(max_examples=60)
@given(
    st.dictionaries(st.sampled_from(SCOPES), st.sets(names, max_size=8), max_size=3),
    st.lists(st.tuples(st.sampled_from(SCOPES), names), max_size=6),
    st.integers(1, 4),
)
def test_every_record_is_found_and_no_other(
    kept: dict[str, set[str]], inserted: list[tuple[str, str]], page: int
) -> None:
    complements = Complements("2.0.0")
    with llmspell.open(backend="memory") as store:
        store.save("scope", "key", 1)
        expected: dict[tuple[str, str], str] = {}
        for scope, keys in kept.items():
            ordered = sorted(keys)
            for first in range(0, len(ordered), page):
                records = {key: f"{scope} {key}" for key in ordered[first : first + page]}
                expected |= {(scope, key): record for key, record in records.items()}
                store.backend.revise(0, lambda revision, s=scope, r=records: complements.keep(revision, s, r))  # type: ignore[misc]
        for scope, key in inserted:
            expected[scope, key] = "inserted"
            store.backend.revise(0, lambda revision, s=scope, k=key: complements.insert(revision, s, k, "inserted"))  # type: ignore[misc]
        asked = sorted({*expected, *((scope, key + "~") for scope, key in expected), ("a", "x"), ("c", "x")})
        for order in (asked, asked[::-1]):
            reader = complements.reader(store.backend, 0.0)
            for scope, key in order:
                assert reader.find(scope, key) == expected.get((scope, key), ABSENT)


def test_an_entry_was_seen_when_it_is_older_or_known_by_its_very_moment(backend: Backend) -> None:
    complements = Complements("2.0.0")
    backend.revise(0, lambda revision: complements.keep_late(revision, "s", [("ahead", 20.5)]))
    backend.revise(0, lambda revision: complements.keep_late(revision, "s", []))
    saw = complements.reader(backend, 10.0).saw
    assert [saw("s", "old", 10.0), saw("s", "new", 10.5)] == [True, False]
    assert [saw("s", "ahead", 20.5), saw("s", "ahead", 21.0), saw("t", "ahead", 20.5)] == [True, False, False]


def test_moves_come_back_in_the_order_of_the_old_places(backend: Backend) -> None:
    complements = Complements("2.0.0")
    backend.revise(0, lambda revision: complements.keep_moves(revision, "s", [("a", "t", "b"), ("c", "s", "d")]))
    backend.revise(0, lambda revision: complements.keep_moves(revision, "s", [("b", "s", "e")]))
    backend.revise(0, lambda revision: complements.keep_moves(revision, "r", []))
    assert sorted(complements.moves(backend)) == [
        Move("s", "a", "t", "b"),
        Move("s", "b", "s", "e"),
        Move("s", "c", "s", "d"),
    ]


def test_what_is_dropped_is_that_of_one_version_only(backend: Backend) -> None:
    first, second = Complements("2.0.0"), Complements("3.0.0")
    for complements in (first, second):
        backend.revise(0, lambda revision, one=complements: one.keep(revision, "s", {"k": [1]}))  # type: ignore[misc]
        backend.revise(0, lambda revision, one=complements: one.keep_moves(revision, "s", [("a", "b", "c")]))  # type: ignore[misc]
    assert first.bytes_kept(backend) == second.bytes_kept(backend) == len('{"k":[1]}') + len('[["a","b","c"]]')
    backend.revise(0, first.drop)
    assert first.bytes_kept(backend) == 0
    assert list(first.moves(backend)) == []
    assert second.bytes_kept(backend) > 0


@given(
    names,
    names,
    values,
    st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_a_whole_entry_comes_back_as_it_was(
    scope: str, key: str, value: object, moment: float, expires_at: float | None
) -> None:
    stored = Stored(scope, key, codec.encode(value), 7, moment, moment, expires_at)
    put = entry_of(whole_entry(stored))
    assert put == (scope, key, stored.value, expires_at, moment, moment)


def test_more_deleted_entries_than_are_read_at_once_come_back(backend: Backend) -> None:
    complements = Complements("2.0.0")
    entries = [Stored("s", f"{number:03d}", b"1", 1, 0.0, 0.0, None) for number in range(50)]
    for stored in entries:
        backend.revise(0, lambda revision, one=stored: complements.keep_deleted(revision, one))  # type: ignore[misc]
    assert [put.key for put in complements.deleted(backend)] == [stored.key for stored in entries]

"""Does a backend tell, count and replace the whole store as promised? That part of the conformance suite.

`BackendConformance` includes it; whoever subclasses that has these tests as well.
"""

# ruff: noqa: D102 - the names of the tests are their sentences

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell.batch import Batch, Delete, Put
from llmspell.entry import Census
from llmspell.errors import StoreClosed

if TYPE_CHECKING:
    from llmspell.backends.base import Backend, Revision
    from llmspell.entry import Written

NOW = 1_700_000_000.0


class WholeConformance:
    """The tests; they use the fixture `backend` of `BackendConformance`."""

    # Everything written

    def test_everything_written_is_told_with_times_and_values(self, backend: Backend) -> None:
        _put(backend, Put("a", "one", b"1", NOW + 9), Put("b", "two", b"2", None, 5.5, 6.25))
        assert _written(backend, 0) == [
            ("a", "one", 1, NOW, NOW, NOW + 9, b"1"),
            ("b", "two", 1, 5.5, 6.25, None, b"2"),
        ]

    def test_what_was_written_begins_after_the_version_asked_for(self, backend: Backend) -> None:
        versions = [_put(backend, Put("scope", f"{number}", b"1")) for number in range(4)]
        for index, version in enumerate(versions):
            assert [one[1] for one in _written(backend, version)] == ["0", "1", "2", "3"][index + 1 :]

    def test_deleted_and_expired_entries_are_told_without_a_value(self, backend: Backend) -> None:
        _put(backend, Put("scope", "gone", b"1"), Put("scope", "old", b"2", NOW + 1))
        gone = backend.commit(Batch(NOW, (Delete("scope", "gone"),))).version
        assert [(one[1], one[2], one[6]) for one in _written(backend, 0, NOW + 1)] == [
            ("gone", gone, None),
            ("old", 1, None),
        ]
        assert [one[6] for one in _written(backend, 0, NOW + 0.9)] == [None, b"2"]

    def test_what_was_written_is_told_of_one_moment_while_writers_go_on(self, backend: Backend) -> None:
        _put(backend, *(Put("scope", f"{number:04}", b"1") for number in range(500)))
        written = backend.written(0, NOW)
        first = next(written)
        _put(backend, Put("later", "key", b"1"))
        assert len([first, *written]) == 500

    def test_a_snapshot_tells_what_was_written_until_its_moment(self, backend: Backend) -> None:
        _put(backend, Put("scope", "key", b"1"))
        with backend.snapshot() as snapshot:
            _put(backend, Put("scope", "key", b"2"), Put("scope", "new", b"3"))
            assert [(one[1], one[6]) for one in snapshot.written(0, NOW)] == [("key", b"1")]
            assert snapshot.census(NOW).entries == 1
        with pytest.raises(StoreClosed):
            list(snapshot.written(0, NOW))

    # The census

    def test_a_new_store_has_nothing_to_tell_and_to_count(self, backend: Backend) -> None:
        assert _written(backend, 0) == []
        assert backend.census(NOW) == Census(0, 0)

    def test_the_census_counts_what_lives_and_sums_up_its_versions(self, backend: Backend) -> None:
        _put(backend, Put("a", "one", b"1"), Put("a", "gone", b"1"), Put("b", "old", b"1", NOW + 1))
        _put(backend, Put("b", "two", b"1"))
        backend.commit(Batch(NOW, (Delete("a", "gone"),)))
        assert backend.census(NOW) == Census(3, 4)
        assert backend.census(NOW + 1) == Census(2, 3)

    def test_the_census_sums_up_the_lower_half_of_high_versions(self, backend: Backend) -> None:
        _put(backend, Put("scope", "low", b"1"))
        backend.revise(NOW, lambda revision: _advance_and_put(revision, 2**32 + 5, _entry("high", b"1")))
        assert backend.census(NOW) == Census(2, 6)

    # Replacing the whole store

    def test_a_change_can_be_given_a_higher_version(self, backend: Backend) -> None:
        _put(backend, Put("scope", "key", b"1"))
        backend.revise(NOW, lambda revision: _advance_and_put(revision, 100, _entry("other", b"2")))
        assert backend.version() == 100
        assert _put(backend, Put("scope", "key", b"3")) == 101

    def test_a_version_that_is_not_higher_changes_nothing(self, backend: Backend) -> None:
        for _ in range(5):
            _put(backend, Put("scope", "key", b"1"))
        backend.revise(NOW, lambda revision: _advance_and_put(revision, 3, _entry("other", b"2")))
        assert backend.version() == 6

    def test_a_change_that_was_undone_has_not_moved_the_version(self, backend: Backend) -> None:
        _put(backend, Put("scope", "key", b"1"))

        def work(revision: Revision) -> None:
            revision.advance(100)
            raise LookupError

        with pytest.raises(LookupError):
            backend.revise(NOW, work)
        assert _put(backend, Put("scope", "key", b"2")) == 2

    def test_entries_are_put_with_the_times_that_they_have_and_the_version_of_the_change(
        self, backend: Backend
    ) -> None:
        _put(backend, Put("scope", "there", b"1", NOW + 1), Put("scope", "kept", b"1"))
        entries: list[Written] = [
            ("scope", "there", 77, 1.0, 2.0, None, b"2"),
            ("other", "new", 99, 3.0, 4.0, NOW + 9, b"3"),
        ]
        backend.revise(NOW, lambda revision: revision.put_all(iter(entries)))
        assert _written(backend, 0) == [
            ("other", "new", 2, 3.0, 4.0, NOW + 9, b"3"),
            ("scope", "kept", 1, NOW, NOW, None, b"1"),
            ("scope", "there", 2, 1.0, 2.0, None, b"2"),
        ]

    def test_a_deleted_entry_can_be_put_back(self, backend: Backend) -> None:
        _put(backend, Put("scope", "key", b"1"))
        backend.commit(Batch(NOW, (Delete("scope", "key"),)))
        backend.revise(NOW, lambda revision: revision.put_all([_entry("key", b"2")]))
        stored = backend.get("scope", "key", NOW)
        assert stored is not None
        assert stored[2:] == (b"2", 3, 1.0, 2.0, None)

    def test_the_rest_is_removed_in_every_scope_and_told_as_deleted(self, backend: Backend) -> None:
        _put(backend, Put("a", "one", b"1"), Put("b", "two", b"1"), Put("b", "old", b"1", NOW - 1))
        removed: list[int] = []

        def work(revision: Revision) -> None:
            revision.put_all([_entry("new", b"2")])
            removed.append(revision.remove_rest())

        backend.revise(NOW, work)
        assert removed == [2]
        assert backend.scopes("", NOW) == ["scope"]
        assert {one[:3] for one in _written(backend, 1) if one[6] is None} >= {("a", "one", 2), ("b", "two", 2)}
        assert backend.get("b", "old", NOW - 2) is None

    def test_removing_the_rest_of_an_empty_change_empties_the_store(self, backend: Backend) -> None:
        _put(backend, Put("a", "one", b"1"))
        assert backend.revise(NOW, lambda revision: revision.remove_rest()) == 1
        assert (backend.census(NOW), backend.version()) == (Census(0, 0), 2)

    def test_what_a_change_itself_has_written_is_no_rest(self, backend: Backend) -> None:
        _put(backend, Put("scope", "put", b"1"), Put("scope", "rewritten", b"1"))

        def work(revision: Revision) -> int:
            revision.apply((Put("scope", "put", b"2"),))
            revision.rewrite("scope", "put", 1, lambda key, text, version, created_at: b"3")
            return revision.remove_rest()

        assert backend.revise(NOW, work) == 0
        assert backend.keys("scope", "", None, None, NOW) == ["put", "rewritten"]
        assert list(backend.problems()) == []


def _put(backend: Backend, *puts: Put) -> int:
    return backend.commit(Batch(NOW, puts)).version


def _written(backend: Backend, since: int, now: float = NOW) -> list[Written]:
    return sorted(backend.written(since, now), key=lambda one: one[:2])


def _entry(key: str, value: bytes) -> Written:
    return ("scope", key, 1, 1.0, 2.0, None, value)


def _advance_and_put(revision: Revision, version: int, entry: Written) -> None:
    revision.advance(version)
    revision.put_all([entry])

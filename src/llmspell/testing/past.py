"""Does a backend keep the past as promised? The suite for those that say they can (`Capabilities.history`).

A backend is tried by a subclass that opens it::

    class TestMine(PastConformance):
        def open_keeping(self, folder: str, history_days: int) -> Backend:
            return MyBackend(folder, history_days)

`folder` does not exist before the first call. With `history_days` 0 a backend asks for nothing, and still keeps what
another asked for.
"""

# ruff: noqa: D102 - the names of the tests are their sentences

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import pytest

from llmspell.backends.base import Kept
from llmspell.batch import Batch, Delete, Move, Put
from llmspell.entry import Stored
from llmspell.errors import HistoryError, StoreClosed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmspell.backends.base import Backend, Past, Reader, Revision
    from llmspell.batch import Mutation

NOW = 1_700_000_000.0
DAYS = 30


class PastConformance(ABC):
    """The tests; pytest runs those of the subclasses."""

    @abstractmethod
    def open_keeping(self, folder: str, history_days: int) -> Backend:
        """Open the store that lies, or will lie, in `folder`."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> str:
        return str(tmp_path / "store")

    @pytest.fixture
    def backend(self, folder: str) -> Iterator[Backend]:
        backend = self.open_keeping(folder, DAYS)
        yield backend
        assert list(backend.problems()) == []
        backend.close()

    # Beginning and ending

    def test_it_says_that_it_keeps_history(self, backend: Backend) -> None:
        assert backend.capabilities.history

    def test_nothing_is_kept_before_the_first_write(self, backend: Backend) -> None:
        assert backend.past() is None
        with backend.snapshot() as snapshot:
            assert snapshot.past() is None

    def test_nothing_is_kept_when_nobody_asked(self, folder: str) -> None:
        backend = self.open_keeping(folder, 0)
        _commit(backend, 0, Put("scope", "key", b"1"))
        backend.revise(NOW, lambda revision: revision.apply((Put("scope", "key", b"2"),)))
        assert backend.past() is None
        backend.close()

    def test_a_commit_that_only_checks_begins_nothing(self, backend: Backend) -> None:
        backend.commit(Batch(NOW))
        assert backend.past() is None

    def test_the_window_begins_with_the_first_write(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "key", b"1"))
        _commit(backend, 5, Put("scope", "key", b"2"))
        assert _past(backend).window() == (0, NOW, 2, NOW + 5, DAYS)

    def test_a_revision_begins_it_as_well(self, backend: Backend) -> None:
        backend.revise(NOW, lambda revision: revision.apply((Put("scope", "key", b"1"),)))
        assert _past(backend).window() == (0, NOW, 1, NOW, DAYS)

    def test_when_history_is_stopped_nothing_is_known_and_the_store_goes_on(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "key", b"1"))
        _commit(backend, 1, Put("scope", "key", b"2"))
        past = _past(backend)
        backend.stop_history()
        assert backend.past() is None
        with pytest.raises(HistoryError, match="keeps no history any more"):
            past.window()
        assert list(past.written_at(1, NOW)) == []
        _commit(backend, 2, Put("scope", "key", b"3"))
        assert backend.past() is None
        stored = backend.get("scope", "key", NOW)
        assert stored is not None
        assert (stored.value, stored.version) == (b"3", 3)
        backend.stop_history()

    def test_stopping_before_the_first_write_begins_nothing_later(self, backend: Backend) -> None:
        backend.stop_history()
        _commit(backend, 0, Put("scope", "key", b"1"))
        assert backend.past() is None

    def test_the_past_is_closed_with_what_gave_it(self, backend: Backend, folder: str) -> None:
        _commit(backend, 0, Put("scope", "key", b"1"))
        with backend.snapshot() as snapshot:
            past = _past(snapshot)
        with pytest.raises(StoreClosed):
            past.window()
        with pytest.raises(StoreClosed):
            list(past.written_at(1, NOW))
        other = self.open_keeping(folder, DAYS)
        other.close()
        for call in (other.past, other.stop_history):
            with pytest.raises(StoreClosed):
                call()

    # Versions of an entry

    def test_every_version_of_an_entry_is_told_newest_first(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "key", b"1", NOW + 50))
        _commit(backend, 1, Put("other", "key", b"7"))
        _commit(backend, 2, Put("scope", "key", b"2"))
        assert _past(backend).versions("scope", "key", None) == [
            Kept(3, NOW + 2, b"2", NOW, NOW + 2, None, None),
            Kept(1, NOW, b"1", NOW, NOW, NOW + 50, 3),
        ]

    def test_a_deletion_is_a_version_too(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "key", b"1"))
        _commit(backend, 1, Delete("scope", "key"))
        deleted = Kept(2, NOW + 1, None, NOW, NOW + 1, None, None)
        assert _past(backend).versions("scope", "key", None)[0] == deleted
        _commit(backend, 2, Put("other", "key", b"1"))
        _commit(backend, 3, Put("scope", "key", b"2"))
        assert _past(backend).versions("scope", "key", None) == [
            Kept(4, NOW + 3, b"2", NOW + 3, NOW + 3, None, None),
            deleted._replace(until_version=4),
            Kept(1, NOW, b"1", NOW, NOW, None, 2),
        ]

    @pytest.mark.parametrize("limit", [0, 1, 2, 3, 4, 9])
    def test_a_limit_takes_the_newest_versions(self, backend: Backend, limit: int) -> None:
        for number in range(2):
            _commit(backend, number, Put("scope", "key", b"%d" % number))
            _commit(backend, number, Delete("scope", "key"))
        found = [kept.version for kept in _past(backend).versions("scope", "key", limit)]
        assert found == [4, 3, 2, 1][:limit]

    def test_an_entry_that_was_never_there_has_no_versions(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "key", b"1"))
        assert _past(backend).versions("key", "scope", None) == []
        assert _past(backend).get("key", "scope", 1, NOW) is None

    def test_what_one_change_writes_twice_was_never_the_past(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "key", b"1"))
        put = Put("scope", "key", b"2")
        _commit(backend, 1, put, Delete("scope", "key"), put._replace(value=b"3"))
        assert [kept.value for kept in _past(backend).versions("scope", "key", None)] == [b"3", b"1"]

    # The state at a version

    def test_an_entry_is_read_as_it_was_at_every_version(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "other", b"7"))
        _commit(backend, 1, Put("scope", "key", b"1"))
        _commit(backend, 2, Put("scope", "other", b"8"))
        _commit(backend, 3, Delete("scope", "key"))
        _commit(backend, 4, Put("scope", "key", b"2"))
        past = _past(backend)
        first = Stored("scope", "key", b"1", 2, NOW + 1, NOW + 1, None)
        second = Stored("scope", "key", b"2", 5, NOW + 4, NOW + 4, None)
        assert [past.get("scope", "key", version, NOW) for version in range(6)] == [
            *(None, None, first, first, None, second)
        ]

    def test_scopes_and_keys_are_listed_in_byte_order_as_they_were(self, backend: Backend) -> None:
        _commit(backend, 0, *(Put(scope, key, b"1") for scope in ("é", "a", "\U0010ffff") for key in ("ß", "b", "B")))
        _commit(backend, 1, Put("a", "new", b"1"), Delete("a", "b"), *(Delete("é", key) for key in ("ß", "b", "B")))
        past = _past(backend)
        assert (past.scopes(0, NOW), past.keys("a", 0, NOW)) == ([], [])
        assert past.scopes(1, NOW) == ["a", "é", "\U0010ffff"]
        assert past.keys("a", 1, NOW) == [("B", 1), ("b", 1), ("ß", 1)]
        assert past.scopes(2, NOW) == ["a", "\U0010ffff"]
        assert past.keys("a", 2, NOW) == [("B", 1), ("new", 2), ("ß", 1)]

    def test_the_moment_decides_what_had_expired(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "present", b"1", NOW + 5), Put("scope", "replaced", b"1", NOW + 5))
        _commit(backend, 9, Put("scope", "replaced", b"2"))
        past = _past(backend)
        for moment, keys in ((NOW + 4.9, ["present", "replaced"]), (NOW + 5, [])):
            assert [key for key, _ in past.keys("scope", 1, moment)] == keys
            assert [key for key in ("present", "replaced") if past.get("scope", key, 1, moment)] == keys
            assert sorted(written[1] for written in past.written_at(1, moment)) == keys
            assert past.scopes(1, moment) == (["scope"] if keys else [])

    def test_the_whole_state_of_a_version_is_told(self, backend: Backend) -> None:
        _commit(backend, 0, Put("a", "one", b"1", NOW + 5), Put("b", "two", b"2", None, 5.5, 6.25))
        _commit(backend, 1, Put("a", "one", b"3"), Delete("b", "two"), Put("c", "three", b"4"))
        assert sorted(_past(backend).written_at(1, NOW)) == [
            ("a", "one", 1, NOW, NOW, NOW + 5, b"1"),
            ("b", "two", 1, 5.5, 6.25, None, b"2"),
        ]

    def test_writers_go_on_while_the_past_is_read(self, backend: Backend) -> None:
        _commit(backend, 0, *(Put("scope", f"{number:04}", b"1") for number in range(500)))
        written = _past(backend).written_at(1, NOW)
        first = next(written)
        _commit(backend, 1, *(Delete("scope", f"{number:04}") for number in range(500)))
        assert len([first, *written]) == 500

    def test_a_snapshot_sees_the_past_of_its_moment(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "key", b"1"))
        with backend.snapshot() as snapshot:
            past = _past(snapshot)
            _commit(backend, 5, Put("scope", "key", b"2"))
            assert past.window() == (0, NOW, 1, NOW, DAYS)
            assert [kept.value for kept in past.versions("scope", "key", None)] == [b"1"]
            assert past.version_at(NOW + 9) == 1
            assert [written[6] for written in past.written_at(1, NOW)] == [b"1"]

    # Every way to write

    def test_all_that_a_revision_does_is_kept(self, backend: Backend) -> None:
        _commit(backend, 0, *(Put("scope", key, b"0", created_at=1.0, updated_at=2.0) for key in "abcde"))

        def work(revision: Revision) -> None:
            revision.rewrite("scope", None, 1, lambda key, text, version, created_at: b"1")
            revision.rewrite("scope", None, 1, lambda key, text, version, created_at: b"2")
            revision.apply((Put("scope", "b", b"3"), Delete("scope", "c"), Move("scope", "d", "elsewhere", "d")))
            revision.put_all([("scope", "e", 1, 3.0, 4.0, None, b"4")])

        backend.revise(NOW + 7, work)
        past = _past(backend)
        assert past.window()[:4] == (0, NOW, 2, NOW + 7)
        assert sorted(written[1:] for written in past.written_at(1, NOW)) == [
            (key, 1, 1.0, 2.0, None, b"0") for key in "abcde"
        ]
        assert past.keys("elsewhere", 2, NOW) == [("d", 2)]
        assert [kept.until_version for kept in past.versions("scope", "a", None)] == [None, 2]

    def test_what_replaces_the_whole_store_is_kept(self, backend: Backend) -> None:
        _commit(backend, 0, Put("a", "one", b"1"), Put("b", "two", b"2"))

        def work(revision: Revision) -> None:
            revision.advance(50)
            revision.put_all([("a", "one", 1, 3.0, 4.0, None, b"3")])
            revision.remove_rest()

        backend.revise(NOW + 7, work)
        past = _past(backend)
        assert past.window()[:4] == (0, NOW, 50, NOW + 7)
        for version in (1, 2, 49):
            assert sorted(written[6] or b"" for written in past.written_at(version, NOW)) == [b"1", b"2"]
            assert past.moment_of(version) == NOW
        assert [written[6] for written in past.written_at(50, NOW)] == [b"3"]

    def test_what_was_undone_was_never_the_past(self, backend: Backend) -> None:
        _commit(backend, 0, Put("scope", "key", b"1"))

        def work(revision: Revision) -> None:
            revision.apply((Put("scope", "key", b"2"),))
            raise LookupError

        with pytest.raises(LookupError):
            backend.revise(NOW, work)
        _commit(backend, 5, Put("scope", "key", b"3"))
        assert [kept.value for kept in _past(backend).versions("scope", "key", None)] == [b"3", b"1"]
        assert _past(backend).window().to_time == NOW + 5

    # Moments

    def test_the_moment_of_a_version_is_that_of_its_commit_whatever_times_are_brought_along(
        self, backend: Backend
    ) -> None:
        _commit(backend, 0, Put("scope", "a", b"1", None, 5.0, 6.0), Put("scope", "b", b"1"))
        _commit(backend, 3, Put("scope", "a", b"2", None, 5.0, NOW + 900))
        backend.revise(NOW + 4, lambda revision: revision.put_all([("scope", "a", 1, 3.0, 4.0, None, b"4")]))
        past = _past(backend)
        assert [past.moment_of(version) for version in range(4)] == [NOW, NOW, NOW + 3, NOW + 4]
        assert [kept.at for kept in past.versions("scope", "a", None)] == [NOW + 4, NOW + 3, NOW]

    def test_a_moment_means_the_last_version_made_until_then(self, backend: Backend) -> None:
        for seconds in (0, 10, 20, 20, 30):
            _commit(backend, seconds, Put("scope", "key", b"1"))
        past = _past(backend)
        asked = (-100, 0, 5, 9.999, 10, 19, 20, 25, 30, 10**6)
        assert [past.version_at(NOW + seconds) for seconds in asked] == [0, 1, 1, 1, 2, 2, 4, 4, 5, 5]

    def test_writers_whose_moments_are_a_little_out_of_order_give_the_later_version(self, backend: Backend) -> None:
        for seconds in (0, 60, 1, 61):
            _commit(backend, seconds, Put("scope", "key", b"1"))
        past = _past(backend)
        assert [past.version_at(NOW + seconds) for seconds in (0, 1, 30, 60, 61)] == [1, 3, 3, 3, 4]

    def test_a_moment_that_was_there_twice_is_refused_with_both_versions(self, backend: Backend) -> None:
        for seconds in (0, 3_600, 10, 20, 7_200):
            _commit(backend, seconds, Put("scope", "key", b"1"))
        past = _past(backend)
        for seconds in (10, 15, 1_800, 3_599):
            with pytest.raises(HistoryError, match=r"set back between version 2 and version 3 .* name a version"):
                past.version_at(NOW + seconds)
        assert [past.version_at(NOW + seconds) for seconds in (0, 9, 3_600, 7_200)] == [1, 1, 4, 5]


def _commit(backend: Backend, seconds: float, *mutations: Mutation) -> int:
    """Commit so many seconds after `NOW`."""
    return backend.commit(Batch(NOW + seconds, mutations)).version


def _past(reader: Reader) -> Past:
    past = reader.past()
    assert past is not None
    return past

"""Does a backend keep every promise of the gate? The suite that each one passes; it runs under pytest.

A backend is tried by a subclass that opens it::

    class TestMine(BackendConformance):
        def open_backend(self, folder: str) -> Backend:
            return MyBackend(folder)

`folder` does not exist before the first call; another call with the same folder opens the same store
again, beside the first (for a backend that is neither persistent nor shared: another empty one).
The schema version that a new store is stamped with is up to the subclass.
"""

# ruff: noqa: D102 - the names of the tests are their sentences

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING, TypeVar

import pytest

from llmspell.batch import Batch, Delete, EntryCheck, KeysCheck, Put, ScopesCheck
from llmspell.entry import Change, Stored
from llmspell.errors import Conflict, StoreClosed
from llmspell.testing.revisions import RevisionConformance
from llmspell.testing.whole import WholeConformance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from llmspell.backends.base import Backend, Reader
    from llmspell.batch import Check, Commit, Mutation

Result = TypeVar("Result")

NOW = 1_700_000_000.0
"""The moment of every test, in epoch seconds; nothing here waits for a clock."""

PATIENCE_SECONDS = 60.0
"""How long a test waits for a thread before it calls it stuck."""

NAMES = (
    *("a", "A", "aa", "a:b", "a/b", "../../etc/passwd", ".", "..", "~", " ", "\n", "\t", "\\", "a\\0b"),
    *("%", "_", "a%", "*", "?", "[a]", "'", '"', "''", '" OR 1=1 --', "'; DROP TABLE entries; --", ":scope", "?1"),
    *("é", "e\u0301", "ß", "日本語", "👩\u200d🚀", "\x01", "\x7f", "\x80", "\ufeff", "\u202e", "null", "0", "1"),
    *("\ud7ff", "\ud7ffx", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "\U0010ffff\U0010ffff", "a\U0010ffff"),
    *("a\U0010ffffz", "a\ud7ff", "a\ue000", "x" * 256),
)
"""Hostile names: each is a good key and a good scope. UTF-16 would order some of them otherwise."""

PREFIXES = (
    *("", "a", "a:", "a%", "%", "_", "A", "é", "e", "\ud7ff", "\ue000", "\U0010ffff", "a\U0010ffff", "zzz", "x" * 256),
    "\U0010ffff\U0010ffff\U0010ffff",
)

COMPANY = (pytest.param((), id="alone"), pytest.param((Put("company", "key", b"1"),), id="in company"))
"""A put may be all that a batch asks for, or stand among others."""


class BackendConformance(RevisionConformance, WholeConformance, ABC):
    """The tests; pytest runs those of the subclasses."""

    @abstractmethod
    def open_backend(self, folder: str) -> Backend:
        """Open the store that lies, or will lie, in `folder`."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> str:
        return str(tmp_path / "store")

    @pytest.fixture
    def backend(self, folder: str) -> Iterator[Backend]:
        backend = self.open_backend(folder)
        yield backend
        backend.close()

    @pytest.fixture
    def other(self, folder: str, backend: Backend) -> Iterator[Backend]:
        """Give the store opened a second time; where it cannot be shared, the first one again."""
        if not backend.capabilities.shared:
            yield backend
            return
        other = self.open_backend(folder)
        yield other
        other.close()

    # A store that nobody has written to

    def test_a_new_store_holds_nothing(self, backend: Backend) -> None:
        assert backend.get("scope", "key", NOW) is None
        assert backend.keys("scope", "", None, None, NOW) == []
        assert backend.scan("scope", "", None, None, NOW) == []
        assert backend.scopes("", NOW) == []
        assert backend.version() == 0
        assert list(backend.changes(0, NOW)) == []

    def test_a_new_store_is_sound_and_counts_nothing(self, backend: Backend) -> None:
        assert list(backend.problems()) == []
        counted = backend.statistics(NOW)
        assert (counted.entries, counted.scopes, counted.value_bytes, counted.tombstones) == (0, 0, 0, 0)
        assert (counted.expired, counted.version) == (0, 0)

    def test_reading_a_new_store_stamps_no_schema_version_that_changes_later(self, backend: Backend) -> None:
        before = backend.schema_version()
        write(backend, Put("scope", "key", b"1"))
        after = backend.schema_version()
        assert after is not None
        assert before in (None, after)

    # One entry

    def test_what_was_put_is_read_back_with_version_and_times(self, backend: Backend, other: Backend) -> None:
        commit = write(backend, Put("scope", "key", b'{"n":1}', expires_at=NOW + 10))
        expected = Stored("scope", "key", b'{"n":1}', commit.version, NOW, NOW, NOW + 10)
        assert backend.get("scope", "key", NOW) == expected
        assert other.get("scope", "key", NOW) == expected

    @pytest.mark.parametrize("company", COMPANY)
    def test_another_put_replaces_everything_but_the_moment_of_creation(
        self, backend: Backend, company: tuple[Put, ...]
    ) -> None:
        first = write(backend, Put("scope", "key", b"1", expires_at=NOW + 10))
        second = write(backend, Put("scope", "key", b"2"), *company, now=NOW + 5)
        assert second.version > first.version
        assert backend.get("scope", "key", NOW + 5) == Stored("scope", "key", b"2", second.version, NOW, NOW + 5, None)

    def test_times_that_a_put_brings_win(self, backend: Backend) -> None:
        write(backend, Put("scope", "key", b"1"))
        commit = write(backend, Put("scope", "key", b"2", NOW + 9, created_at=5.5, updated_at=6.25))
        assert backend.get("scope", "key", NOW) == Stored("scope", "key", b"2", commit.version, 5.5, 6.25, NOW + 9)

    def test_a_put_may_bring_one_time_and_leave_the_other(self, backend: Backend) -> None:
        write(backend, Put("scope", "created", b"1", created_at=5.5), Put("scope", "updated", b"1", updated_at=6.25))
        assert times(backend, "created") == (5.5, NOW)
        assert times(backend, "updated") == (NOW, 6.25)

    @pytest.mark.parametrize("company", COMPANY)
    def test_an_entry_put_after_its_deletion_is_a_new_one(self, backend: Backend, company: tuple[Put, ...]) -> None:
        write(backend, Put("scope", "key", b"1"))
        write(backend, Delete("scope", "key"))
        write(backend, Put("scope", "key", b"2"), *company, now=NOW + 5)
        assert times(backend, "key", NOW + 5) == (NOW + 5, NOW + 5)

    @pytest.mark.parametrize("company", COMPANY)
    def test_an_entry_put_after_its_expiry_is_a_new_one(self, backend: Backend, company: tuple[Put, ...]) -> None:
        write(backend, Put("scope", "key", b"1", expires_at=NOW + 5))
        write(backend, Put("scope", "key", b"2"), *company, now=NOW + 5)
        assert times(backend, "key", NOW + 5) == (NOW + 5, NOW + 5)

    @pytest.mark.parametrize("company", COMPANY)
    def test_an_entry_put_just_before_its_expiry_goes_on(self, backend: Backend, company: tuple[Put, ...]) -> None:
        write(backend, Put("scope", "key", b"1", expires_at=NOW + 5))
        write(backend, Put("scope", "key", b"2"), *company, now=NOW + 4.999)
        assert times(backend, "key", NOW + 5) == (NOW, NOW + 4.999)

    def test_a_large_value_comes_back_whole(self, backend: Backend) -> None:
        value = b'"' + b"0123456789abcdef" * 320_000 + b'"'
        write(backend, Put("scope", "key", value))
        stored = backend.get("scope", "key", NOW)
        assert stored is not None
        assert stored.value == value

    # Names

    def test_scope_and_key_are_kept_apart(self, backend: Backend) -> None:
        write(backend, Put("a:b", "c", b"1"), Put("a", "b:c", b"2"), Put("a:b:", "c", b"3"))
        assert read(backend, "a:b", "c") == b"1"
        assert read(backend, "a", "b:c") == b"2"
        assert read(backend, "a:b:", "c") == b"3"

    def test_hostile_names_are_only_names(self, backend: Backend) -> None:
        places = [(scope, key) for scope in NAMES[::5] for key in NAMES]
        write(backend, *(Put(scope, key, b"%d" % index) for index, (scope, key) in enumerate(places)))
        assert [read(backend, scope, key) for scope, key in places] == [b"%d" % index for index in range(len(places))]

    def test_the_longest_names_are_kept(self, backend: Backend) -> None:
        scope, key = "é" * 128, "\U0010ffff" * 128
        write(backend, Put(scope, key, b"1"))
        assert backend.scopes("", NOW) == [scope]
        assert backend.keys(scope, "", None, None, NOW) == [key]

    # Lists

    @pytest.mark.parametrize("prefix", PREFIXES, ids=ascii)
    def test_keys_come_in_byte_order_by_prefix_after_and_limit(self, backend: Backend, prefix: str) -> None:
        write(backend, *(Put("scope", key, b"1") for key in NAMES))
        for after, limit in product((None, "", "a", "a\U0010ffff", "zz", "\ud7ff", prefix, prefix + "x"), (None, 0, 3)):
            assert backend.keys("scope", prefix, after, limit, NOW) == listed(NAMES, prefix, after, limit)

    @pytest.mark.parametrize("prefix", PREFIXES, ids=ascii)
    def test_a_scan_gives_the_entries_of_the_keys(self, backend: Backend, prefix: str) -> None:
        version = write(backend, *(Put("scope", key, key.encode()) for key in NAMES)).version
        for after, limit in product((None, "a", prefix), (None, 0, 3)):
            assert backend.scan("scope", prefix, after, limit, NOW) == [
                Stored("scope", key, key.encode(), version, NOW, NOW, None)
                for key in listed(NAMES, prefix, after, limit)
            ]

    @pytest.mark.parametrize("prefix", PREFIXES, ids=ascii)
    def test_scopes_come_in_byte_order_by_prefix(self, backend: Backend, prefix: str) -> None:
        write(backend, *(Put(scope, key, b"1") for scope in NAMES for key in ("x", "y")))
        assert backend.scopes(prefix, NOW) == listed(NAMES, prefix, None, None)

    def test_keys_of_other_scopes_are_not_listed(self, backend: Backend) -> None:
        write(backend, Put("a", "1", b"1"), Put("aa", "2", b"1"), Put("a ", "3", b"1"), Put("A", "4", b"1"))
        assert backend.keys("a", "", None, None, NOW) == ["1"]

    def test_a_scope_is_listed_while_it_holds_a_live_entry(self, backend: Backend) -> None:
        write(backend, Put("deleted", "a", b"1"), Put("expired", "a", b"1", NOW + 1), Put("half", "a", b"1", NOW + 1))
        write(backend, Delete("deleted", "a"), Put("half", "b", b"1"))
        assert backend.scopes("", NOW) == ["expired", "half"]
        assert backend.scopes("", NOW + 1) == ["half"]

    # Versions

    def test_every_commit_that_changes_something_raises_the_version(self, backend: Backend, other: Backend) -> None:
        versions = [backend.version()]
        for number in range(20):
            opened = (backend, other)[number % 2]
            versions.append(write(opened, Put("scope", f"key {number % 3}", b"1")).version)
            assert backend.version() == other.version() == versions[-1]
        versions.append(write(backend, Delete("scope", "key 0")).version)
        assert versions == sorted(set(versions))

    def test_putting_the_same_value_again_is_a_new_version(self, backend: Backend) -> None:
        first = write(backend, Put("scope", "key", b"1"))
        assert write(backend, Put("scope", "key", b"1")).version > first.version

    def test_the_mutations_of_one_batch_share_a_version(self, backend: Backend) -> None:
        write(backend, Put("scope", "old", b"1"))
        commit = write(backend, Put("scope", "a", b"1"), Put("other", "b", b"1"), Delete("scope", "old"))
        changes = list(backend.changes(commit.version - 1, NOW))
        assert {(change.scope, change.key, change.version) for change in changes} == {
            ("scope", "a", commit.version),
            ("other", "b", commit.version),
            ("scope", "old", commit.version),
        }

    def test_a_commit_that_changes_nothing_keeps_the_version(self, backend: Backend) -> None:
        version = write(backend, Put("scope", "key", b"1", NOW + 1)).version
        assert write(backend) == (version, 0)
        assert write(backend, Delete("scope", "absent")) == (version, 0)
        assert write(backend, Delete("scope", "key"), now=NOW + 1) == (version, 0)
        assert write(backend, checks=(EntryCheck("scope", "key", version),)) == (version, 0)
        assert backend.version() == version

    # Batches

    def test_a_large_batch_is_applied_whole(self, backend: Backend) -> None:
        commit = write(backend, *(Put("scope", f"{number:05}", b"1") for number in range(2_000)))
        assert {entry.version for entry in backend.scan("scope", "", None, None, NOW)} == {commit.version}
        assert len(backend.keys("scope", "", None, None, NOW)) == 2_000

    def test_the_last_mutation_of_a_key_wins(self, backend: Backend) -> None:
        put, delete = Put("scope", "key", b"1"), Delete("scope", "key")
        write(backend, put, put._replace(value=b"2"))
        assert read(backend, "scope", "key") == b"2"
        assert write(backend, put, delete).removed == 1
        assert read(backend, "scope", "key") is None
        assert write(backend, put, delete, put._replace(value=b"3")).removed == 1
        assert read(backend, "scope", "key") == b"3"

    def test_only_deletes_of_live_entries_are_counted(self, backend: Backend) -> None:
        write(backend, Put("scope", "a", b"1"), Put("scope", "b", b"1"), Put("scope", "expired", b"1", NOW + 1))
        deletes = (Delete("scope", key) for key in ("a", "b", "b", "expired", "absent"))
        assert write(backend, *deletes, now=NOW + 1).removed == 2

    def test_a_batch_whose_checks_hold_is_applied(self, backend: Backend) -> None:
        version = write(backend, Put("scope", "key", b"1")).version
        checks = (
            EntryCheck("scope", "key", version),
            EntryCheck("scope", "absent", 0),
            KeysCheck("scope", "", None, None, ("key",)),
            KeysCheck("empty", "", None, None, ()),
            ScopesCheck("", ("scope",)),
        )
        write(backend, Put("scope", "key", b"2"), checks=checks)
        assert read(backend, "scope", "key") == b"2"

    @pytest.mark.parametrize(
        "check",
        [
            EntryCheck("scope", "key", 0),
            EntryCheck("scope", "key", 99),
            EntryCheck("scope", "absent", 1),
            EntryCheck("scope", "deleted", 1),
            KeysCheck("scope", "", None, None, ()),
            KeysCheck("scope", "", None, None, ("key", "more")),
            KeysCheck("scope", "k", "j", 5, ()),
            KeysCheck("empty", "", None, None, ("key",)),
            ScopesCheck("", ()),
            ScopesCheck("s", ("scope", "so")),
        ],
        ids=repr,
    )
    def test_a_check_that_does_not_hold_undoes_the_whole_batch(self, backend: Backend, check: Check) -> None:
        write(backend, Put("scope", "key", b"1"), Put("scope", "deleted", b"1"))
        write(backend, Delete("scope", "deleted"))
        before = list(backend.changes(0, NOW)), backend.version()
        mutations = (Put("scope", "key", b"2"), Delete("scope", "key"), Put("new", "key", b"1"))
        with pytest.raises(Conflict):
            write(backend, *mutations, checks=(EntryCheck("scope", "absent", 0), check))
        assert (list(backend.changes(0, NOW)), backend.version()) == before

    def test_a_conflict_about_an_entry_says_what_was_expected_and_found(self, backend: Backend) -> None:
        version = write(backend, Put("scope", "key", b"1")).version
        conflict = refused(backend, EntryCheck("scope", "key", 0))
        assert (conflict.scope, conflict.key, conflict.expected, conflict.actual) == ("scope", "key", 0, version)
        conflict = refused(backend, EntryCheck("scope", "absent", 7))
        assert (conflict.scope, conflict.key, conflict.expected, conflict.actual) == ("scope", "absent", 7, 0)

    def test_a_conflict_about_a_list_has_no_key_and_no_versions(self, backend: Backend) -> None:
        conflict = refused(backend, KeysCheck("scope", "", None, None, ("key",)))
        assert (conflict.scope, conflict.key, conflict.expected, conflict.actual) == ("scope", None, None, None)
        conflict = refused(backend, ScopesCheck("", ("scope",)))
        assert (conflict.scope, conflict.key, conflict.expected, conflict.actual) == (None, None, None, None)

    def test_a_check_of_keys_sees_only_its_own_window(self, backend: Backend) -> None:
        write(backend, *(Put("scope", key, b"1") for key in ("a1", "a2", "a3", "b1")))
        write(backend, Put("scope", "b2", b"1"), checks=(KeysCheck("scope", "a", None, None, ("a1", "a2", "a3")),))
        write(backend, Put("scope", "a4", b"1"), checks=(KeysCheck("scope", "", "a1", 2, ("a2", "a3")),))
        write(backend, Put("scope", "a0", b"1"), checks=(KeysCheck("scope", "a", "a1", None, ("a2", "a3", "a4")),))

    def test_a_batch_decides_by_its_own_moment_what_has_expired(self, backend: Backend) -> None:
        version = write(backend, Put("scope", "key", b"1", NOW + 1)).version
        gone = (EntryCheck("scope", "key", 0), KeysCheck("scope", "", None, None, ()), ScopesCheck("", ()))
        write(backend, checks=(EntryCheck("scope", "key", version),), now=NOW + 0.999)
        write(backend, checks=gone, now=NOW + 1)
        with pytest.raises(Conflict):
            write(backend, checks=gone, now=NOW + 0.999)

    def test_of_many_that_create_a_key_only_if_absent_one_wins(self, backend: Backend, other: Backend) -> None:
        def create(number: int) -> bool:
            try:
                put = Put("scope", "key", b"%d" % number)
                write((backend, other)[number % 2], put, checks=(EntryCheck("scope", "key", 0),))
            except Conflict:
                return False
            return True

        won = in_threads(create, 8)
        assert won.count(True) == 1
        assert read(backend, "scope", "key") == b"%d" % won.index(True)

    # Expiry

    def test_an_entry_is_gone_from_the_exact_moment_of_its_expiry(self, backend: Backend) -> None:
        write(backend, Put("scope", "key", b"1", expires_at=NOW + 1.5))
        just_before, moment = NOW + 1.4999, NOW + 1.5
        assert read(backend, "scope", "key", just_before) == b"1"
        assert backend.keys("scope", "", None, None, just_before) == ["key"]
        assert len(backend.scan("scope", "", None, None, just_before)) == 1
        assert backend.scopes("", just_before) == ["scope"]
        assert backend.statistics(just_before).entries == 1
        assert read(backend, "scope", "key", moment) is None
        assert backend.keys("scope", "", None, None, moment) == []
        assert backend.scan("scope", "", None, None, moment) == []
        assert backend.scopes("", moment) == []
        assert backend.statistics(moment).entries == 0

    def test_expired_entries_do_not_use_up_a_limit(self, backend: Backend) -> None:
        write(backend, *(Put("scope", f"{number}", b"1", NOW + (1 if number < 5 else 2)) for number in range(9)))
        assert backend.keys("scope", "", None, 2, NOW + 1) == ["5", "6"]

    # Changes

    def test_changes_tell_the_newest_write_of_each_key_by_version(self, backend: Backend) -> None:
        write(backend, Put("scope", "a", b"1"))
        b = write(backend, Put("scope", "b", b"1")).version
        a = write(backend, Put("scope", "a", b"2")).version
        assert list(backend.changes(0, NOW)) == [
            Change("scope", "b", b, Stored("scope", "b", b"1", b, NOW, NOW, None)),
            Change("scope", "a", a, Stored("scope", "a", b"2", a, NOW, NOW, None)),
        ]

    def test_changes_begin_after_the_version_asked_for(self, backend: Backend) -> None:
        versions = [write(backend, Put("scope", f"{number}", b"1")).version for number in range(4)]
        for index, version in enumerate(versions):
            assert [change.key for change in backend.changes(version, NOW)] == ["0", "1", "2", "3"][index + 1 :]

    def test_changes_tell_deletions(self, backend: Backend) -> None:
        before = write(backend, Put("scope", "key", b"1"), Put("scope", "again", b"1")).version
        gone = write(backend, Delete("scope", "key"), Delete("scope", "again")).version
        back = write(backend, Put("scope", "again", b"2")).version
        told = list(backend.changes(before, NOW))
        assert told[0] == Change("scope", "key", gone, None)
        assert [(change.key, change.version, change.stored is None) for change in told[1:]] == [("again", back, False)]

    def test_changes_tell_expired_entries_as_gone(self, backend: Backend) -> None:
        version = write(backend, Put("scope", "key", b"1", NOW + 1)).version
        assert [change.stored is None for change in backend.changes(0, NOW + 0.5)] == [False]
        assert list(backend.changes(0, NOW + 1)) == [Change("scope", "key", version, None)]

    def test_writers_go_on_while_changes_are_read(self, backend: Backend) -> None:
        write(backend, *(Put("scope", f"{number:04}", b"1") for number in range(500)))
        changes = backend.changes(0, NOW)
        first = next(changes)
        write(backend, Put("later", "key", b"1"))
        assert [first.key, *(change.key for change in changes if change.scope == "scope")] == [
            f"{number:04}" for number in range(500)
        ]

    # Snapshots

    def test_a_snapshot_sees_one_moment_while_writers_go_on(self, backend: Backend, other: Backend) -> None:
        version = write(backend, Put("scope", "a", b"1"), Put("scope", "b", b"1")).version
        with backend.snapshot() as snapshot:
            before = everything(snapshot)
            write(backend, Put("scope", "a", b"2"), Delete("scope", "b"), Put("new", "c", b"1"))
            write(other, Put("scope", "d", b"1"))
            assert everything(snapshot) == before
            assert snapshot.version() == version
            assert read(snapshot, "scope", "a") == b"1"
            assert read(snapshot, "scope", "b") == b"1"
        assert read(backend, "scope", "a") == b"2"

    def test_a_snapshot_of_a_new_store_stays_empty(self, backend: Backend) -> None:
        with backend.snapshot() as snapshot:
            write(backend, Put("scope", "a", b"1"))
            assert everything(snapshot) == ([], [], 0)
            assert read(snapshot, "scope", "a") is None

    def test_a_snapshot_is_over_after_its_block(self, backend: Backend) -> None:
        write(backend, Put("scope", "key", b"1"))
        with backend.snapshot() as snapshot:
            pass
        for call in reads(snapshot):
            with pytest.raises(StoreClosed):
                call()

    def test_an_error_inside_a_snapshot_comes_out_unchanged(self, backend: Backend) -> None:
        write(backend, Put("scope", "key", b"1"))
        error = FileNotFoundError("somebody else's file")
        with pytest.raises(FileNotFoundError) as raised, backend.snapshot():
            raise error
        assert raised.value is error

    def test_snapshots_stand_side_by_side(self, backend: Backend) -> None:
        write(backend, Put("scope", "key", b"1"))
        with backend.snapshot() as first:
            write(backend, Put("scope", "key", b"2"))
            with backend.snapshot() as second:
                write(backend, Put("scope", "key", b"3"))
                assert read(first, "scope", "key") == b"1"
                assert read(second, "scope", "key") == b"2"
            assert read(first, "scope", "key") == b"1"
        assert read(backend, "scope", "key") == b"3"

    # The writer's turn

    def test_nobody_else_commits_during_a_turn(self, backend: Backend, other: Backend) -> None:
        write(backend, Put("scope", "count", b"0"))

        def count(number: int) -> None:
            opened = (backend, other)[number % 2]
            for _ in range(25):
                with opened.turn():
                    write(opened, Put("scope", "count", b"%d" % (int(read(opened, "scope", "count") or b"") + 1)))

        in_threads(count, 6)
        assert read(backend, "scope", "count") == b"150"

    def test_the_same_thread_may_enter_its_turn_again(self, backend: Backend) -> None:
        with backend.turn(), backend.turn():
            with backend.turn():
                write(backend, Put("scope", "a", b"1"))
            write(backend, Put("scope", "b", b"1"))
        assert backend.keys("scope", "", None, None, NOW) == ["a", "b"]

    def test_a_turn_ends_when_its_block_fails(self, backend: Backend, other: Backend) -> None:
        error = RuntimeError("inside the turn")
        with pytest.raises(RuntimeError) as raised, backend.turn():
            raise error
        assert raised.value is error
        assert in_threads(lambda number: write(other, Put("scope", f"{number}", b"1")).removed, 2) == [0, 0]

    def test_others_read_while_somebody_has_the_turn(self, backend: Backend, other: Backend) -> None:
        write(backend, Put("scope", "key", b"1"))
        with backend.turn(), ThreadPoolExecutor(1) as threads:
            assert threads.submit(read, other, "scope", "key").result(PATIENCE_SECONDS) == b"1"
            assert threads.submit(everything, other).result(PATIENCE_SECONDS)[1] == ["scope"]
            write(backend, Put("scope", "key", b"2"))
            assert threads.submit(read, other, "scope", "key").result(PATIENCE_SECONDS) == b"2"

    # Threads

    def test_threads_write_and_read_side_by_side(self, backend: Backend, other: Backend) -> None:
        def work(number: int) -> list[int]:
            opened = (backend, other)[number % 2]
            versions = []
            for turn in range(40):
                versions.append(write(opened, Put(f"scope {number}", f"{turn:02}", b"%d" % turn)).version)
                assert read(opened, f"scope {number}", f"{turn:02}") == b"%d" % turn
                assert len(opened.keys(f"scope {number}", "", None, None, NOW)) == turn + 1
            return versions

        versions = [version for worker in in_threads(work, 8) for version in worker]
        assert len(set(versions)) == 320
        assert len(backend.scopes("", NOW)) == 8

    def test_readers_see_batches_whole(self, backend: Backend, other: Backend) -> None:
        write(backend, Put("scope", "a", b"0"), Put("scope", "b", b"0"))
        done = threading.Event()

        def look() -> int:
            looked = 0
            while not done.is_set():
                a, b = other.scan("scope", "", None, None, NOW)
                assert (a.value, a.version) == (b.value, b.version)
                looked += 1
            return looked

        with ThreadPoolExecutor(2) as threads:
            readers = [threads.submit(look) for _ in range(2)]
            try:
                for number in range(200):
                    write(backend, Put("scope", "a", b"%d" % number), Put("scope", "b", b"%d" % number))
            finally:
                done.set()
            assert all(reader.result(PATIENCE_SECONDS) > 0 for reader in readers)

    # The whole store

    def test_statistics_count_what_is_there(self, backend: Backend) -> None:
        write(backend, Put("one", "a", b"12345"), Put("one", "b", b"678"), Put("two", "c", b"9", NOW + 1))
        version = write(backend, Delete("one", "b")).version
        counted = backend.statistics(NOW + 1)
        assert (counted.entries, counted.scopes, counted.value_bytes) == (1, 1, 5)
        assert (counted.tombstones, counted.expired, counted.version) == (1, 1, version)
        assert counted.schema_version == backend.schema_version()
        assert counted.file_bytes > 0
        assert counted.engine

    def test_a_store_in_use_is_sound(self, backend: Backend) -> None:
        write(backend, *(Put(scope, "key", b'"%d"' % index) for index, scope in enumerate(NAMES)))
        write(backend, *(Delete(scope, "key") for scope in NAMES[::3]))
        assert list(backend.problems()) == []

    def test_a_flush_returns_and_keeps_everything(self, backend: Backend) -> None:
        backend.flush()
        write(backend, Put("scope", "key", b"1"))
        backend.flush()
        assert read(backend, "scope", "key") == b"1"

    def test_a_settle_returns_and_keeps_everything(self, backend: Backend, other: Backend) -> None:
        backend.settle()
        write(backend, Put("scope", "key", b"1"))
        backend.settle()
        write(other, Put("scope", "other", b"2"))
        seen = read(backend, "scope", "other")
        backend.settle()
        assert (read(backend, "scope", "key"), read(backend, "scope", "other")) == (b"1", seen)

    def test_closing_twice_is_closing_once(self, folder: str) -> None:
        backend = self.open_backend(folder)
        write(backend, Put("scope", "key", b"1"))
        backend.close()
        backend.close()

    @pytest.mark.parametrize("used", [False, True])
    def test_every_call_after_closing_raises_store_closed(self, folder: str, used: bool) -> None:
        backend = self.open_backend(folder)
        if used:
            write(backend, Put("scope", "key", b"1"))
            assert read(backend, "scope", "key") == b"1"
        backend.close()
        for call in (*reads(backend), *whole_store_calls(backend)):
            with pytest.raises(StoreClosed):
                call()

    # What is promised to outlive the process, or to be shared, and what is not

    def test_a_store_opened_again_is_the_same_exactly_when_that_is_promised(self, folder: str) -> None:
        backend = self.open_backend(folder)
        version = write(backend, Put("scope", "key", b"1")).version
        backend.close()
        again = self.open_backend(folder)
        try:
            persistent = again.capabilities.persistent
            assert read(again, "scope", "key") == (b"1" if persistent else None)
            assert again.version() == (version if persistent else 0)
            assert list(again.problems()) == []
        finally:
            again.close()

    def test_a_store_opened_twice_is_one_exactly_when_that_is_promised(self, folder: str, backend: Backend) -> None:
        second = self.open_backend(folder)
        try:
            write(backend, Put("scope", "key", b"1"))
            write(second, Put("scope", "second", b"1"))
            keys = ["key", "second"] if backend.capabilities.shared else ["key"]
            assert backend.keys("scope", "", None, None, NOW) == keys
        finally:
            second.close()


def write(backend: Backend, *mutations: Mutation, checks: tuple[Check, ...] = (), now: float = NOW) -> Commit:
    """Commit one batch."""
    return backend.commit(Batch(now, mutations, checks))


def read(reader: Reader, scope: str, key: str, now: float = NOW) -> bytes | None:
    """Give the value of a live entry, or None."""
    stored = reader.get(scope, key, now)
    return None if stored is None else stored.value


def times(reader: Reader, key: str, now: float = NOW) -> tuple[float, float]:
    """Give when the entry of the scope `scope` was created and updated."""
    stored = reader.get("scope", key, now)
    assert stored is not None
    return stored.created_at, stored.updated_at


def refused(backend: Backend, check: Check) -> Conflict:
    """Give the conflict that the check raises."""
    with pytest.raises(Conflict) as raised:
        write(backend, Put("new", "key", b"1"), checks=(check,))
    return raised.value


def listed(names: tuple[str, ...], prefix: str, after: str | None, limit: int | None) -> list[str]:
    """Give what a list of `names` must be; Python orders text by code points, as UTF-8 does."""
    found = [name for name in names if name.startswith(prefix) and (after is None or name > after)]
    return sorted(found, key=str.encode)[:limit]


def everything(reader: Reader) -> tuple[list[Change], list[str], int]:
    """Give all that a reader can see."""
    return list(reader.changes(0, NOW)), reader.scopes("", NOW), reader.version()


def reads(reader: Reader) -> tuple[Callable[[], object], ...]:
    """Give a call of every method of a reader."""
    return (
        lambda: reader.get("scope", "key", NOW),
        lambda: reader.keys("scope", "", None, None, NOW),
        lambda: reader.scan("scope", "", None, None, NOW),
        lambda: reader.scopes("", NOW),
        lambda: reader.version(),
        lambda: list(reader.changes(0, NOW)),
        lambda: reader.schema_version(),
    )


def whole_store_calls(backend: Backend) -> tuple[Callable[[], object], ...]:
    """Give a call of every other method of a backend but `close`."""
    return (
        lambda: write(backend, Put("scope", "key", b"1")),
        lambda: write(backend, checks=(EntryCheck("scope", "key", 0),)),
        lambda: backend.turn().__enter__(),
        lambda: backend.snapshot().__enter__(),
        lambda: backend.flush(),
        lambda: backend.settle(),
        lambda: list(backend.problems()),
        lambda: backend.statistics(NOW),
    )


def in_threads(work: Callable[[int], Result], count: int) -> list[Result]:
    """Run `work` with the numbers below `count`, each in its own thread, begun together."""
    together = threading.Barrier(count)

    def begin(number: int) -> Result:
        together.wait(PATIENCE_SECONDS)
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count)))

"""Does a backend keep the promises of `revise` and of notes? The part of the conformance suite about them.

`BackendConformance` includes it; whoever subclasses that has these tests as well.
"""

# ruff: noqa: D102 - the names of the tests are their sentences

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from llmspell.batch import Batch, Delete, DropNotes, Move, Note, Put, Stamp
from llmspell.errors import Conflict, InvalidArgument

if TYPE_CHECKING:
    from llmspell.backends.base import Backend, Revision
    from llmspell.batch import Rewritten, Step

NOW = 1_700_000_000.0
LATER = NOW + 60.0


class _Undone(Exception):
    pass


class RevisionConformance:
    """The tests; they use the fixtures `backend` and `other` of `BackendConformance`."""

    def test_a_revision_gives_what_its_work_gives(self, backend: Backend) -> None:
        assert backend.revise(NOW, lambda revision: "done") == "done"

    def test_all_steps_of_a_revision_have_one_version(self, backend: Backend) -> None:
        before = backend.version()
        _revise(backend, Put("scope", "a", b"1"), Put("scope", "b", b"2"), Delete("scope", "a"))
        assert backend.version() == before + 1
        assert {change.version for change in backend.changes(before, NOW)} == {before + 1}

    def test_a_revision_that_changes_no_entry_keeps_the_version(self, backend: Backend) -> None:
        _revise(backend, Put("scope", "a", b"1"))
        before = backend.version()
        _revise(backend, Note("kind", "name", b"x"), Stamp("9.0.0"), Delete("scope", "absent"))
        assert backend.version() == before

    def test_the_next_save_gets_a_higher_version_than_a_revision(self, backend: Backend) -> None:
        _revise(backend, Put("scope", "a", b"1"))
        assert backend.commit(Batch(NOW, (Put("scope", "b", b"2"),))).version == backend.version() == 2

    def test_an_error_in_the_work_undoes_everything_and_is_raised_again(self, backend: Backend, other: Backend) -> None:
        _revise(backend, Put("scope", "a", b"1"), Note("kind", "name", b"x"))
        stamp, version = backend.schema_version(), backend.version()

        def work(revision: Revision) -> None:
            revision.apply((Put("scope", "a", b"2"), Put("scope", "b", b"3"), Move("scope", "a", "scope", "c")))
            revision.apply((Note("kind", "name", b"y"), Note("kind", "new", b"z"), Stamp("9.0.0")))
            revision.rewrite("scope", None, 10, lambda key, text, version, created_at: b"4")
            raise _Undone

        with pytest.raises(_Undone):
            backend.revise(NOW, work)
        for one in (backend, other):
            assert one.keys("scope", "", None, None, NOW) == ["a"]
            assert _value_of(one, "scope", "a") == b"1"
            assert one.notes("kind") == [("name", b"x")]
            assert (one.schema_version(), one.version()) == (stamp, version)

    def test_whatever_is_written_past_a_revision_from_inside_is_refused(self, backend: Backend) -> None:
        _revise(backend, Put("scope", "a", b"1"))
        refused = []

        def work(revision: Revision) -> None:
            revision.apply((Put("scope", "a", b"2"),))
            for mutations in ((Put("scope", "b", b"3"),), (Put("scope", "b", b"3"), Delete("scope", "a"))):
                with pytest.raises(InvalidArgument):
                    backend.commit(Batch(NOW, mutations))
                refused.append(mutations)
            with pytest.raises(InvalidArgument):
                backend.revise(NOW, lambda inner: inner.apply((Put("scope", "b", b"3"),)))
            raise _Undone

        with pytest.raises(_Undone):
            backend.revise(NOW, work)
        assert len(refused) == 2
        assert _value_of(backend, "scope", "a") == b"1"
        assert backend.keys("scope", "", None, None, NOW) == ["a"]
        assert backend.commit(Batch(NOW, (Put("scope", "b", b"3"),))).version == 2

    def test_a_save_works_after_an_undone_revision(self, backend: Backend) -> None:
        with pytest.raises(_Undone):
            backend.revise(NOW, _raise_undone)
        assert backend.commit(Batch(NOW, (Put("scope", "a", b"1"),))).version == 1

    def test_the_reads_of_a_revision_see_its_own_steps(self, backend: Backend) -> None:
        _revise(backend, Put("scope", "a", b"1"))

        def work(revision: Revision) -> tuple[list[str], bytes | None, str | None]:
            revision.apply((Put("scope", "b", b"2"), Note("kind", "name", b"x"), Stamp("9.0.0")))
            return revision.keys("scope", "", None, None, NOW), revision.note("kind", "name"), revision.schema_version()

        assert backend.revise(NOW, work) == (["a", "b"], b"x", "9.0.0")

    def test_others_see_a_revision_only_when_it_is_done(self, backend: Backend, other: Backend) -> None:
        if not backend.capabilities.shared:
            pytest.skip("a backend that is not shared may let its readers wait for the revision")
        _revise(backend, Put("scope", "a", b"1"))
        seen = []

        def work(revision: Revision) -> None:
            revision.apply((Put("scope", "a", b"2"), Stamp("9.0.0")))
            seen.append((_value_of(other, "scope", "a"), other.schema_version()))

        stamp = other.schema_version()
        backend.revise(NOW, work)
        assert seen == [(b"1", stamp)]
        assert (_value_of(other, "scope", "a"), other.schema_version()) == (b"2", "9.0.0")

    def test_a_writer_waits_until_a_revision_is_done(self, backend: Backend, other: Backend) -> None:
        order: list[str] = []

        def save() -> None:
            other.commit(Batch(NOW, (Put("s", "k", b"1"),)))
            order.append("save")

        saver = threading.Thread(target=save)

        def work(revision: Revision) -> None:
            saver.start()
            saver.join(0.2)
            order.append("revision")

        backend.revise(NOW, work)
        saver.join(60.0)
        assert order == ["revision", "save"]

    # Rewriting

    def test_rewriting_replaces_values_and_keeps_times_and_expiry(self, backend: Backend) -> None:
        put = Put("scope", "a", b"1", expires_at=LATER, created_at=5.0, updated_at=6.0)
        backend.commit(Batch(NOW, (put,)))
        before = backend.version()
        _rewrite(backend, "scope", {"a": b"2"})
        stored = backend.get("scope", "a", NOW)
        assert stored is not None
        assert stored[2:] == (b"2", before + 1, 5.0, 6.0, LATER)

    def test_rewriting_hands_over_key_value_version_and_creation_in_the_order_of_keys(self, backend: Backend) -> None:
        backend.commit(Batch(NOW, (Put("scope", "b", b"2", created_at=7.0), Put("scope", "a", b"1", created_at=8.0))))
        backend.commit(Batch(NOW, (Put("other", "c", b"3"),)))
        seen: list[tuple[str, bytes, int, float]] = []

        def change(key: str, text: bytes, version: int, created_at: float) -> None:
            seen.append((key, text, version, created_at))

        backend.revise(NOW, lambda revision: revision.rewrite("scope", None, 10, change))
        assert seen == [("a", b"1", 1, 8.0), ("b", b"2", 1, 7.0)]

    def test_an_entry_that_a_rewriting_leaves_alone_keeps_its_version(self, backend: Backend) -> None:
        backend.commit(Batch(NOW, (Put("scope", "a", b"1"), Put("scope", "b", b"2"))))
        _rewrite(backend, "scope", {"b": b"3"})
        assert [stored.version for stored in backend.scan("scope", "", None, None, NOW)] == [1, 2]

    def test_rewriting_goes_on_page_by_page_and_ends_with_none(self, backend: Backend) -> None:
        backend.commit(Batch(NOW, tuple(Put("scope", f"{number:02}", b"1") for number in range(5))))
        pages: list[Rewritten] = []

        def work(revision: Revision) -> None:
            last = None
            while page := revision.rewrite("scope", last, 2, lambda key, text, version, created_at: b"2"):
                last = page.last
                pages.append(page)

        backend.revise(NOW, work)
        assert pages == [("01", 2), ("03", 2), ("04", 1)]
        assert [stored.value for stored in backend.scan("scope", "", None, None, NOW)] == [b"2"] * 5

    def test_rewriting_does_not_look_at_what_is_deleted_or_expired(self, backend: Backend) -> None:
        backend.commit(Batch(NOW, (Put("scope", "gone", b"1"), Put("scope", "old", b"2", expires_at=NOW + 1))))
        backend.commit(Batch(NOW, (Delete("scope", "gone"),)))
        assert backend.revise(LATER, lambda revision: revision.rewrite("scope", None, 10, _refuse_all)) is None

    def test_rewriting_may_read_other_entries_and_notes_meanwhile(self, backend: Backend) -> None:
        _revise(backend, Put("scope", "a", b"1"), Put("other", "b", b"2"), Note("kind", "name", b"3"))

        def work(revision: Revision) -> None:
            def change(key: str, text: bytes, version: int, created_at: float) -> bytes:
                return (_value_of(revision, "other", "b") or b"") + (revision.note("kind", "name") or b"")

            revision.rewrite("scope", None, 10, change)

        backend.revise(NOW, work)
        assert _value_of(backend, "scope", "a") == b"23"

    def test_a_page_of_large_values_ends_early(self, backend: Backend) -> None:
        large = b'"' + b"x" * 3_000_000 + b'"'
        backend.commit(Batch(NOW, tuple(Put("scope", key, large) for key in "abcdef")))
        seen: list[str] = []

        def change(key: str, text: bytes, version: int, created_at: float) -> None:
            seen.append(key)

        page = backend.revise(NOW, lambda revision: revision.rewrite("scope", None, 1_000, change))
        assert page == (seen[-1], len(seen))
        assert seen[-1] < "f"

    # Moving

    def test_a_move_takes_value_times_and_expiry_along_and_leaves_a_deletion(self, backend: Backend) -> None:
        backend.commit(Batch(NOW, (Put("scope", "a", b"1", expires_at=LATER, created_at=5.0, updated_at=6.0),)))
        before = backend.version()
        _revise(backend, Move("scope", "a", "elsewhere", "b"))
        stored = backend.get("elsewhere", "b", NOW)
        assert stored == ("elsewhere", "b", b"1", before + 1, 5.0, 6.0, LATER)
        assert backend.get("scope", "a", NOW) is None
        changed = {(change.scope, change.key): change.stored is None for change in backend.changes(before, NOW)}
        assert changed == {("scope", "a"): True, ("elsewhere", "b"): False}

    def test_a_move_onto_a_live_entry_is_a_conflict(self, backend: Backend) -> None:
        backend.commit(Batch(NOW, (Put("scope", "a", b"1"), Put("scope", "b", b"2"))))
        with pytest.raises(Conflict) as raised:
            _revise(backend, Move("scope", "a", "scope", "b"))
        assert (raised.value.scope, raised.value.key, raised.value.expected) == ("scope", "b", 0)
        assert [stored.value for stored in backend.scan("scope", "", None, None, NOW)] == [b"1", b"2"]

    def test_a_move_onto_a_deleted_or_expired_entry_takes_its_place(self, backend: Backend) -> None:
        backend.commit(Batch(NOW, (Put("scope", "gone", b"0"), Put("scope", "old", b"0", expires_at=NOW + 1))))
        backend.commit(Batch(NOW, (Delete("scope", "gone"), Put("scope", "a", b"1"), Put("scope", "b", b"2"))))

        def work(revision: Revision) -> None:
            revision.apply((Move("scope", "a", "scope", "gone"), Move("scope", "b", "scope", "old")))

        backend.revise(LATER, work)
        assert [(stored.key, stored.value) for stored in backend.scan("scope", "", None, None, LATER)] == [
            ("gone", b"1"),
            ("old", b"2"),
        ]

    def test_moving_what_is_not_there_does_nothing(self, backend: Backend) -> None:
        _revise(backend, Move("scope", "a", "scope", "b"))
        assert backend.scopes("", NOW) == []

    # Notes and the stamp

    def test_notes_are_kept_apart_by_kind_and_listed_by_name(self, backend: Backend, other: Backend) -> None:
        _revise(backend, Note("kind", "b", b"2"), Note("kind", "a", b"1"), Note("another", "a", b"3"))
        if backend.capabilities.shared:
            assert other.notes("kind") == [("a", b"1"), ("b", b"2")]
        assert backend.notes("kind", "b") == [("b", b"2")]
        assert backend.notes("kind", "", 1) == [("a", b"1")]
        assert backend.notes("absent") == []
        assert (backend.note("another", "a"), backend.note("another", "b")) == (b"3", None)

    def test_a_note_is_replaced_and_removed(self, backend: Backend) -> None:
        _revise(backend, Note("kind", "a", b"1"), Note("kind", "b", b"2"))
        _revise(backend, Note("kind", "a", b"3"), Note("kind", "b", None), Note("kind", "absent", None))
        assert backend.notes("kind") == [("a", b"3")]

    def test_all_notes_of_a_kind_are_dropped_at_once(self, backend: Backend) -> None:
        _revise(backend, Note("kind", "a", b"1"), Note("kind", "b", b"2"), Note("another", "a", b"3"))
        _revise(backend, DropNotes("kind"), DropNotes("absent"))
        assert (backend.notes("kind"), backend.notes("another")) == ([], [("a", b"3")])

    def test_names_of_notes_may_hold_a_nul_and_stand_in_its_order(self, backend: Backend) -> None:
        names = ["a", "a\0", "a\0b", "a\x01", "b"]
        _revise(backend, *(Note("kind", name, b"x") for name in reversed(names)))
        assert [name for name, _ in backend.notes("kind")] == names

    def test_notes_are_no_entries(self, backend: Backend) -> None:
        _revise(backend, Note("kind", "a", b"1"))
        assert backend.scopes("", NOW) == []
        assert backend.statistics(NOW).entries == 0
        assert list(backend.changes(0, NOW)) == []
        assert list(backend.problems()) == []

    def test_a_snapshot_keeps_the_notes_and_the_stamp_of_its_moment(self, backend: Backend) -> None:
        _revise(backend, Note("kind", "a", b"1"), Stamp("1.0.0"), Put("scope", "a", b"1"))
        with backend.snapshot() as snapshot:
            _revise(backend, Note("kind", "a", b"2"), Stamp("2.0.0"), Put("scope", "b", b"1"))
            assert (snapshot.note("kind", "a"), snapshot.notes("kind")) == (b"1", [("a", b"1")])
            assert (snapshot.schema_version(), snapshot.count("scope", NOW)) == ("1.0.0", 1)
        assert (backend.note("kind", "a"), backend.schema_version()) == (b"2", "2.0.0")

    def test_counting_counts_what_lives(self, backend: Backend) -> None:
        assert backend.count("scope", NOW) == 0
        backend.commit(Batch(NOW, (Put("scope", "a", b"1"), Put("scope", "b", b"2", expires_at=NOW + 1))))
        backend.commit(Batch(NOW, (Put("scope", "c", b"3"), Put("other", "a", b"4"))))
        backend.commit(Batch(NOW, (Delete("scope", "c"),)))
        assert (backend.count("scope", NOW), backend.count("scope", LATER)) == (2, 1)


def _revise(backend: Backend, *steps: Step) -> None:
    backend.revise(NOW, lambda revision: revision.apply(steps))


def _rewrite(backend: Backend, scope: str, values: dict[str, bytes]) -> None:
    backend.revise(
        NOW,
        lambda revision: revision.rewrite(scope, None, 1_000, lambda key, text, version, created_at: values.get(key)),
    )


def _value_of(reader: Backend | Revision, scope: str, key: str) -> bytes | None:
    stored = reader.get(scope, key, NOW)
    return stored.value if stored else None


def _raise_undone(revision: Revision) -> None:
    raise _Undone


def _refuse_all(key: str, text: bytes, version: int, created_at: float) -> bytes:
    raise AssertionError(f"{key} should not be looked at")

"""Space is reclaimed in time: of what expired, and of deletions that nobody can ask for any more."""

import apsw
import pytest

from llmspell import Store
from llmspell.backends.sqlite import writing
from llmspell.errors import ChangesForgotten
from tests.clock import Clock

DAY = 86_400.0


@pytest.fixture(autouse=True)
def always_reclaim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every commit reclaim, not only one in many."""
    monkeypatch.setattr(writing, "RECLAIM_EVERY", 1)


def known_deletions(store: Store) -> list[str]:
    return [change.key for change in store.changes() if change.stored is None]


def test_an_expired_value_is_thrown_away_after_the_time_of_grace(store: Store, clock: Clock) -> None:
    store.save("scope", "key", "x" * 1_000, ttl=1)
    clock.advance(writing.EXPIRY_GRACE_SECONDS)
    store.save("other", "key", 1)
    assert store.statistics().expired == 1
    clock.advance(1)
    store.save("other", "key", 2)
    statistics = store.statistics()
    assert (statistics.expired, statistics.tombstones, statistics.entries) == (0, 1, 1)


def test_an_expiry_that_was_reclaimed_is_told_as_a_newer_change(store: Store, clock: Clock) -> None:
    store.save("scope", "key", 1, ttl=1)
    clock.advance(writing.EXPIRY_GRACE_SECONDS + 1)
    version = store.save("other", "key", 1)
    assert [(change.key, change.stored) for change in store.changes(version)] == [("key", None)]
    assert store.version() == version + 1


def test_a_clock_that_was_wrong_for_a_moment_destroys_nothing(store: Store, clock: Clock) -> None:
    store.save("scope", "key", 1, ttl=100)
    clock.advance(writing.EXPIRY_GRACE_SECONDS)
    store.save("other", "key", 1)
    assert not store.exists("scope", "key")
    clock.advance(-writing.EXPIRY_GRACE_SECONDS)
    assert store.load("scope", "key") == 1


def test_what_has_not_expired_is_kept(store: Store, clock: Clock) -> None:
    store.save("scope", "forever", 1)
    store.save("scope", "long", 1, ttl=365 * DAY)
    clock.advance(364 * DAY)
    store.save("other", "key", 1)
    assert store.list_keys("scope") == ["forever", "long"]


def test_deletions_are_known_for_thirty_days(store: Store, clock: Clock) -> None:
    store.save("scope", "key", 1)
    since = store.save("scope", "other", 1)
    store.delete("scope", "key")
    clock.advance(30 * DAY)
    store.save("scope", "other", 2)
    assert [change.key for change in store.changes(since)] == ["key", "other"]
    clock.advance(1)
    store.save("scope", "other", 3)
    assert known_deletions(store) == []
    assert store.statistics().tombstones == 0


def test_changes_since_a_forgotten_deletion_are_refused(store: Store, clock: Clock) -> None:
    since = store.save("scope", "key", 1)
    store.delete("scope", "key")
    forgotten = store.version()
    clock.advance(31 * DAY)
    now = store.save("scope", "other", 1)
    with pytest.raises(ChangesForgotten, match=f"deletions up to version {forgotten} are forgotten"):
        list(store.changes(since))
    assert [change.key for change in store.changes(0)] == ["other"]
    assert [change.key for change in store.changes(forgotten)] == ["other"]
    assert list(store.changes(now)) == []


def test_changes_since_between_two_forgotten_deletions_are_refused_too(store: Store, clock: Clock) -> None:
    for key in ("first", "second"):
        store.save("scope", key, 1)
    store.delete("scope", "first")
    between = store.version()
    store.delete("scope", "second")
    clock.advance(31 * DAY)
    store.save("scope", "other", 1)
    with pytest.raises(ChangesForgotten):
        list(store.changes(between))


def test_a_fresh_deletion_is_known_although_older_ones_are_forgotten(store: Store, clock: Clock) -> None:
    for key in ("old", "fresh", "kept"):
        store.save("scope", key, 1)
    store.delete("scope", "old")
    clock.advance(31 * DAY)
    store.delete("scope", "fresh")
    store.save("scope", "kept", 2)
    assert known_deletions(store) == ["fresh"]


def test_the_end_of_an_old_entry_is_a_fresh_deletion(store: Store, clock: Clock) -> None:
    store.save("scope", "old", 1, ttl=60 * DAY)
    store.save("scope", "deleted", 1)
    clock.advance(60 * DAY - 10)
    since = store.save("scope", "kept", 1)
    store.delete("scope", "deleted")
    clock.advance(10 + writing.EXPIRY_GRACE_SECONDS)
    store.save("scope", "kept", 2)
    store.save("scope", "kept", 3)
    assert sorted(known_deletions(store)) == ["deleted", "old"]
    assert {change.key for change in store.changes(since)} == {"deleted", "old", "kept"}


def test_only_so_many_deletions_are_known(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "TOMBSTONES_KEPT", 5)
    for number in range(20):
        store.save("scope", f"{number:02}", 1)
    for number in range(20):
        store.delete("scope", f"{number:02}")
    assert known_deletions(store) == ["15", "16", "17", "18", "19"]


def test_the_deletions_of_one_transaction_may_be_forgotten_in_part(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "TOMBSTONES_KEPT", 5)
    for number in range(8):
        store.save("scope", f"{number}", 1)
    before = store.version()
    store.clear("scope")
    with pytest.raises(ChangesForgotten):
        list(store.changes(before))
    assert list(store.changes(store.version())) == []


def test_a_name_comes_back_after_its_deletion_is_forgotten(store: Store, clock: Clock) -> None:
    store.save("scope", "key", 1)
    store.delete("scope", "key")
    clock.advance(31 * DAY)
    version = store.save("scope", "other", 1)
    assert store.save("scope", "key", 2, if_version=0) > version
    assert store.load("scope", "key") == 2


def test_versions_grow_while_things_are_reclaimed(store: Store, clock: Clock) -> None:
    versions = []
    for number in range(40):
        versions.append(store.save("scope", f"{number % 7}", number, ttl=1))
        versions.append(store.version())
        store.delete("scope", f"{(number + 3) % 7}")
        versions.append(store.version())
        clock.advance(11 * DAY)
    assert versions == sorted(versions)
    assert list(store.backend.problems()) == []


def test_only_every_so_many_versions_does_a_commit_reclaim(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "RECLAIM_EVERY", 8)
    store.save("scope", "key", 1, ttl=1)
    clock.advance(writing.EXPIRY_GRACE_SECONDS + 1)
    left = []
    for _ in range(7):
        store.save("other", "key", 1)
        left.append(store.statistics().expired)
    assert left == [1, 1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("verb", ["save", "transaction", "clear"])
def test_a_write_stands_although_reclaiming_failed_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def fail(connection: apsw.Connection, now: float) -> None:
        connection.execute("UPDATE store SET schema_version = 'half done'")
        raise apsw.IOError("the disk failed")

    store.save("cleared", "key", 1)
    monkeypatch.setattr(writing, "reclaim", fail)
    if verb == "save":
        assert store.save("scope", "key", 1) == store.version()
    elif verb == "transaction":
        assert store.transaction(lambda state: state.append("scope", "key", 1)) == 1
    else:
        assert store.clear("cleared") == 1
        return
    monkeypatch.undo()
    assert store.exists("scope", "key")
    assert store.schema_version() == "1.0.0"
    assert store.save("scope", "key", 2) == store.version()

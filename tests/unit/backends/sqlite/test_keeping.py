"""History begins when it is asked for, is trimmed in time, and ends at once."""

import os

import apsw
import pytest

import llmspell
from llmspell import Store
from llmspell.backends.base import Past
from llmspell.backends.sqlite import keeping, layout, writing
from llmspell.backends.sqlite.past import GuardedPast, SqlitePast
from llmspell.batch import Batch, Delete, Note, Put
from llmspell.errors import HistoryError
from tests.clock import Clock

DAY = 86_400.0


@pytest.fixture(autouse=True)
def always_reclaim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every commit reclaim, not only one in many."""
    monkeypatch.setattr(writing, "RECLAIM_EVERY", 1)


@pytest.fixture
def keeper(folder: str, clock: Clock) -> Store:
    return opened(folder, clock, 30)


def opened(folder: str, clock: Clock, days: int) -> Store:
    return llmspell.open(folder, durability="normal", clock=clock, history_days=days)


def past_of(store: Store) -> Past:
    past = store.backend.past()
    assert past is not None
    return past


def count(folder: str, table: str) -> object:
    connection = apsw.Connection(os.path.join(folder, "state.db"))
    number = connection.execute(f"SELECT count(*) FROM {table}").get
    connection.close()
    return number


# Beginning


@pytest.mark.parametrize("found", [1, 2])
def test_a_store_of_an_older_layout_gains_history_with_the_first_write_that_asks(
    folder: str, clock: Clock, found: int
) -> None:
    with opened(folder, clock, 0) as store:
        store.save("scope", "key", "old")
    connection = apsw.Connection(os.path.join(folder, "state.db"))
    if found == 1:
        connection.execute("DROP TABLE notes; PRAGMA user_version = 1")
    connection.close()
    with opened(folder, clock, 30) as asking, opened(folder, clock, 0) as other:
        asking.load("scope", "key")
        asking.delete("scope", "absent") if found == 1 else other.save("scope", "other", 1)
        before = other.version()
        assert other.statistics().layout == (3 if found == 1 else 2)
        clock.advance(5)
        asking.save("scope", "key", "new")
        assert other.statistics().layout == 3
        assert [version.value for version in other.history("scope", "key")] == ["new", "old"]
        assert other.load("scope", "key", at=before) == "old"
        assert other.restore_points().earliest_version == before
        other.backend.revise(clock(), lambda revision: revision.apply((Note("kind", "name", b"1"),)))
        assert other.backend.note("kind", "name") == b"1"
        assert list(other.backend.problems()) == []


def test_a_store_without_history_keeps_the_layout_that_older_programs_know(folder: str, clock: Clock) -> None:
    with opened(folder, clock, 0) as store:
        store.save("scope", "key", 1)
        assert store.statistics().layout == layout.NEW_LAYOUT == 2


def test_a_program_that_asks_for_nothing_records_what_another_asked_for(keeper: Store, clock: Clock) -> None:
    with keeper, opened(keeper.backend._database.name, clock, 0) as other:  # type: ignore[attr-defined]
        other.save("scope", "key", 0)
        keeper.save("scope", "key", 1)
        other.save("scope", "key", 2)
        other.backend.revise(clock(), lambda revision: revision.apply((Put("scope", "key", b"3"),)))
        other.backend.commit(Batch(clock(), (Delete("scope", "key"),)))
        assert [version.value for version in keeper.history("scope", "key")] == [None, 3, 2, 1, 0]


def test_the_last_program_that_asks_sets_the_days(folder: str, clock: Clock) -> None:
    for days, kept in ((30, 30), (7, 7), (0, 7), (90, 90)):
        with opened(folder, clock, days) as store:
            store.save("scope", "key", days)
            assert store.restore_points().history_days == kept
    assert count(folder, "past") == 3


def test_what_was_seen_to_once_is_not_looked_up_at_every_save(
    folder: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    begin = keeping.begin

    def counting(connection: apsw.Connection, days: int, now: float) -> None:
        asked.append(days)
        begin(connection, days, now)

    monkeypatch.setattr(keeping, "begin", counting)
    with opened(folder, clock, 30) as store:
        for number in range(5):
            store.save("scope", "key", number)
    assert asked == [30]


def test_history_that_cannot_begin_stops_the_write_and_is_begun_by_the_next(
    keeper: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(connection: apsw.Connection) -> None:
        connection.execute("CREATE TABLE past (half INTEGER)")
        raise apsw.FullError("the disk is full")

    with keeper, monkeypatch.context() as patched:
        patched.setattr(layout, "add_history", fail)
        with pytest.raises(llmspell.errors.StoreFull):
            keeper.save("scope", "key", 1)
        assert not keeper.exists("scope", "key")
        patched.undo()
        keeper.save("scope", "key", 1)
        assert keeper.restore_points().latest_version == 1


def test_one_read_of_the_past_sees_one_moment(keeper: Store, folder: str, clock: Clock) -> None:
    with keeper, opened(folder, clock, 0) as other:
        keeper.save("scope", "key", 1)

        def read(past: SqlitePast) -> None:
            before = past.window(), past.versions("scope", "key", None)
            other.save("scope", "key", other.version())
            assert (past.window(), past.versions("scope", "key", None)) == before

        past = past_of(keeper)
        assert isinstance(past, GuardedPast)
        past._read(read)
        past._read(read)


# Trimming


def test_what_ended_within_the_days_is_kept(keeper: Store, clock: Clock) -> None:
    with keeper:
        versions = []
        for number in range(31):
            versions.append(keeper.save("scope", "key", number))
            clock.advance(DAY)
        clock.advance(-1)
        keeper.save("other", "key", 1)
        assert [keeper.load("scope", "key", at=version) for version in versions] == list(range(31))


def test_what_ended_before_the_days_is_trimmed_and_refused_by_name(keeper: Store, folder: str, clock: Clock) -> None:
    with keeper:
        for number in range(40):
            keeper.save("scope", "key", number)
            clock.advance(DAY)
        points = keeper.restore_points()
        assert (points.earliest_version, points.latest_version) == (8, 40)
        assert points.earliest_time <= clock() - 30 * DAY
        assert keeper.load("scope", "key", at=clock() - 30 * DAY) == 10
        assert [version.value for version in keeper.history("scope", "key")] == list(range(39, 6, -1))
        for at in (7, points.earliest_time - 1):
            with pytest.raises(HistoryError, match=r"goes from version 8 \(.*\) to version 40 \("):
                keeper.load("scope", "key", at=at)
    assert (count(folder, "past"), count(folder, "moments")) == (32, 33)


def test_a_value_that_is_still_needed_is_kept_however_old_it_is(keeper: Store, clock: Clock) -> None:
    with keeper:
        keeper.save("scope", "old", "still there")
        for number in range(3):
            clock.advance(100 * DAY)
            keeper.save("scope", "key", number)
        keeper.delete("scope", "old")
        earliest = keeper.restore_points().earliest_version
        assert earliest > 1
        assert keeper.load("scope", "old", at=earliest) == "still there"
        assert [version.value for version in keeper.history("scope", "old")] == [None, "still there"]


def test_a_deletion_from_before_the_window_is_no_version_of_the_entry(folder: str, clock: Clock) -> None:
    with opened(folder, clock, 5) as store:
        store.save("scope", "key", 1)
        store.delete("scope", "key")
        for number in range(3):
            clock.advance(6 * DAY)
            store.save("scope", "other", number)
        assert store.statistics().tombstones == 1
        assert store.history("scope", "key") == []


def test_trimming_goes_on_a_bounded_number_at_a_time(
    keeper: Store, folder: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "TRIM_AT_ONCE", 10)
    with keeper:
        for value in (b"1", b"2"):
            keeper.backend.commit(Batch(clock(), tuple(Put("scope", f"{number:02}", value) for number in range(35))))
        clock.advance(31 * DAY)
        left = []
        for number in range(7):
            keeper.save("other", "key", number)
            left.append(count(folder, "past"))
            assert keeper.restore_points().earliest_version == (2 if number else 0)
            if number:
                assert [version.value for version in keeper.history("scope", "34")] == [2]
        assert left == [35, 25, 15, 5, 4, 5, 6]


def test_trimming_keeps_up_with_large_batches(
    keeper: Store, folder: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "TRIM_AT_ONCE", 10)
    with keeper:
        for number in range(60):
            value = b"%d" % number
            keeper.backend.commit(Batch(clock(), tuple(Put("scope", f"{key:02}", value) for key in range(40))))
            clock.advance(10 * DAY)
        held = count(folder, "past")
        assert isinstance(held, int)
        assert held <= 5 * 40


def test_a_clock_that_was_ahead_for_one_write_destroys_nothing(keeper: Store, clock: Clock) -> None:
    with keeper:
        for number in range(5):
            keeper.save("scope", "key", number)
            clock.advance(1)
        clock.advance(1_000 * DAY)
        keeper.save("scope", "key", "from the future")
        clock.advance(-1_000 * DAY)
        for _ in range(3):
            keeper.save("other", "key", 1)
            clock.advance(1)
        assert keeper.restore_points().earliest_version == 0
        assert keeper.load("scope", "key", at=1) == 0


def test_a_clock_that_was_far_behind_for_one_write_destroys_nothing(keeper: Store, clock: Clock) -> None:
    with keeper:
        precious = keeper.save("scope", "key", "precious")
        clock.advance(1)
        keeper.save("other", "key", 0)
        now, clock.now = clock.now, 5.0
        keeper.save("other", "key", "from a machine without a clock")
        clock.now = now + 1
        keeper.save("scope", "key", "broken")
        for number in range(20):
            keeper.save("other", "key", number)
            clock.advance(1)
        assert keeper.restore_points().earliest_version == 0
        assert keeper.load("scope", "key", at=precious) == "precious"
        assert [version.value for version in keeper.history("scope", "key")] == ["broken", "precious"]


def test_many_moments_from_a_clock_that_was_ahead_do_not_stop_trimming(
    keeper: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "TRIM_AT_ONCE", 5)
    monkeypatch.setattr(writing, "RECLAIM_EVERY", 4)
    with keeper:
        keeper.save("scope", "key", "first")
        clock.advance(10_000 * DAY)
        for number in range(20):
            keeper.save("scope", "key", number)
        clock.advance(-10_000 * DAY)
        for number in range(300):
            keeper.save("scope", "key", number)
            clock.advance(DAY)
        assert past_of(keeper).window().from_version > 280


# Ending


def test_stopping_gives_up_the_past_and_keeps_the_present(keeper: Store, folder: str, clock: Clock) -> None:
    with keeper, opened(folder, clock, 0) as other:
        keeper.save("scope", "key", "secret")
        keeper.save("scope", "key", "open")
        other.stop_history()
        assert (keeper.load("scope", "key"), keeper.version()) == ("open", 2)
        keeper.save("scope", "key", "later")
        assert not other.history_enabled
        assert keeper.statistics().layout == 3
        assert list(keeper.backend.problems()) == []
    connection = apsw.Connection(os.path.join(folder, "state.db"))
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    connection.close()
    assert not names & {"past", "moments", "keeping", "history_follows_insert", "history_follows_update"}
    with opened(folder, clock, 5) as again:
        again.save("scope", "key", "once more")
        assert [version.value for version in again.history("scope", "key")] == ["once more", "later"]


def test_stopping_is_done_whole_or_not_at_all(keeper: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: apsw.Connection) -> None:
        connection.execute("DROP TRIGGER history_follows_update")
        raise apsw.IOError("the disk failed")

    with keeper:
        keeper.save("scope", "key", 1)
        with monkeypatch.context() as patched:
            patched.setattr(layout, "drop_history", fail)
            with pytest.raises(llmspell.errors.StoreUnavailable):
                keeper.stop_history()
        keeper.save("scope", "key", 2)
        assert keeper.load("scope", "key", at=1) == 1


def test_nothing_is_stopped_by_what_a_migration_calls(keeper: Store, clock: Clock) -> None:
    with keeper:
        keeper.save("scope", "key", 1)
        with pytest.raises(llmspell.InvalidArgument, match="write when it is done"):
            keeper.backend.revise(clock(), lambda revision: keeper.stop_history())
        assert keeper.history_enabled

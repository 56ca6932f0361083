"""The past of a store is read by its verbs: what is known, what is not, and what the errors say."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

import llmspell
from llmspell import Store
from llmspell.backends.base import Capabilities
from llmspell.backends.registry import BackendOptions, open_backend
from llmspell.backends.sqlite import writing
from llmspell.entry import Stored
from llmspell.errors import HistoryError, InvalidArgument
from llmspell.history.points import At, Point, iso8601
from llmspell.history.results import Difference, Points, Version
from tests.clock import Clock

DAY = 86_400.0


@pytest.fixture(params=["disk", "memory"])
def keeper(request: pytest.FixtureRequest, folder: str, clock: Clock) -> Iterator[Store]:
    """An open, empty store of each backend that keeps history."""
    with llmspell.open(folder, backend=request.param, durability="normal", clock=clock, history_days=30) as store:
        yield store


def every_read(store: Store) -> list[Callable[[], object]]:
    return [
        lambda: store.history("scope", "key"),
        lambda: store.load("scope", "key", at=1),
        lambda: store.diff("scope", 1),
        lambda: store.restore_points(),
    ]


# History of an entry


def test_the_versions_of_an_entry_are_told_newest_first(keeper: Store, clock: Clock) -> None:
    begun = clock()
    keeper.save("scope", "key", {"n": 1}, ttl=60)
    clock.advance(10)
    keeper.save("scope", "key", [2])
    clock.advance(10)
    keeper.delete("scope", "key")
    assert keeper.history("scope", "key") == [
        Version(3, begun + 20, None, True, begun, begun + 20, None),
        Version(2, begun + 10, [2], False, begun, begun + 10, None),
        Version(1, begun, {"n": 1}, False, begun, begun, begun + 60),
    ]


def test_at_most_a_hundred_versions_are_told_unless_more_are_asked_for(keeper: Store) -> None:
    for number in range(120):
        keeper.save("scope", "key", number)
    assert [version.value for version in keeper.history("scope", "key")] == list(range(119, 19, -1))
    assert len(keeper.history("scope", "key", limit=None)) == 120
    assert [version.value for version in keeper.history("scope", "key", limit=1)] == [119]
    with pytest.raises(InvalidArgument, match="limit must be a whole number"):
        keeper.history("scope", "key", limit=-1)


def test_an_entry_that_expired_and_was_reclaimed_ends_with_a_deletion(
    keeper: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "RECLAIM_EVERY", 1)
    version = keeper.save("scope", "key", 1, ttl=60)
    moment = clock()
    clock.advance(writing.EXPIRY_GRACE_SECONDS + 61)
    keeper.save("other", "key", 1)
    assert [(one.version, one.value, one.deleted) for one in keeper.history("scope", "key")] == [
        (version + 2, None, True),
        (version, 1, False),
    ]
    assert keeper.load("scope", "key", at=version) == 1
    assert keeper.load("scope", "key", at=moment + 59) == 1
    assert keeper.load("scope", "key", at=moment + 60) is None


# Loading at a point


def test_a_value_is_loaded_at_versions_and_moments(keeper: Store, clock: Clock) -> None:
    first, at = keeper.save("scope", "key", "old"), clock()
    clock.advance(10)
    second = keeper.save("scope", "key", "new")
    old: list[At] = [first, at, at + 9.9, {"version": first}, Point(time=at)]
    for point in old:
        assert keeper.load("scope", "key", at=point) == "old"
    new: list[At] = [second, at + 10, at + 60, {"time": at + 10}]
    for point in new:
        assert keeper.load("scope", "key", at=point) == "new"
    assert keeper.load("scope", "key", "none", at=0) == "none"
    assert keeper.load("scope", "key", at=0) is None


def test_an_entry_is_loaded_as_it_had_expired_at_that_moment(keeper: Store, clock: Clock) -> None:
    at = clock()
    keeper.save("scope", "key", 1, ttl=5)
    clock.advance(10)
    version = keeper.save("other", "key", 1)
    assert keeper.load("scope", "key", at=at + 4) == 1
    assert keeper.load("scope", "key", at=at + 5) is None
    assert keeper.load("scope", "key", at=version) is None
    assert keeper.load("scope", "key", at=version - 1) == 1


def test_points_outside_of_what_is_known_are_refused_with_what_is_known(keeper: Store, clock: Clock) -> None:
    keeper.save("scope", "key", 1)
    begun = clock()
    clock.advance(10)
    keeper.save("scope", "key", 2)
    outside: dict[str, At] = {
        "version 3": 3,
        "version 1000000000000": {"version": 10**12},
        iso8601(begun - 1): begun - 1,
        iso8601(clock() + 61): clock() + 61,
        "1e+300 epoch seconds": 1e300,
    }
    for words, at in outside.items():
        reads = (partial(keeper.load, "scope", "key", at=at), partial(keeper.diff, "scope", at))
        for read in reads:
            with pytest.raises(HistoryError) as raised:
                read()
            assert str(raised.value) == (
                f"{words} is not known to the history of the store, which goes from version 0 ({iso8601(begun)}) "
                f"to version 2 ({iso8601(clock())}); name a point in between"
            )
    assert keeper.load("scope", "key", at=clock() + 60) == 2


def test_a_clock_that_was_set_back_lets_versions_be_named(keeper: Store, clock: Clock) -> None:
    at = clock()
    keeper.save("scope", "key", 1)
    clock.advance(1_000)
    ahead = keeper.save("scope", "key", 2)
    clock.advance(-900)
    behind = keeper.save("scope", "key", 3)
    with pytest.raises(HistoryError, match=f"between version {ahead} and version {behind} .*name a version instead"):
        keeper.load("scope", "key", at=at + 500)
    assert [keeper.load("scope", "key", at=version) for version in (1, 2, 3)] == [1, 2, 3]


def test_the_last_moment_is_known_to_a_program_whose_clock_is_behind(keeper: Store, clock: Clock) -> None:
    keeper.save("scope", "key", 1)
    at = clock()
    clock.advance(-1_000)
    assert keeper.load("scope", "key", at=at) == keeper.load("scope", "key", at=at + 60) == 1


def test_the_past_inside_a_transaction_is_what_was_committed(keeper: Store) -> None:
    version = keeper.save("scope", "key", 1)
    with keeper.transaction() as state:
        state.save("scope", "key", 2)
        assert keeper.load("scope", "key") == 2
        assert keeper.load("scope", "key", at=version) == 1
        assert [one.value for one in keeper.history("scope", "key")] == [1]
        assert keeper.diff("scope", version) == []


def test_names_are_looked_at_before_anything_else(keeper: Store) -> None:
    keeper.save("scope", "key", 1)
    for read in (
        lambda: keeper.load("", "key", at=1),
        lambda: keeper.history("scope", ""),
        lambda: keeper.diff("", 1),
        lambda: keeper.load("scope", "key", at=True),
    ):
        with pytest.raises(InvalidArgument):
            read()


# Differences


def test_a_difference_tells_what_was_added_changed_and_removed_in_byte_order(keeper: Store) -> None:
    for key in ("é", "b", "gone", "same", "touched"):
        keeper.save("scope", key, 1)
    before = keeper.version()
    keeper.save("other", "key", 1)
    keeper.save("scope", "é", 2)
    keeper.save("scope", "b", 1.0)
    keeper.save("scope", "same", 2)
    keeper.save("scope", "same", 1)
    keeper.touch("scope", "touched", 60)
    keeper.delete("scope", "gone")
    keeper.save("scope", "added", {"a": []})
    after = keeper.version()
    expected = [
        Difference("added", "added", None, {"a": []}),
        Difference("b", "changed", 1, 1.0),
        Difference("gone", "removed", 1, None),
        Difference("é", "changed", 1, 2),
    ]
    assert keeper.diff("scope", before) == keeper.diff("scope", before, after) == expected
    assert keeper.diff("scope", after, before)[0] == Difference("added", "removed", {"a": []}, None)
    assert keeper.diff("scope", after) == keeper.diff("scope", before, before) == []


def test_what_has_expired_by_now_is_removed_in_a_difference_to_now(keeper: Store, clock: Clock) -> None:
    version = keeper.save("scope", "key", 1, ttl=5)
    assert keeper.diff("scope", version) == []
    clock.advance(5)
    assert keeper.diff("scope", version) == [Difference("key", "removed", 1, None)]


def test_the_first_moment_can_be_named_by_its_text(keeper: Store, clock: Clock) -> None:
    clock.advance(0.0007)
    keeper.save("scope", "key", 1)
    at = iso8601(keeper.restore_points().earliest_time)
    assert keeper.load("scope", "key", "none", at=at) == "none"
    with pytest.raises(HistoryError):
        keeper.load("scope", "key", at=clock() - 0.002)


# What can be named, and when nothing can


def test_the_restore_points_are_the_truth(keeper: Store, clock: Clock) -> None:
    begun = clock()
    for number in range(3):
        keeper.save("scope", "key", number)
        clock.advance(10)
    points = keeper.restore_points()
    assert points == Points(0, begun, 3, begun + 20, 30, 4)
    for at in (points.earliest_version, points.latest_version, points.earliest_time, points.latest_time):
        keeper.load("scope", "key", at=at)


def test_a_store_without_history_says_how_to_get_it(store: Store) -> None:
    store.save("scope", "key", 1)
    assert not store.history_enabled
    for read in every_read(store):
        with pytest.raises(HistoryError, match=r"keeps no history; open it with history_days=N, or with history_days"):
            read()


def test_before_the_first_write_it_is_said_that_history_begins_with_it(keeper: Store) -> None:
    assert keeper.history_enabled
    for read in every_read(keeper):
        with pytest.raises(HistoryError, match="history_days = 30: it begins with the next write"):
            read()
    keeper.save("scope", "key", 1)
    for read in every_read(keeper):
        read()


def test_history_that_was_stopped_is_over(keeper: Store) -> None:
    keeper.save("scope", "key", 1)
    keeper.stop_history()
    keeper.save("scope", "key", 2)
    assert not keeper.history_enabled
    for read in every_read(keeper):
        with pytest.raises(HistoryError, match="keeps no history; open it"):
            read()
    assert keeper.load("scope", "key") == 2


def test_a_program_that_did_not_ask_may_read_what_is_kept(folder: str) -> None:
    with llmspell.open(folder, history_days=5) as store:
        version = store.save("scope", "key", 1)
    with llmspell.open(folder) as store:
        store.save("scope", "key", 2)
        assert store.history_enabled
        assert store.load("scope", "key", at=version) == 1
        assert store.restore_points().history_days == 5


def test_what_is_trimmed_while_it_is_read_is_refused_and_not_half_told(
    keeper: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "RECLAIM_EVERY", 1)
    for number in range(3):
        keeper.save("scope", "key", number)
    past = keeper.backend.past()
    assert past is not None
    get = past.get

    def get_overtaken(scope: str, key: str, version: int, moment: float) -> Stored | None:
        """Let others trim just before an entry is read."""
        clock.advance(40 * DAY)
        for _ in range(2):
            keeper.save("scope", "key", "later")
        return get(scope, key, version, moment)

    monkeypatch.setattr(past, "get", get_overtaken)
    monkeypatch.setattr(keeper.backend, "past", lambda: past)
    with pytest.raises(HistoryError, match="version 1 is not known"):
        keeper.load("scope", "key", at=1)


def test_a_backend_that_cannot_keep_history_is_refused(folder: str) -> None:
    backend = open_backend("memory", BackendOptions(folder, "full", "1.0.0"))
    backend.capabilities = Capabilities(persistent=False, shared=False)  # type: ignore[misc]
    with pytest.raises(InvalidArgument, match="history_days = 3 was asked for, but this backend keeps no history"):
        Store(backend, history_days=3)
    Store(backend).close()

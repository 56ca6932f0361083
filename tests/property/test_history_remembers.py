"""History tells what the store was at every version and moment of its window, whatever was done to it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import llmspell
from llmspell import State, Store, codec
from llmspell.backends.base import Revision
from llmspell.backends.sqlite import writing
from llmspell.batch import Batch, Delete, Move, Note, Put
from llmspell.entry import Written
from llmspell.history.results import Difference
from tests.clock import Clock

SCOPES = ["a", "é", "' --"]
KEYS = ["k", "K", "日"]
DAYS = 30
DAY_SECONDS = 86_400.0

scopes, keys = st.sampled_from(SCOPES), st.sampled_from(KEYS)
ttls = st.none() | st.sampled_from([1, 50, 4_000])

Place: TypeAlias = tuple[str, str]
Raw: TypeAlias = dict[Place, Written]
"""Everything that the engine holds and that is not deleted, expired or not."""


class Undone(Exception):
    """Raised to undo a revision."""


class Known(NamedTuple):
    at: float
    raw: Raw

    def live(self, moment: float) -> Raw:
        return {place: written for place, written in self.raw.items() if written[5] is None or written[5] > moment}


class HistoryRemembers(RuleBasedStateMachine):
    """One store opened twice, with history and without, and what it held after every version."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.clock = Clock()
        self.usual = writing.RECLAIM_EVERY
        self.number = 0
        self.known: dict[int, Known] = {}
        self.stores: list[Store] = []
        self.first = 0

    @initialize(every=st.sampled_from([1, 5, 256]), older=st.integers(0, 3))
    def begin(self, every: int, older: int) -> None:
        writing.RECLAIM_EVERY = every
        self.stores = self.open()
        if len(self.stores) > 1:
            for number in range(older):
                self.stores[1].save("a", KEYS[number], "older", ttl=4_000)
        self.first = self.stores[0].version()
        self.begun = self.clock()
        self.known[self.first] = Known(self.begun, self.raw())
        self.do(0, lambda store: store.save("a", "begins", 1))

    def open(self) -> list[Store]:
        path = f"{self.folder}/state"
        return [llmspell.open(path, durability="normal", clock=self.clock, history_days=days) for days in (DAYS, 0)]

    def raw(self) -> Raw:
        return {
            (written[0], written[1]): written
            for written in self.stores[0].backend.written(0, 0.0)
            if written[6] is not None
        }

    def value(self) -> int:
        self.number += 1
        return self.number

    def do(self, which: int, deed: Callable[[Store], object], reclaims: bool = True) -> None:
        """Do it, and remember what is there for every version that it made."""
        store = self.stores[which % len(self.stores)]
        before, held = store.version(), self.raw()
        deed(store)
        after, now, holds = store.version(), self.clock(), self.raw()
        if after == before:
            assert holds == held
            return
        if reclaims and after == before + 2:  # what had expired long ago was reclaimed with a version of its own
            gone = {place: held[place] for place in held.keys() - holds.keys() if (held[place][5] or now) < now}
            self.known[before + 1] = Known(now, {**holds, **gone})
        self.known[after] = Known(now, holds)

    which = st.integers(0, 1)

    @rule(which=which, scope=scopes, key=keys, ttl=ttls)
    def save(self, which: int, scope: str, key: str, ttl: float | None) -> None:
        self.do(which, lambda store: store.save(scope, key, self.value(), ttl=ttl))

    @rule(which=which, scope=scopes, key=keys)
    def delete(self, which: int, scope: str, key: str) -> None:
        self.do(which, lambda store: store.delete(scope, key))

    @rule(which=which, scope=scopes, key=keys, ttl=ttls)
    def touch(self, which: int, scope: str, key: str, ttl: float | None) -> None:
        self.do(which, lambda store: store.touch(scope, key, ttl))

    @rule(which=which, scope=scopes)
    def clear(self, which: int, scope: str) -> None:
        self.do(which, lambda store: store.clear(scope))

    @rule(which=which, places=st.lists(st.tuples(scopes, keys, st.booleans()), max_size=5))
    def several_in_a_transaction(self, which: int, places: list[tuple[str, str, bool]]) -> None:
        def deed(state: State) -> None:
            for scope, key, keep in places:
                if keep:
                    state.save(scope, key, self.value())
                else:
                    state.delete(scope, key)

        self.do(which, lambda store: store.transaction(deed))

    @rule(which=which, scope=scopes, key=keys, back=st.sampled_from([0.5, 1e6]), ttl=ttls)
    def bring_times_along(self, which: int, scope: str, key: str, back: float, ttl: float | None) -> None:
        now = self.clock()
        put = Put(scope, key, b"%d" % self.value(), ttl and now + ttl, now - back, now - back)
        other = Put(scope, "other", b"%d" % self.value())
        self.do(which, lambda store: store.backend.commit(Batch(now, (put, other, Delete(scope, "absent")))))

    @rule(which=which, scope=scopes, key=keys, to_scope=scopes, to_key=keys, undo=st.booleans())
    def migrate(self, which: int, scope: str, key: str, to_scope: str, to_key: str, undo: bool) -> None:
        def work(revision: Revision) -> None:
            for _ in range(2):
                revision.rewrite(scope, None, 2, lambda key, text, version, created_at: b"[%s]" % text)
            revision.apply((Note("kind", "name", b"1"), Put("a", "made", b"%d" % self.value())))
            if (scope, key) != (to_scope, to_key) and revision.get(to_scope, to_key, self.clock()) is None:
                revision.apply((Move(scope, key, to_scope, to_key),))
            if undo:
                raise Undone

        if undo:
            with pytest.raises(Undone):
                self.stores[which % len(self.stores)].backend.revise(self.clock(), work)
        else:
            self.do(which, lambda store: store.backend.revise(self.clock(), work), reclaims=False)

    @rule(which=which, picked=st.integers(0, 10**6), ahead=st.sampled_from([0, 1, 7]))
    def restore_an_earlier_state(self, which: int, picked: int, ahead: int) -> None:
        known = list(self.known.values())[picked % len(self.known)]

        def work(revision: Revision) -> None:
            revision.advance(revision.version() + ahead)
            revision.put_all(list(known.raw.values()))
            revision.remove_rest()

        self.do(which, lambda store: store.backend.revise(self.clock(), work), reclaims=False)

    @rule(seconds=st.sampled_from([0.0, 0.25, 60.0, 4_000.0, 10 * DAY_SECONDS, 31 * DAY_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.stores and self.stores[0].capabilities.persistent)
    @rule()
    def open_again(self) -> None:
        for store in self.stores:
            store.close()
        self.stores = self.open()

    @rule()
    def it_is_all_remembered(self) -> None:
        for store in self.stores:
            self.check(store)

    def check(self, store: Store) -> None:
        now, points, past = self.clock(), store.restore_points(), store.backend.past()
        assert past is not None
        first, last = points.earliest_version, points.latest_version
        assert self.first <= first <= last == store.version()
        assert points.versions == last - first + 1
        self.first = first
        assert points.earliest_time == self.known[first].at <= max(self.begun, now - DAYS * DAY_SECONDS)
        made = sorted(version for version in self.known if version >= first)
        assert made[0] == first
        assert points.latest_time == self.known[made[-1]].at
        for version in range(first, last + 1):
            known = self.known[max(one for one in made if one <= version)]
            self.check_state(store, version, version, known.at, known)
        moments = sorted({self.known[version].at for version in made})
        for moment in (*moments, *(moment + 0.125 for moment in moments)):
            if moment <= now:
                version = max(one for one in made if self.known[one].at <= moment)
                self.check_state(store, moment, version, moment, self.known[version])
        self.check_differences(store, made)
        for scope in SCOPES:
            for key in (*KEYS, "other"):
                self.check_history(store, (scope, key), made)

    def check_state(self, store: Store, at: float, version: int, moment: float, known: Known) -> None:
        past, live = store.backend.past(), known.live(moment)
        assert past is not None
        if type(at) is float:
            assert past.version_at(at) == version
        found = list(past.written_at(version, moment))
        assert sorted(found, key=repr) == sorted(live.values(), key=repr)
        assert past.scopes(version, moment) == sorted({scope for scope, _ in live}, key=str.encode)
        for scope in SCOPES:
            expected = sorted((key, written[2]) for (of, key), written in live.items() if of == scope)
            assert past.keys(scope, version, moment) == expected
            for key in KEYS:
                written = live.get((scope, key))
                value = None if written is None else codec.decode(written[6] or b"")
                assert store.load(scope, key, at=at) == value

    def check_differences(self, store: Store, made: list[int]) -> None:
        for before, after in ((made[0], made[-1]), (made[-1], made[len(made) // 2])):
            was, now = (
                {key: codec.decode(one[6] or b"") for (of, key), one in known.live(known.at).items() if of == "a"}
                for known in (self.known[before], self.known[after])
            )
            expected = [
                Difference(
                    key,
                    "changed" if key in was and key in now else "added" if key in now else "removed",
                    was.get(key),
                    now.get(key),
                )
                for key in sorted(was.keys() | now.keys(), key=str.encode)
                if was.get(key) != now.get(key)
            ]
            assert store.diff("a", before, after) == expected

    def check_history(self, store: Store, place: Place, made: list[int]) -> None:
        expected: list[tuple[int, object, object]] = []
        there: Written | None = None
        for version in made:
            at, raw = self.known[version]
            written = raw.get(place)
            if written is not None and (there is None or written[2] != there[2]):
                known_since = self.known[written[2]].at if written[2] in made else None
                expired = written[5] is not None and written[5] <= (known_since or written[4])
                value = None if expired else codec.decode(written[6] or b"")
                expected.append((written[2], value, (expired, *written[3:6])))
            elif written is None and there is not None:
                expected.append((version, None, at))
            there = written
        found = store.history(*place, limit=None)
        assert [
            (one.version, one.value, (one.deleted, *one[4:]) if one.value is not None or one.expires_at else one.at)
            for one in found
        ] == expected[::-1]
        assert all(one.at == self.known[one.version].at for one in found if one.version in made)
        assert store.history(*place, limit=2) == found[:2]

    def teardown(self) -> None:
        writing.RECLAIM_EVERY = self.usual
        if self.stores:
            self.it_is_all_remembered()
            assert list(self.stores[0].backend.problems()) == []
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)


class HistoryInMemoryRemembers(HistoryRemembers):
    """A store in memory, opened once."""

    def open(self) -> list[Store]:
        return [llmspell.open(backend="memory", clock=self.clock, history_days=DAYS)]


TestHistoryOnDisk = HistoryRemembers.TestCase
TestHistoryOnDisk.settings = settings(max_examples=25, stateful_step_count=20)
TestHistoryInMemory = HistoryInMemoryRemembers.TestCase
TestHistoryInMemory.settings = settings(max_examples=25, stateful_step_count=20)


@pytest.mark.soak
@pytest.mark.parametrize("machine", [HistoryRemembers, HistoryInMemoryRemembers])
def test_history_remembers_for_long(machine: type[HistoryRemembers]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=500, stateful_step_count=60))

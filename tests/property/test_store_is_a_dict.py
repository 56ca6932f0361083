"""A store is a dict that also knows versions, times and expiry, whatever is done to it in whatever order."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import llmspell
from llmspell import Conflict, InvalidArgument, InvalidValue, JsonValue, State, Store
from llmspell.backends.sqlite import writing
from llmspell.limits import MAX_INTEGER, MIN_INTEGER
from tests.clock import Clock
from tests.property.test_laws import values

SCOPES = ["global", "a:b", "a", "A", "..", "/", "é", "e\u0301", "\U0010ffff", "' OR 1=1 --", "s" * 256]
KEYS = ["c", "b:c", "key", "%", "_", '"; DROP TABLE entries; --', "\n", "👩\u200d🚀", "\ud7ff", "\ue000", "k" * 512]
BAD = ["", "\0", "a\0b", "\ud800", "x" * 513, "é" * 257]

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
scopes = st.sampled_from(SCOPES[:4]) | st.sampled_from(SCOPES) | text
keys = st.sampled_from(KEYS[:4]) | st.sampled_from(KEYS) | text
ttls = st.none() | st.sampled_from([0.25, 1, 2.5, 60])
integers = st.integers(-5, 5) | st.sampled_from([MAX_INTEGER, MIN_INTEGER, 2**53])


class Known(NamedTuple):
    """What the model knows of an entry."""

    value: JsonValue
    created_at: float
    updated_at: float
    expires_at: float | None


class Model:
    """The dict that a store is compared with. Each method says what the verb of that name must give."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Known] = {}

    def live(self, scope: str, key: str, now: float) -> Known | None:
        known = self.entries.get((scope, key))
        return known if known and (known.expires_at is None or known.expires_at > now) else None

    def save(self, scope: str, key: str, value: JsonValue, expires_at: float | None, now: float) -> None:
        before = self.live(scope, key, now)
        self.entries.pop((scope, key), None)
        if value is not None:
            self.entries[scope, key] = Known(value, before.created_at if before else now, now, expires_at)

    def rewrite(self, scope: str, key: str, value: JsonValue, now: float) -> None:
        before = self.live(scope, key, now)
        self.save(scope, key, value, before.expires_at if before else None, now)

    def keys(self, scope: str, now: float) -> list[str]:
        return sorted((key for of, key in self.entries if of == scope and self.live(of, key, now)), key=str.encode)

    def scopes(self, now: float) -> list[str]:
        return sorted({scope for scope, key in self.entries if self.live(scope, key, now)}, key=str.encode)


Step: TypeAlias = Callable[[State, Model, float], None]
"""One thing done to a state and to the model, at a moment; it fails where they differ."""


def saving(scope: str, key: str, value: JsonValue, ttl: float | None) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        state.save(scope, key, value, ttl=ttl)
        model.save(scope, key, value, None if ttl is None else now + ttl, now)

    return step


def saving_expected(scope: str, key: str, value: JsonValue, right: bool) -> Step:
    """Save with the version that the entry has, or with another."""

    def step(state: State, model: Model, now: float) -> None:
        entry = state.entry(scope, key)
        version = entry.version if entry else 0
        own_write = entry is not None and version == 0
        if right and not own_write:
            state.save(scope, key, value, if_version=version)
            model.save(scope, key, value, None, now)
        else:
            with pytest.raises(Conflict) as raised:
                state.save(scope, key, value, if_version=version + 1)
            assert (raised.value.scope, raised.value.key, raised.value.expected) == (scope, key, version + 1)
            assert raised.value.actual == (-1 if own_write else version)

    return step


def loading(scope: str, key: str) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        known, default = model.live(scope, key, now), object()
        assert repr(state.load(scope, key, default)) == repr(known.value if known else default)
        assert state.exists(scope, key) == (known is not None)
        entry = state.entry(scope, key)
        assert (entry and (entry.value, *entry[4:])) == known

    return step


def deleting(scope: str, key: str) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        assert state.delete(scope, key) == (model.live(scope, key, now) is not None)
        model.entries.pop((scope, key), None)

    return step


def listing(scope: str, prefix: str, after: str | None, limit: int | None) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        found = [key for key in model.keys(scope, now) if key.startswith(prefix)]
        found = [key for key in found if after is None or key.encode() > after.encode()]
        assert state.list_keys(scope, prefix=prefix, after=after, limit=limit) == found[:limit]
        assert state.scopes(prefix) == [scope for scope in model.scopes(now) if scope.startswith(prefix)]

    return step


def clearing(scope: str) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        gone = model.keys(scope, now)
        assert state.clear(scope) == len(gone)
        for key in gone:
            del model.entries[scope, key]

    return step


def incrementing(scope: str, key: str, by: int | float) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        known = model.live(scope, key, now)
        before = known.value if known else 0
        if type(before) not in (int, float):
            with pytest.raises(InvalidArgument, match="holds no number"):
                state.increment(scope, key, by)
            return
        total = before + by  # type: ignore[operator]
        if isinstance(total, int) and not MIN_INTEGER <= total <= MAX_INTEGER:
            with pytest.raises(InvalidValue, match="beyond 64 bits"):
                state.increment(scope, key, by)
            return
        assert repr(state.increment(scope, key, by)) == repr(total)
        model.rewrite(scope, key, total, now)

    return step


def appending(scope: str, key: str, item: JsonValue, keep: int | None) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        known = model.live(scope, key, now)
        before = known.value if known else []
        if not isinstance(before, list):
            with pytest.raises(InvalidArgument, match="holds no array"):
                state.append(scope, key, item, keep=keep)
            return
        after = [*before, item] if keep is None else [*before, item][-keep:]
        assert state.append(scope, key, item, keep=keep) == len(after)
        model.rewrite(scope, key, after, now)

    return step


def updating(scope: str, key: str, default: JsonValue, to: JsonValue) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        known = model.live(scope, key, now)
        before = known.value if known else default
        after = None if to is None else [before, to]
        assert repr(state.update(scope, key, lambda old: None if to is None else [old, to], default)) == repr(after)
        model.rewrite(scope, key, after, now)

    return step


def touching(scope: str, key: str, ttl: float | None) -> Step:
    def step(state: State, model: Model, now: float) -> None:
        known = model.live(scope, key, now)
        assert state.touch(scope, key, ttl) == (known is not None)
        if known:
            model.entries[scope, key] = known._replace(expires_at=None if ttl is None else now + ttl)

    return step


def refusing(bad: str, good: str) -> Step:
    """Every verb refuses a bad name, and nothing changes."""

    def step(state: State, model: Model, now: float) -> None:
        for scope, key in ((bad, good), (good, bad)):
            for call in (state.load, state.delete, state.exists, state.entry, state.increment, state.touch):
                with pytest.raises(InvalidArgument):
                    call(scope, key)
            with pytest.raises(InvalidArgument):
                state.save(scope, key, 1)

    return step


steps = st.one_of(
    st.builds(saving, scopes, keys, values | integers, ttls),
    st.builds(saving, scopes, keys, integers | st.just([]), ttls),
    st.builds(saving_expected, scopes, keys, values, st.booleans()),
    st.builds(loading, scopes, keys),
    st.builds(deleting, scopes, keys),
    st.builds(
        listing, scopes, st.just("") | keys.map(lambda key: key[:1]), st.none() | keys, st.none() | st.integers(0, 4)
    ),
    st.builds(clearing, scopes),
    st.builds(incrementing, scopes, keys, integers | st.sampled_from([0.5, -0.0, 1e16])),
    st.builds(appending, scopes, keys, values, st.none() | st.integers(1, 3)),
    st.builds(updating, scopes, keys, values, values),
    st.builds(touching, scopes, keys, ttls),
    st.builds(refusing, st.sampled_from(BAD), st.sampled_from(KEYS[:4])),
)


class Undone(Exception):
    """Raised to undo a transaction."""


class StoreIsADict(RuleBasedStateMachine):
    """Two openings of one store on disk."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.clock = Clock()
        self.model = Model()
        self.version = 0
        self.reclaim_every = writing.RECLAIM_EVERY
        self.stores: list[Store] = []

    @initialize(reclaim_every=st.sampled_from([1, 7, 256]))
    def begin(self, reclaim_every: int) -> None:
        writing.RECLAIM_EVERY = reclaim_every
        self.stores = self.open()

    def open(self) -> list[Store]:
        return [llmspell.open(f"{self.folder}/state", durability="normal", clock=self.clock) for _ in range(2)]

    @rule(which=st.integers(0, 1), step=steps)
    def do(self, which: int, step: Step) -> None:
        step(self.stores[which % len(self.stores)], self.model, self.clock())

    @rule(which=st.integers(0, 1), several=st.lists(steps, max_size=6), end=st.sampled_from(["commit", "undo"]))
    def do_in_one_transaction(self, which: int, several: list[Step], end: str) -> None:
        store, model = self.stores[which % len(self.stores)], copy.deepcopy(self.model)

        def run(state: State) -> None:
            for number, step in enumerate(several):
                step(store if number % 2 else state, model, self.clock())  # on either, it is the transaction
            if end == "undo":
                raise Undone

        if end == "undo":
            with pytest.raises(Undone):
                store.transaction(run)
        else:
            store.transaction(run)
            self.model = model

    @rule(seconds=st.sampled_from([0.25, 1, 2.5, 60, 4_000, 31 * 86_400]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.stores and self.stores[0].capabilities.persistent)
    @rule()
    def open_again(self) -> None:
        for store in self.stores:
            store.close()
        self.stores = self.open()

    @invariant()
    def they_are_equal(self) -> None:
        now = self.clock()
        for store in self.stores:
            assert store.scopes() == self.model.scopes(now)
            for scope in store.scopes():
                assert store.list_keys(scope) == self.model.keys(scope, now)
                for key in store.list_keys(scope):
                    loading(scope, key)(store, self.model, now)

    @invariant()
    def the_version_only_grows(self) -> None:
        for store in self.stores:
            assert store.version() >= self.version
            self.version = store.version()

    @invariant()
    def the_changes_are_the_entries(self) -> None:
        for store in self.stores[:1]:
            changes = list(store.changes())
            assert [change.version for change in changes] == sorted(change.version for change in changes)
            told = {(change.scope, change.key) for change in changes if change.stored}
            now = self.clock()
            assert told == {place for place in self.model.entries if self.model.live(*place, now)}

    def teardown(self) -> None:
        writing.RECLAIM_EVERY = self.reclaim_every
        for store in self.stores:
            assert list(store.backend.problems()) == []
            store.close()
        shutil.rmtree(self.folder)


class StoreInMemoryIsADict(StoreIsADict):
    """A store in memory, opened once."""

    def open(self) -> list[Store]:
        return [llmspell.open(backend="memory", clock=self.clock)]


TestStoreOnDisk = StoreIsADict.TestCase
TestStoreOnDisk.settings = settings(max_examples=60, stateful_step_count=30)
TestStoreInMemory = StoreInMemoryIsADict.TestCase
TestStoreInMemory.settings = settings(max_examples=60, stateful_step_count=30)


@pytest.mark.soak
@pytest.mark.parametrize("machine", [StoreIsADict, StoreInMemoryIsADict])
def test_a_store_stays_a_dict_for_long(machine: type[StoreIsADict]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=1_000, stateful_step_count=60))

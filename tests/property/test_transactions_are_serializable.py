"""However transactions interleave, what they saw and left is what some order of them, one by one, gives."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Protocol, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llmspell
from llmspell import Conflict, JsonValue, State, Store
from llmspell.transaction import Transaction

Contents: TypeAlias = dict[tuple[str, str], JsonValue]
Operation: TypeAlias = tuple[str, str, str]
"""A verb, a scope, and a key or prefix."""


class Verbs(Protocol):
    """What is used of a state here, so that a dict can stand beside it."""

    def load(self, scope: str, key: str) -> JsonValue: ...
    def save(self, scope: str, key: str, value: JsonValue) -> object: ...
    def delete(self, scope: str, key: str) -> bool: ...
    def list_keys(
        self, scope: str, *, prefix: str = "", after: str | None = None, limit: int | None = None
    ) -> list[str]: ...
    def scopes(self, prefix: str = "") -> list[str]: ...
    def clear(self, scope: str) -> int: ...


class Dict:
    """The verbs on a dict, one transaction after the other."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def load(self, scope: str, key: str) -> JsonValue:
        return self.contents.get((scope, key))

    def save(self, scope: str, key: str, value: JsonValue) -> None:
        self.contents[scope, key] = value

    def delete(self, scope: str, key: str) -> bool:
        return self.contents.pop((scope, key), None) is not None

    def list_keys(
        self, scope: str, *, prefix: str = "", after: str | None = None, limit: int | None = None
    ) -> list[str]:
        keys = sorted(key for of, key in self.contents if of == scope and key.startswith(prefix))
        return [key for key in keys if after is None or key > after][:limit]

    def scopes(self, prefix: str = "") -> list[str]:
        return sorted({scope for scope, _ in self.contents if scope.startswith(prefix)})

    def clear(self, scope: str) -> int:
        keys = self.list_keys(scope)
        for key in keys:
            del self.contents[scope, key]
        return len(keys)


def perform(state: Verbs, operation: Operation, seen: list[object], name: str) -> None:
    """Do it and note what was seen. What is saved depends on all that was seen before."""
    verb, scope, key = operation
    if verb == "load":
        seen.append(state.load(scope, key))
    elif verb == "save":
        state.save(scope, key, f"{name} after {seen}")
    elif verb == "delete":
        seen.append(state.delete(scope, key))
    elif verb == "list":
        seen.append(state.list_keys(scope, prefix=key[:1]))
    elif verb == "first":
        seen.append(state.list_keys(scope, limit=1))
    elif verb == "next":
        seen.append(state.list_keys(scope, after=key, limit=1))
    elif verb == "clear":
        seen.append(state.clear(scope))
    else:
        seen.append(state.scopes())


class Run:
    """One transaction on the store, done operation by operation."""

    def __init__(self, name: str, operations: list[Operation], store: Store) -> None:
        self.name = name
        self.operations = operations
        self.seen: list[object] = []
        self.done = 0
        self.outcome = "running"
        self._transaction = Transaction(store.backend, 0.0)
        self._state = State(self._transaction, lambda: 0.0, 10_000)

    def step(self) -> None:
        """Do the next operation, or commit after the last; a conflict ends the transaction."""
        if self.outcome != "running":
            return
        try:
            if self.done < len(self.operations):
                perform(self._state, self.operations[self.done], self.seen, self.name)
                self.done += 1
            else:
                self._transaction.finish()
                self.outcome = "committed"
        except Conflict:
            self.outcome = "undone"

    def agrees(self, contents: Contents) -> bool:
        """Tell whether it would have seen the same here, and let it act on the contents if it committed."""
        seen: list[object] = []
        alone = Dict(contents if self.outcome == "committed" else dict(contents))
        for operation in self.operations[: self.done]:
            perform(alone, operation, seen, self.name)
        return seen == self.seen[: len(seen)]


def some_order_explains(runs: list[Run], before: Contents, after: Contents) -> bool:
    """Try every order of the transactions, those undone included: they too saw one moment only."""
    for order in permutations(runs):
        contents = dict(before)
        if all(run.agrees(contents) for run in order) and contents == after:
            return True
    return False


def contents_of(store: Store) -> Contents:
    return {(scope, key): store.load(scope, key) for scope in store.scopes() for key in store.list_keys(scope)}


scopes = st.sampled_from(["s", "t"])
keys = st.sampled_from(["a", "ab", "b"])
reads = st.tuples(st.sampled_from(["load", "load", "list", "first", "next", "scopes"]), scopes, keys)
writes = st.tuples(st.sampled_from(["save", "save", "delete", "clear"]), scopes, keys)
scripts = st.lists(reads | writes, min_size=1, max_size=5)
beginnings = st.dictionaries(st.tuples(scopes, keys), st.just("before"), max_size=4)


def check(
    open_store: Callable[[], Store], before: Contents, operations: list[list[Operation]], schedule: list[int]
) -> None:
    with open_store() as store:
        store.transaction(lambda state: [state.save(scope, key, value) for (scope, key), value in before.items()])
        runs = [Run(f"run {number}", script, store) for number, script in enumerate(operations)]
        for number in schedule:
            runs[number % len(runs)].step()
        for run in runs:
            while run.outcome == "running":
                run.step()
        assert some_order_explains(runs, before, contents_of(store))
        assert any(run.outcome == "committed" for run in runs)


def in_memory() -> Store:
    return llmspell.open(backend="memory")


@given(beginnings, st.lists(scripts, min_size=2, max_size=3), st.lists(st.integers(0, 5), max_size=18))
@settings(max_examples=500)
def test_any_interleaving_is_as_good_as_some_order(
    before: Contents, operations: list[list[Operation]], schedule: list[int]
) -> None:
    check(in_memory, before, operations, schedule)


@pytest.mark.soak
@given(beginnings, st.lists(scripts, min_size=2, max_size=4), st.lists(st.integers(0, 11), max_size=30))
@settings(max_examples=20_000)
def test_any_interleaving_of_any_kind_is_as_good_as_some_order(
    before: Contents, operations: list[list[Operation]], schedule: list[int]
) -> None:
    check(in_memory, before, operations, schedule)

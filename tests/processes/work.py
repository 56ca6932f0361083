"""What the processes of a crew do; each function opens the store itself and returns what it has to tell."""

import random
import sys
import threading
from typing import cast

import llmspell
from llmspell import Conflict, State, Store

ACCOUNTS = [f"account {number}" for number in range(8)]


def opened(folder: str, durability: str = "normal") -> Store:
    return llmspell.open(folder, durability=durability)


def number_in(state: State, scope: str, key: str) -> int:
    return cast("int", state.load(scope, key, 0))


def wait() -> None:
    """Say so, and wait for a word of the test."""
    print("waiting", flush=True)
    sys.stdin.readline()


def increment(folder: str, times: int, number: int) -> None:
    with opened(folder) as store:
        for _ in range(times):
            store.increment("scope", "count")


def increment_in_threads(folder: str, times: int, number: int) -> None:
    with opened(folder) as store:
        threads = [threading.Thread(target=_increment, args=(store, times)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _increment(store: Store, times: int) -> None:
    for _ in range(times):
        store.increment("scope", "count")


def open_increment_close(folder: str, times: int, number: int) -> None:
    for _ in range(times):
        with opened(folder) as store:
            store.increment("scope", "count")


def save_and_collect_versions(folder: str, times: int, number: int) -> list[int]:
    with opened(folder) as store:
        return [store.save(f"scope {number}", f"{turn % 5}", turn) for turn in range(times)]


def create(folder: str, number: int) -> list[object]:
    """Be one of many that make the store; some look before they write."""
    with opened(folder, "full") as store:
        seen = [store.load("scope", "key"), store.list_keys("nowhere"), store.transaction(State.scopes) and 1]
        looked = store.version() if number % 2 else 0
        version = store.save("scope", f"{number:02}", number)
        assert version > looked
        return [version, seen[0], seen[1]]


def transfer(folder: str, times: int, number: int) -> None:
    """Move amounts between accounts, each move one transaction."""
    chance = random.Random(number)
    with opened(folder) as store:
        for _ in range(times):
            source, target = chance.sample(ACCOUNTS, 2)
            amount = chance.randrange(1, 50)

            def move(state: State, source: str = source, target: str = target, amount: int = amount) -> None:
                before = number_in(state, "bank", source), number_in(state, "bank", target)
                state.save("bank", source, before[0] - amount)
                state.save("bank", target, before[1] + amount)

            store.transaction(move)
        store.increment("scope", "done")


def audit(folder: str, writers: int, number: int) -> list[int]:
    """Add up all accounts again and again until the writers are done: in snapshots, in transactions, in blocks."""
    sums = set()
    looked = 0
    with opened(folder) as store:
        while store.load("scope", "done", 0) != writers:
            with store.snapshot() as snapshot:
                sums.add(_sum(snapshot))
            sums.add(store.transaction(_sum))
            try:
                with store.transaction() as transaction:
                    sums.add(_sum(transaction))
            except Conflict:  # a sum that was taken half-way is none
                pass
            looked += 1
    return [looked, *sums]


def _sum(state: State) -> int:
    return sum(number_in(state, "bank", key) for key in state.list_keys("bank"))


def update_and_append(folder: str, times: int, number: int) -> list[int]:
    with opened(folder) as store:
        lengths = []
        for turn in range(times):
            store.update("scope", "counts", _count(str(number)), {})
            lengths.append(store.append("scope", "list", [number, turn]))
            assert store.append("scope", "last", [number, turn], keep=5) <= 5
        return lengths


def _count(name: str):  # type: ignore[no-untyped-def]
    def count(old: object) -> dict[str, int]:
        counts = cast("dict[str, int]", old)
        counts[name] = counts.get(name, 0) + 1
        return counts

    return count


def number_the_keys(folder: str, times: int, number: int) -> list[str]:
    """Give each new key the next number, found by listing: right only when nobody can slip in between."""

    def add(state: State) -> str:
        key = f"{len(state.list_keys('numbered')):05}"
        assert not state.exists("numbered", key)
        state.save("numbered", key, number)
        return key

    with opened(folder) as store:
        return [store.transaction(add) for _ in range(times)]


def share(folder: str, durability: str, until: int, number: int) -> int:
    """Write as fast as possible until all together have written so often; give the own part."""
    mine = 0
    with opened(folder, durability) as store:
        while cast("int", store.increment("scope", "count")) < until:
            mine += 1
    return mine


def share_by_transactions(folder: str, until: int, number: int) -> int:
    mine = 0
    with opened(folder) as store:
        while store.transaction(_next) < until:
            mine += 1
    return mine


def _next(state: State) -> int:
    count = number_in(state, "scope", "count") + 1
    state.save("scope", "count", count)
    return count


def hold_the_turn(folder: str) -> None:
    with opened(folder) as store, store.attempt(alone=True) as attempt:
        attempt.state.save("scope", "key", "new")
        attempt.state.save("scope", "other", "new")
        wait()


def read_everything(folder: str) -> list[object]:
    with opened(folder) as store, store.snapshot() as snapshot:
        return [
            store.load("scope", "key"),
            store.list_keys("scope"),
            snapshot.load("scope", "key"),
            store.transaction(lambda state: (state.load("scope", "key"), state.scopes())),
            [change.key for change in store.changes()],
        ]

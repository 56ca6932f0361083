"""What processes do to a store that keeps history."""

import time
from functools import partial

import llmspell
from llmspell.backends.base import Revision
from llmspell.batch import Put


def write(folder: str, times: int, number: int) -> list[list[int]]:
    """Write under a key that all share; the even numbers ask for history. Give version and value of every save."""
    made = []
    with llmspell.open(folder, durability="normal", history_days=0 if number % 2 else 30) as store:
        for turn in range(times):
            value = number * 1_000_000 + turn
            if turn % 10 == 7:
                put = Put("scope", "shared", b"%d" % value)
                store.backend.revise(time.time(), partial(apply, put))
            else:
                made.append([store.save("scope", "shared", value), value])
    return made


def apply(put: Put, revision: Revision) -> None:
    revision.apply((put,))


def look_back(folder: str, times: int, number: int) -> int:
    """Read what was at the newest versions while others write; both must agree."""
    looked = 0
    with llmspell.open(folder, durability="normal") as store:
        while looked < times:
            if not store.history_enabled:
                continue
            newest = store.history("scope", "shared", limit=5)
            for version in newest:
                assert store.load("scope", "shared", at=version.version) == version.value
            looked += 1
    return looked

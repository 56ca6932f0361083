"""What does a write cost inside a transaction of a hundred, in three languages and beside all others?

All contestants write the same values of 200 bytes to the same keys. A script is timed inside, as in "languages".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks.line_up import line_up
from benchmarks.measuring import DISK, MEMORY, PROCESS, Goal, Row, Scene, in_turns, timed
from benchmarks.peer import SCOPE, Entries
from benchmarks.shapes import SMALL
from benchmarks.shared import Shared
from benchmarks.timed_scripts import AT_ONCE, PATTERN, seconds_in

import llmspell
from llmspell import Store

AREA = "transactions"
WRITES = AT_ONCE
KEYS = 500

GOALS: tuple[Goal, ...] = ()

_LANGUAGES = (("lua", "Lua"), ("javascript", "JavaScript"))
_SCRIPTED = {DISK: ("full",), PROCESS: ("normal", "output"), MEMORY: ()}


def rows(scene: Scene) -> Iterator[Row]:
    """Measure each promise in turns of all who keep it."""
    folder = scene.folder
    times = transactions_of(scene.quick)
    with line_up(folder, lambda _: True, scene.say) as found, ExitStack() as open_ones:
        for kept, contestants in found.items():
            name = f"a write, {WRITES} at once, 200 B"
            row = Row(AREA, name, kept, "us", {})
            if not scene.wants(row.key):
                continue
            scene.say(row.key)
            calls: dict[str, Callable[[int], float]] = {}
            for called, contestant in contestants.items():
                peer = contestant.open()
                open_ones.callback(peer.close)
                calls[called] = partial(_in_python, peer, times)
            for durability in _SCRIPTED[kept]:
                store = open_ones.enter_context(llmspell.open(folder / f"scripts-{durability}", durability=durability))
                store.save(SCOPE, PATTERN, SMALL.make(0))
                for language, called in _LANGUAGES:
                    calls[f"llmspell, {called}, {durability}"] = partial(_in_script, store, language, times)
            yield row._replace(figures=in_turns(calls, scene.rounds))


def transactions_of(quick: bool) -> int:
    """Give how many transactions make a figure."""
    return 5 if quick else 20


def _in_python(peer: Shared, times: int, number: int) -> float:
    first = number * times * WRITES
    transactions: list[tuple[Entries]] = []
    for begin in range(first, first + times * WRITES, WRITES):
        transactions.append(([(f"key{each % KEYS:03}", SMALL.make(each)) for each in range(begin, begin + WRITES)],))
    return timed(peer.save_all, transactions) / WRITES


def _in_script(store: Store, language: str, times: int, number: int) -> float:
    first = number * times * WRITES
    names = [f"key{each % KEYS:03}" for each in range(first, first + times * WRITES)]
    return seconds_in(language, store, "transaction", names, 1_000_000 + first)

"""What does a store of a million entries cost: to open, to hold in memory, to list, to write to, to count?

The entries have about 200 bytes each, in one scope; a quick run has a tenth of them, and says so. Opening and memory
are measured in fresh processes, where everything is imported because another store was open before; the system has the
files in its memory. What LMDB takes is its file, mapped; the system may take it back at any time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from functools import partial
from typing import TypeVar

from benchmarks.apart import Bell, alone, resident_bytes
from benchmarks.filling import key_of
from benchmarks.line_up import line_up
from benchmarks.measuring import DISK, PROCESS, Goal, Row, Scene, in_turns, timed
from benchmarks.peer import Entries
from benchmarks.shapes import SMALL
from benchmarks.shared import Contestant, Shared

Asked = TypeVar("Asked")

AREA, QUICK_AREA = "a million entries", "100,000 entries"
ENTRIES = 1_000_000
QUICK_ENTRIES = 100_000
LOADS = 10_000
OPENINGS = 7
QUICK_OPENINGS = 5
_BATCH = 10_000
_PAGE = 1_000
_SMALL = "-small"

_OPEN = "open and load"
_MEMORY = f"memory after {LOADS:,} loads"
_LIST = f"list {_PAGE:,} keys under a prefix"

_TAKE_PART = {
    DISK: ("llmspell full", "bare apsw FULL", "LMDB sync"),
    PROCESS: ("llmspell normal", "bare apsw NORMAL", "LMDB nosync"),
}
_PACKAGES = {"llmspell": "llmspell normal", "bare apsw": "bare apsw NORMAL", "LMDB": "LMDB nosync"}
"""Who stands for each where nothing is written; each has one set of files for both promises."""

GOALS = (
    Goal(
        "with a million entries, a store is open and has loaded one within 10 ms",
        *(f"{AREA}: {_OPEN}", "llmspell", "", 0.010),
    ),
    Goal(
        f"with a million entries, a process that has loaded {LOADS:,} takes less than 64 MB for them",
        *(f"{AREA}: {_MEMORY}", "llmspell", "", 64e6),
    ),
    Goal(
        f"with a million entries, {_PAGE:,} keys under a prefix are listed within 2 ms",
        *(f"{AREA}: {_LIST}", "llmspell", "", 0.002),
    ),
)


def rows(scene: Scene) -> Iterator[Row]:
    """Fill one set of files for each engine, and measure what is done with it."""
    if scene.only and not any(key.startswith((AREA, QUICK_AREA)) for key in scene.only):
        return
    folder, area, entries = scene.folder, AREA, ENTRIES
    if scene.quick:
        area, entries = QUICK_AREA, QUICK_ENTRIES
    with line_up(folder, lambda name: any(name in names for names in _TAKE_PART.values()), scene.say) as found:
        contestants = {
            name: contestant._replace(place=str(folder / name.rpartition(" ")[0]))
            for under in found.values()
            for name, contestant in under.items()
        }
    reading = {package: contestants[name] for package, name in _PACKAGES.items() if name in contestants}
    for package, contestant in reading.items():
        scene.say(f"{area}: {entries:,} into {package}")
        _fill(contestant, entries)
        with closing(contestant._replace(place=contestant.place + _SMALL).open()) as small:
            small.save_all([(key_of(0), SMALL.make(0))])
    scene.say(f"{area}: fresh processes")
    yield from _fresh(area, reading, entries, scene)
    yield from _lists_and_counts(area, reading, entries, scene)
    yield from _saves(area, contestants, entries, scene)


def _fresh(area: str, reading: Mapping[str, Contestant], entries: int, scene: Scene) -> Iterator[Row]:
    def opened(contestant: Contestant, number: int) -> float:
        return alone(_open_and_load, contestant, key_of(random.Random(number).randrange(entries)))

    def grown(contestant: Contestant, number: int) -> float:
        return alone(_growth, contestant, entries, number)

    yield Row(area, _OPEN, "", "ms", _of_all(opened, reading, QUICK_OPENINGS if scene.quick else OPENINGS))
    yield Row(area, _MEMORY, "", "MB", _of_all(grown, reading, 1 if scene.quick else 2))


def _lists_and_counts(area: str, reading: Mapping[str, Contestant], entries: int, scene: Scene) -> Iterator[Row]:
    def listed(peer: Shared, number: int) -> float:
        pages = random.Random(number).sample(range(entries // _PAGE), 20)
        return timed(peer.keys, [(f"key{page:04}",) for page in pages])

    def counted(peer: Shared, _: int) -> float:
        started = time.perf_counter()
        if peer.count() != entries:
            raise RuntimeError(f"there are {peer.count():,} entries and not {entries:,}")
        return time.perf_counter() - started

    with ExitStack() as open_ones:
        peers = {name: open_ones.enter_context(closing(each.open())) for name, each in reading.items()}
        scene.say(f"{area}: lists and counts")
        yield Row(area, _LIST, "", "ms", _of_all(listed, peers, scene.rounds))
        yield Row(area, "count all", "", "ms", _of_all(counted, peers, min(scene.rounds, 3)))


def _saves(area: str, contestants: Mapping[str, Contestant], entries: int, scene: Scene) -> Iterator[Row]:
    def saved(peer: Shared, many: int, number: int) -> float:
        chance = random.Random(number)
        return timed(
            peer.save, [(key_of(chance.randrange(entries)), SMALL.make(number * many + each)) for each in range(many)]
        )

    for kept, names in _TAKE_PART.items():
        row = Row(area, "save, 200 B", kept, "us", {})
        if not scene.wants(row.key):
            continue
        scene.say(row.key)
        many = 1_000 if kept == PROCESS else 60 if scene.quick else 200
        with ExitStack() as open_ones:
            there = {name: contestants[name] for name in names if name in contestants}
            peers = {name: open_ones.enter_context(closing(each.open())) for name, each in there.items()}
            calls = {name: partial(saved, peer, many) for name, peer in peers.items()}
            yield row._replace(figures=in_turns(calls, scene.rounds))


def _of_all(measure: Callable[[Asked, int], float], asked: Mapping[str, Asked], rounds: int) -> dict[str, list[float]]:
    return in_turns({name: partial(measure, each) for name, each in asked.items()}, rounds)


def _fill(contestant: Contestant, entries: int) -> None:
    with closing(contestant.open()) as peer:
        for first in range(0, entries, _BATCH):
            batch: Entries = [(key_of(number), SMALL.make(number)) for number in range(first, first + _BATCH)]
            peer.save_all(batch)


def _open_and_load(bell: Bell, contestant: Contestant, key: str) -> float:
    """Give the seconds from before the opening to the value."""
    _warm_up(contestant)
    bell.ready()
    started = time.perf_counter()
    peer = contestant.open()
    peer.load(key)
    seconds = time.perf_counter() - started
    peer.close()
    return seconds


def _growth(bell: Bell, contestant: Contestant, entries: int, number: int) -> float:
    """Give by how many bytes this process has grown when it has opened the store and loaded entries by chance."""
    _warm_up(contestant)
    chance = random.Random(number)
    keys = [key_of(chance.randrange(entries)) for _ in range(LOADS)]
    bell.ready()
    before = resident_bytes()
    with closing(contestant.open()) as peer:
        for key in keys:
            peer.load(key)
        return resident_bytes() - before


def _warm_up(contestant: Contestant) -> None:
    """Have everything imported: open the small store beside the large one."""
    with closing(contestant._replace(place=contestant.place + _SMALL).open()) as small:
        small.load(key_of(0))

"""How fast are several processes that write at once, does each get its share, and is the sum right?

Four processes save under keys of their own for most of a second, and eight increment one number. Who has no queue of
writers lets each try again until it finds the store free. A number that is not the sum of what the processes did is
told as that, and its speed is not told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import NamedTuple

from benchmarks.apart import Bell, Processes, processes
from benchmarks.line_up import line_up
from benchmarks.measuring import DISK, MEMORY, PROCESS, Goal, Row, Scene, in_turns
from benchmarks.shapes import SMALL
from benchmarks.shared import Contestant, Shared

AREA = "processes"
ROUNDS = 3
QUICK_ROUNDS = 1
WRITERS = 4
COUNTERS = 8
KEYS = 500

GOALS: tuple[Goal, ...] = ()

_SUM = "the number in the end, of the increments made (1: exact)"
_NORMAL = "llmspell normal"
_EMBEDDED = ("llmspell full", _NORMAL, "bare apsw FULL", "bare apsw NORMAL", "diskcache FULL", "diskcache")

Figures = dict[str, list[float]]


class Done(NamedTuple):
    """What one process did."""

    times: int
    seconds: float
    longest_seconds: float
    """How long one call took at most."""


def rows(scene: Scene) -> Iterator[Row]:
    """Measure saves with their shares and waits, then increments with their sum."""
    if scene.only and not any(key.startswith(AREA) for key in scene.only):
        return
    rounds = QUICK_ROUNDS if scene.quick else min(scene.rounds, ROUNDS)
    with line_up(scene.folder, _takes_part, scene.say) as found, ExitStack() as open_ones:
        contestants = found[DISK] | found[PROCESS] | found[MEMORY]
        names = {kept: list(under) for kept, under in found.items()}
        if names[MEMORY]:
            names[MEMORY].insert(0, _NORMAL)  # nothing of ours that processes share keeps less than this
        # All stay open here: so their files are made, and nobody finds himself the first or the last one.
        here = {name: open_ones.enter_context(closing(each.open())) for name, each in contestants.items()}
        scene.say(f"{AREA}: {WRITERS} save")
        for name, unit, figures in _saves(contestants, rounds, 0.3 if scene.quick else 0.8):
            yield from _by_promise(name, unit, figures, names)
        scene.say(f"{AREA}: {COUNTERS} count")
        for name, unit, figures in _counts(contestants, here, rounds, 0.2 if scene.quick else 0.4):
            yield from _by_promise(name, unit, figures, names)


def increments(seconds: Figures, shares: Figures) -> Iterator[tuple[str, str, Figures]]:
    """Give names, units and figures of two rows: what an increment took, and what the number was in the end.

    A share is the number in the end of what it should be. Whoever was wrong once stands in the second row alone.
    """
    exact = {name: all(share == 1 for share in found) for name, found in shares.items()}
    right = {name: figures for name, figures in seconds.items() if exact[name]}
    yield f"an increment of one number, {COUNTERS} at once", "us", right
    told = {name if exact[name] else f"{name}: WRONG SUM": found for name, found in shares.items()}
    yield _SUM, "ratio", told


def _takes_part(name: str) -> bool:
    return name in _EMBEDDED or name.startswith("Redis")


def _by_promise(name: str, unit: str, figures: Figures, names: dict[str, list[str]]) -> Iterator[Row]:
    if name == _SUM:
        yield Row(AREA, name, "", unit, figures)
        return
    for kept, under in names.items():
        there = {called: figures[called] for called in under if called in figures}
        if there and (kept != MEMORY or unit == "us"):  # shares and sums are the same in every promise of a server
            yield Row(AREA, name, kept, unit, there)


def _saves(contestants: dict[str, Contestant], rounds: int, seconds: float) -> Iterator[tuple[str, str, Figures]]:
    shares: Figures = {name: [] for name in contestants}
    waits: Figures = {name: [] for name in contestants}

    def save(writers: Processes, name: str, number: int) -> float:
        done = writers.start(_save, contestants[name], seconds).results()
        if number:
            times = [each.times for each in done]
            shares[name].append(max(times) / max(min(times), 1))
            waits[name].append(max(each.longest_seconds for each in done))
        return _seconds_each(done)

    with processes(WRITERS) as writers:
        each = in_turns({name: partial(save, writers, name) for name in contestants}, rounds)
    yield f"a save, {WRITERS} at once", "us", each
    yield f"saves of the first of {WRITERS} for one of the last", "ratio", shares
    yield f"the longest save of {WRITERS} at once", "ms", waits


def _counts(
    contestants: dict[str, Contestant], here: dict[str, Shared], rounds: int, seconds: float
) -> Iterator[tuple[str, str, Figures]]:
    shares: Figures = {name: [] for name in contestants}

    def count(counters: Processes, name: str, number: int) -> float:
        before = here[name].number("count")
        done = counters.start(_increment, contestants[name], seconds).results()
        counted = here[name].number("count") - before
        if number:
            shares[name].append(counted / sum(each.times for each in done))
        return _seconds_each(done)

    with processes(COUNTERS) as counters:
        yield from increments(in_turns({name: partial(count, counters, name) for name in contestants}, rounds), shares)


def _seconds_each(done: list[Done]) -> float:
    """Give the seconds that passed for each call of all together."""
    return max(each.seconds for each in done) / sum(each.times for each in done)


def _save(bell: Bell, contestant: Contestant, seconds: float) -> Done:
    with closing(contestant.open()) as peer:
        value = SMALL.make(0)

        def save(times: int) -> None:
            value["n"] = 1_000_000 + times
            peer.save(f"process{bell.number}:{times % KEYS:03}", value)

        bell.ready()
        return _repeated(save, seconds)


def _increment(bell: Bell, contestant: Contestant, seconds: float) -> Done:
    with closing(contestant.open()) as peer:
        bell.ready()
        return _repeated(lambda _: peer.increment("count"), seconds)


def _repeated(call: Callable[[int], object], seconds: float) -> Done:
    times, longest = 0, 0.0
    started = now = time.perf_counter()
    while now < started + seconds:
        call(times)
        before, now = now, time.perf_counter()
        times, longest = times + 1, max(longest, now - before)
    return Done(times, now - started, longest)

"""How is a figure taken, so that it is fair? Contestants in turns, in random order, with the garbage collector held.

A figure is the mean time of one call over a part of a second; a row has one figure of each contestant a round. Within
a round the contestants stand next to each other in time, so other load on the machine moves all of them, and the ratio
of a round is worth more than its figures. Which of them is first is drawn anew in every round.

`benchmarks` is a package: `from benchmarks.measuring import Row`, and `python -m benchmarks.bench` in the tree's root.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

DISK = "on the disk"
PROCESS = "safe from a crash of the process"
MEMORY = "in memory only"


class Row(NamedTuple):
    """One line of what was measured: the figures of all contestants at one thing, under one promise."""

    area: str
    """The module's subject: "one entry", "start"."""
    name: str
    """What is done: "save, 200 B"."""
    kept: str
    """What has happened to the data when the call returns: DISK, PROCESS or MEMORY; "" for reads."""
    unit: str
    """One of "us", "ms", "MB" or "ratio"; how figures are shown."""
    figures: dict[str, list[float]]
    """By contestant one figure a round, in seconds for us and ms, in bytes for MB; alike many for all.

    The others are shown as ratios to the first contestant whose name begins with "llmspell", else to the first."""

    @property
    def key(self) -> str:
        """Give what names this row among all."""
        return f"{self.area}: {self.name}" + (f", {self.kept}" if self.kept else "")


class Goal(NamedTuple):
    """What a row must show: `measured <= limit * against + extra`, in the medians of the rounds."""

    name: str
    """A sentence: "a load in Python is at least 1.5x faster than diskcache"."""
    row: str
    """The key of the row."""
    measured: str
    """The contestant that has to reach it."""
    against: str
    """The contestant that it is compared with; "" compares with `limit` itself, in seconds or bytes."""
    limit: float
    extra: float = 0.0
    """Seconds (or bytes) that are allowed on top."""


class Scene(NamedTuple):
    """Where and how much is measured."""

    folder: Path
    """Empty, on a disk; each area makes its own folders in it."""
    rounds: int
    quick: bool
    say: Callable[[str], None]
    """Tells how far it is."""
    only: frozenset[str] = frozenset()
    """The keys of the rows that are wanted; empty: all. An area may give others as well."""
    disk_calls: int = 0
    """How many saves that wait for the disk make a figure of "one entry", at most as many as there are keys (1,000);
    0: what the area thinks right."""

    def wants(self, key: str) -> bool:
        """Tell whether the row is wanted."""
        return not self.only or key in self.only


def in_turns(contestants: Mapping[str, Callable[[int], float]], rounds: int) -> dict[str, list[float]]:
    """Call every contestant once a round with the round's number, in random order; each gives its own figure.

    A first round, number 0, is thrown away; those that count are 1 to `rounds`.
    """
    order = list(contestants)
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    gc.collect()
    gc.freeze()  # the collection before each figure need not go over all that the packages have loaded
    try:
        for number in range(rounds + 1):
            random.shuffle(order)
            for name in order:
                figure = contestants[name](number)
                if number:
                    figures[name].append(figure)
    finally:
        gc.unfreeze()
    return figures


@contextmanager
def collector_held() -> Iterator[None]:
    """Run the garbage collector before the block and not inside: whose turn a collection falls into would be chance."""
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def timed(call: Callable[..., object], arguments: Iterable[tuple[object, ...]]) -> float:
    """Give the mean seconds of one call over all `arguments`, which exist before the clock starts."""
    ready = list(arguments)
    with collector_held():
        started = time.perf_counter()
        for each in ready:
            call(*each)
        return (time.perf_counter() - started) / len(ready)


class Spread(NamedTuple):
    """The middle of some figures, and between what the middle half of them lies."""

    median: float
    low: float
    high: float


def spread(figures: list[float]) -> Spread:
    """Give median, first and third quartile; of a single figure itself."""
    if len(figures) == 1:
        return Spread(figures[0], figures[0], figures[0])
    low, median, high = statistics.quantiles(figures, n=4, method="inclusive")
    return Spread(median, low, high)


def ratio(figures: list[float], others: list[float]) -> float:
    """Give how many times `others` `figures` are: the median over the rounds, each round's ratio taken in itself."""
    return statistics.median(one / other for one, other in zip(figures, others, strict=True))

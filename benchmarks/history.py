"""What does a save cost while history is kept, beside one without? Both in turns, in the same run.

Each save replaces a value by another one. The sizes are those of the values as JSON text. Trust the ratios: other
load on the machine moves the microseconds on both sides. By how much the files grow is told as well, per save.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import apsw

import llmspell
from llmspell import JsonValue, Store

KEYS = 1_000


def document(size: int, number: int) -> JsonValue:
    """Give a value of about so many bytes of text that no compression would make small; it differs by its number."""
    chance = random.Random(number)
    return {"number": number, "text": chance.randbytes(max(size - 34, 2) // 2).hex()}


def open_both(place: Path, durability: str) -> dict[str, Store]:
    return {
        name: llmspell.open(place / name, durability=durability, history_days=days)
        for name, days in (("without", 0), ("with", 30))
    }


def seconds_of(deed: Callable[[int], object], numbers: range) -> float:
    started = time.perf_counter()
    for number in numbers:
        deed(number)
    return (time.perf_counter() - started) / len(numbers)


def compare(what: str, figures: dict[str, list[float]]) -> None:
    ratios = [kept / bare for kept, bare in zip(figures["with"], figures["without"], strict=True)]
    without, kept = (statistics.median(figures[name]) * 1e6 for name in ("without", "with"))
    print(
        f"{what:34} {without:8.1f} us without  {kept:8.1f} us with  x{statistics.median(ratios):5.2f}"
        f"  (whole run x{sum(figures['with']) / sum(figures['without']):.2f}; {min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def bytes_of(place: Path, stores: dict[str, Store]) -> dict[str, int]:
    """Close the stores, so that the log is in the database, and give the sizes of their files."""
    for store in stores.values():
        store.close()
    return {name: sum(file.stat().st_size for file in (place / name).iterdir()) for name in stores}


def save(store: Store, values: list[JsonValue], number: int) -> None:
    store.save("scope", f"key{number % KEYS:05}", values[number % len(values)])


def load(store: Store, number: int) -> None:
    store.load("scope", f"key{number % KEYS:05}")


def saves(place: Path, durability: str, size: int, rounds: int, times: int) -> None:
    stores = open_both(place, durability)
    figures: dict[str, list[float]] = {name: [] for name in stores}
    values = [document(size, number) for number in range(KEYS * 3)]
    for store in stores.values():
        for number in range(KEYS):
            store.save("scope", f"key{number:05}", values[number])
    before = bytes_of(place, stores)
    stores = open_both(place, durability)
    for turn in range(rounds):
        numbers = range(turn * times, (turn + 1) * times)
        for name in random.sample(tuple(stores), len(stores)):
            figures[name].append(seconds_of(partial(save, stores[name], values), numbers))
    compare(f"save, {durability}, {size:,} bytes", figures)
    after = bytes_of(place, stores)
    each = {name: (after[name] - before[name]) / (rounds * times) for name in stores}
    print(f"{'':34} the files grow by {each['with']:,.0f} bytes a save with, {each['without']:,.0f} without")
    shutil.rmtree(place)


def loads(place: Path, times: int) -> None:
    stores = open_both(place, "normal")
    for store in stores.values():
        for number in range(20 * KEYS):
            store.save("scope", f"key{number % KEYS:05}", number)
    figures: dict[str, list[float]] = {name: [] for name in stores}
    for _ in range(9):
        for name, store in stores.items():
            figures[name].append(seconds_of(partial(load, store), range(times)))
    compare("load", figures)
    kept = stores["with"]
    last = kept.version()
    at_version = seconds_of(lambda n: kept.load("scope", f"key{n % KEYS:05}", at=last - n), range(1_000))
    now = time.time()
    at_moment = seconds_of(lambda n: kept.load("scope", f"key{n % KEYS:05}", at=now), range(20))
    newest = seconds_of(lambda n: kept.history("scope", f"key{n % KEYS:05}"), range(200))
    differing = seconds_of(lambda n: kept.diff("scope", last - 500), range(5))
    print(
        f"of {last:,} versions: load at a version {at_version * 1e6:.0f} us, at a moment {at_moment * 1e6:.0f} us, "
        f"history of 20 versions {newest * 1e6:.0f} us, diff over 500 versions {differing * 1e3:.1f} ms"
    )
    for store in stores.values():
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="how many rounds to take the median of (15)")
    parser.add_argument("--times", type=int, default=1_000, help="saves of a round (1000)")
    options = parser.parse_args()
    print(f"SQLite {apsw.sqlite_lib_version()}, Python {sys.version.split()[0]}, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(dir=".") as name:
        place = Path(name).resolve()
        for durability in ("full", "normal"):
            for size in (40, 300, 2_000, 20_000):
                saves(place / "saves", durability, size, options.rounds, options.times)
        loads(place / "loads", 5_000)


if __name__ == "__main__":
    main()

"""What does a save cost while the store keeps history, beside one without? What do reads of the past cost?"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.measuring import DISK, PROCESS, Row, Scene, in_turns, timed

import llmspell
from llmspell import JsonValue, Store

ROUNDS = 3
KEYS = 1_000
VERSIONS = 20

_DAYS = {"without history": 0, "with history": 30}
_SAVES = (("full", DISK, 300), ("normal", PROCESS, 300), ("normal", PROCESS, 20_000))


def rows(scene: Scene) -> Iterator[Row]:
    """Measure saves of several sizes with and without history, how the files grow, and reads of the past."""
    folder = scene.folder / "history"
    rounds = min(scene.rounds, ROUNDS)
    times = 200 if scene.quick else 1_000
    for durability, kept, size in _SAVES:
        scene.say(f"history: saves of {size:,} bytes, {durability}")
        yield from _saves(
            folder / f"{durability}{size}", durability, kept, size, rounds, times // 4 if kept == DISK else times
        )
    scene.say("history: reads")
    yield from _loads(folder / "loads", rounds, times)


def _saves(folder: Path, durability: str, kept: str, size: int, rounds: int, times: int) -> Iterator[Row]:
    values = [_document(size, number) for number in range(KEYS * 3)]
    stores = _open_both(folder, durability)
    for store in stores.values():
        with store.transaction() as state:
            for number in range(KEYS):
                state.save("scope", _key(number), values[number])
    before = _bytes_of(folder, stores)
    stores = _open_both(folder, durability)

    def save(name: str, turn: int) -> float:
        numbers = range(turn * times, (turn + 1) * times)
        return timed(stores[name].save, [("scope", _key(n), values[n % len(values)]) for n in numbers])

    yield Row(
        "upkeep", f"save, {size:,} B", kept, "us", in_turns({name: partial(save, name) for name in stores}, rounds)
    )
    after = _bytes_of(folder, stores)
    if durability == "normal":  # the files are the same in every durability
        more, less = (after[name] - before[name] for name in ("with history", "without history"))
        grown: dict[str, list[float]] = {"llmspell": [(more - less) / ((rounds + 1) * times) * 1_000]}
        yield Row("upkeep", f"what 1,000 saves of {size:,} B leave behind in history", "", "MB", grown)


def _loads(folder: Path, rounds: int, times: int) -> Iterator[Row]:
    stores = _open_both(folder, "normal")
    for store in stores.values():
        for turn in range(VERSIONS):
            with store.transaction() as state:
                for number in range(KEYS):
                    state.save("scope", _key(number), {"number": number, "turn": turn})
    without, store = stores["without history"], stores["with history"]
    last, now = store.version(), time.time()
    earlier = last - VERSIONS // 2
    keys = [("scope", _key(number)) for number in range(times)]
    figures = in_turns(
        {
            "without history": lambda _: timed(without.load, keys),
            "with history": lambda _: timed(store.load, keys),
            "at an earlier version": lambda _: timed(lambda *key: store.load(*key, at=earlier), keys),
            "at a moment": lambda _: timed(lambda *key: store.load(*key, at=now), keys[: times // 10]),
        },
        rounds,
    )
    yield Row("upkeep", f"load, one of {VERSIONS} versions", "", "us", figures)
    all_versions = in_turns({"llmspell": lambda _: timed(store.history, keys[: times // 10])}, rounds)
    yield Row("upkeep", f"history of an entry of {VERSIONS} versions", "", "us", all_versions)
    for each in stores.values():
        each.close()


def _open_both(folder: Path, durability: str) -> dict[str, Store]:
    return {
        name: llmspell.open(folder / name, durability=durability, history_days=days) for name, days in _DAYS.items()
    }


def _bytes_of(folder: Path, stores: dict[str, Store]) -> dict[str, int]:
    """Close the stores, so that the log is in the database, and give the sizes of their files."""
    for store in stores.values():
        store.close()
    return {name: sum(file.stat().st_size for file in (folder / name).iterdir()) for name in stores}


def _document(size: int, number: int) -> JsonValue:
    """Give a value of about so many bytes of text that no compression would make small; it differs by its number."""
    return {"number": number, "text": random.Random(number).randbytes(max(size - 34, 2) // 2).hex()}


def _key(number: int) -> str:
    return f"key{number % KEYS:05}"

"""Pattern: counters that go on from run to run, whoever counts beside us.

llmspell -c examples/configs/state-enabled.toml run examples/python/pattern_counters.py
llmspell -c examples/configs/state-enabled.toml run examples/python/pattern_counters.py rain sun sun
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import llmspell

    State = llmspell.open()  # what it is, for type checkers; `llmspell run` gives the one of the script

STATS = "station:stats"


def observe(weather: list[str]) -> None:
    """Count what was seen, all of it or nothing: the sum never disagrees with its parts."""

    def add(state: llmspell.State) -> None:
        for kind, count in Counter(weather).items():
            state.increment(STATS, f"weather:{kind}", count)
            state.increment(STATS, "observations", count)

    State.transaction(add)


def counts() -> dict[str, object]:
    """Give all counters as they were at one moment."""
    with State.snapshot() as state:
        return {key: state.load(STATS, key) for key in state.list_keys(STATS) if key != "events"}


def main() -> None:
    """Count the weather that was given, from four threads the calls, and keep the last events."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("weather", nargs="*", default=["sun", "rain", "sun"])
    weather = parser.parse_args().weather

    print("Counters\n")
    before = State.load(STATS, "observations", 0)
    observe(weather)
    with ThreadPoolExecutor(4) as threads:  # they count at the same time, and no count is lost
        for _ in range(20):
            threads.submit(State.increment, STATS, "calls")
    State.increment(STATS, "hours", 0.25)
    for name, count in counts().items():
        print(f"  {name:14} {count}")

    for kind in weather:
        State.append(STATS, "events", {"kind": kind}, keep=4)
    events = cast("list[dict[str, str]]", State.load(STATS, "events"))
    print(f"  the last four  {', '.join(event['kind'] for event in events)}")
    print("\nRun me again: the counters go on." if before == 0 else f"\n{before} observations are from earlier runs.")


if __name__ == "__main__":
    main()

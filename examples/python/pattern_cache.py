"""Pattern: keep what was slow to compute, for a while. A decorator does it for any function.

llmspell -c examples/configs/state-enabled.toml run examples/python/pattern_cache.py
"""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import llmspell

    State = llmspell.open()  # what it is, for type checkers; `llmspell run` gives the one of the script

CACHE = "station:cache"
ABSENT = object()


def cached(ttl: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Keep what the function gives for so many seconds, for each choice of arguments. All must be JSON."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            key = f"{function.__name__}:{json.dumps(arguments)}"
            value = State.load(CACHE, key, ABSENT)
            if value is ABSENT:
                value = function(*arguments)
                State.save(CACHE, key, value, ttl=ttl)
            return value

        return call

    return decorate


computed: list[str] = []


@cached(ttl=3600)
def mean(station: str, years: int) -> dict[str, Any]:
    """Compute the mean temperature of a station; the readings are made up."""
    computed.append(station)
    readings = [index * 7919 % (250 + 10 * len(station)) for index in range(years * 10_000)]
    return {"station": station, "degrees": round(sum(readings) / len(readings) / 10, 2)}


@cached(ttl=0.01)
def now(station: str) -> str:
    """Give what is soon out of date."""
    computed.append(f"{station} now")
    return "sunny"


def main() -> None:
    """Ask some things twice, and tell what had to be computed."""
    print("Cache\n")
    known = bool(State.list_keys(CACHE, prefix="mean:"))
    for station in ("Vienna", "Graz", "Vienna"):
        before = len(computed)
        answer = mean(station, 10)
        told = "computed" if len(computed) > before else "from the cache"
        print(f"  {answer['station']:8} {answer['degrees']}  {told}")

    now("Vienna")
    while State.list_keys(CACHE, prefix="now:"):
        time.sleep(0.001)
    print(f"  now      {now('Vienna')}, computed {computed.count('Vienna now')} times: the first answer had ended")
    print(f"  computed in this run: {', '.join(computed)}")
    if not known:
        print("\nRun me again within the hour: the means are there.")


if __name__ == "__main__":
    main()

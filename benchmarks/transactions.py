"""What does a write cost inside a transaction of a hundred, in three languages and beside all others?

All contestants write the same values of 200 bytes to the same keys. A script's figure is the time of a whole run less
that of one without transactions, both on a store that is open already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NoReturn

from benchmarks.line_up import line_up
from benchmarks.measuring import DISK, MEMORY, PROCESS, Goal, Row, Scene, collector_held, in_turns, timed
from benchmarks.peer import SCOPE, Entries
from benchmarks.shapes import SMALL
from benchmarks.shared import Shared

import llmspell
from llmspell import Store
from llmspell.config import ScriptSettings
from llmspell.scripting.run import Script
from llmspell.scripting.running import execute_script

AREA = "transactions"
WRITES = 100
KEYS = 500

GOALS: tuple[Goal, ...] = ()

_LUA = """
local keys, values = {}, {}
for number = 0, KEYS - 1 do keys[number] = string.format("key%03d", number) end
for number = 1, WRITES do values[number] = State.load("bench", "template") end
local written = FIRST
for _ = 1, TIMES do
  State.transaction(function()
    for number = 1, WRITES do
      local value = values[number]
      value.n = 1000000 + written
      State.save("bench", keys[written % KEYS], value)
      written = written + 1
    end
  end)
end
"""
_JAVASCRIPT = """
const keys = [], values = [];
for (let number = 0; number < KEYS; number++) keys.push("key" + String(number).padStart(3, "0"));
for (let number = 0; number < WRITES; number++) values.push(State.load("bench", "template"));
let written = FIRST;
for (let time = 0; time < TIMES; time++) {
  State.transaction(() => {
    for (const value of values) {
      value.n = 1000000 + written;
      State.save("bench", keys[written % KEYS], value);
      written += 1;
    }
  });
}
"""
_LANGUAGES = (("lua", "Lua", _LUA), ("javascript", "JavaScript", _JAVASCRIPT))
_SCRIPTED = {DISK: ("full",), PROCESS: ("normal", "output"), MEMORY: ()}


def rows(scene: Scene) -> Iterator[Row]:
    """Measure each promise in turns of all who keep it."""
    folder = scene.folder
    times = 5 if scene.quick else 20
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
                store.save(SCOPE, "template", SMALL.make(0))
                for language, called, text in _LANGUAGES:
                    calls[f"llmspell {durability}, {called}"] = partial(_in_script, store, language, text, times)
            yield row._replace(figures=in_turns(calls, scene.rounds))


def _in_python(peer: Shared, times: int, number: int) -> float:
    first = number * times * WRITES
    transactions: list[tuple[Entries]] = []
    for begin in range(first, first + times * WRITES, WRITES):
        transactions.append(([(f"key{each % KEYS:03}", SMALL.make(each)) for each in range(begin, begin + WRITES)],))
    return timed(peer.save_all, transactions) / WRITES


def _in_script(store: Store, language: str, text: str, times: int, number: int) -> float:
    first = number * times * WRITES
    bare = _seconds(store, language, text, 0, first)
    return (_seconds(store, language, text, times, first) - bare) / (times * WRITES)


def _seconds(store: Store, language: str, text: str, times: int, first: int) -> float:
    for word, meant in (("KEYS", KEYS), ("WRITES", WRITES), ("TIMES", times), ("FIRST", first)):
        text = text.replace(word, str(meant))
    script = Script(text.encode(), "script", str(Path.cwd()))
    with collector_held():
        started = time.perf_counter()
        execute_script(script, language, store, ScriptSettings(timeout_seconds=0), abandon=_give_up)
        return time.perf_counter() - started


def _give_up(error: BaseException) -> NoReturn:
    raise RuntimeError("a script could not be stopped") from error

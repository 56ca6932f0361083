"""What does a script in JavaScript cost beside the same one in Lua, and what does a whole run cost beside bare Python?

Saves and loads of 200 bytes run in turns in one process, on one store for each language; every save changes the
value. Whole runs are processes, in random order. Trust the ratios and differences: other load on the machine moves
all sides.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import llmspell
from llmspell import Store
from llmspell.config import ScriptSettings
from llmspell.scripting.run import Script
from llmspell.scripting.running import execute_script

LUA = """
local value = {}
for number = 1, 7 do value["field_" .. number] = "text number " .. number end
value.list = { 1, 2, 3 }
for number = 1, TIMES do value.number = number State.save("scope", "key", value) end
for number = 1, LOADS do State.load("scope", "key") end
"""
JAVASCRIPT = """
const value = {};
for (let number = 1; number <= 7; number++) value[`field_${number}`] = `text number ${number}`;
value.list = [1, 2, 3];
for (let number = 1; number <= TIMES; number++) { value.number = number; State.save("scope", "key", value); }
for (let number = 1; number <= LOADS; number++) State.load("scope", "key");
"""
SOURCES = {"lua": LUA, "javascript": JAVASCRIPT}

ONE_LINE = {"lua": "print(1)\n", "javascript": "console.log(1)\n"}
SAVING = {
    "lua": 'State.save("scope", "key", { a = 1 }) print(State.load("scope", "key").a)\n',
    "javascript": 'State.save("scope", "key", {a: 1}); console.log(State.load("scope", "key").a)\n',
}
SUFFIXES = {"lua": ".lua", "javascript": ".js"}


def give_up(error: BaseException) -> NoReturn:
    raise RuntimeError("a script could not be stopped") from error


def seconds_of(language: str, store: Store, saves: int, loads: int) -> float:
    source = SOURCES[language].replace("TIMES", str(saves)).replace("LOADS", str(loads)).encode()
    started = time.perf_counter()
    execute_script(Script(source, "script", ""), language, store, ScriptSettings(timeout_seconds=0), abandon=give_up)
    return time.perf_counter() - started


def calls(place: Path, durability: str, rounds: int, times: int) -> None:
    stores = {language: llmspell.open(place / durability / language, durability=durability) for language in SOURCES}
    figures: dict[str, dict[str, list[float]]] = {
        verb: {language: [] for language in SOURCES} for verb in ("save", "load")
    }
    for language, store in stores.items():
        seconds_of(language, store, 10, 10)
    for _ in range(rounds):
        for language in random.sample(list(SOURCES), len(SOURCES)):
            empty = seconds_of(language, stores[language], 1, 1)
            for verb, saves, loads in (("save", times, 1), ("load", 1, times * 4)):
                spent = seconds_of(language, stores[language], saves, loads) - empty
                figures[verb][language].append(spent / max(saves, loads))
    for store in stores.values():
        store.close()
    for verb, found in figures.items():
        lua, javascript = (statistics.median(found[language]) * 1e6 for language in ("lua", "javascript"))
        ratios = [one / other for one, other in zip(found["javascript"], found["lua"], strict=True)]
        print(
            f"{verb} 200 B, durability {durability:8}{lua:8.1f} us in Lua  {javascript:8.1f} us in JavaScript  "
            f"x{statistics.median(ratios):5.2f}  ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def whole_runs(place: Path, rounds: int) -> None:
    command = os.path.join(sysconfig.get_path("scripts"), "llmspell")
    commands = {"bare Python": [sys.executable, "-c", "pass"]}
    for what, scripts in (("one line", ONE_LINE), ("save and load", SAVING)):
        for language, source in scripts.items():
            name = f"{what.replace(' ', '_')}{SUFFIXES[language]}"
            (place / name).write_text(source)
            commands[f"{what}, {language}"] = [command, "run", name]
    figures: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name in random.sample(list(commands), len(commands)):
            started = time.perf_counter()
            subprocess.run(commands[name], stdout=subprocess.DEVNULL, cwd=place, check=True)
            if number:  # the first one of each compiles what is imported
                figures[name].append(time.perf_counter() - started)
    bare = figures.pop("bare Python")
    print(f"python -c pass{statistics.median(bare) * 1000:25.1f} ms  (from {min(bare) * 1000:.1f})")
    for name, found in figures.items():
        more = [one - other for one, other in zip(found, bare, strict=True)]
        ratio = statistics.median(one / other for one, other in zip(found, bare, strict=True))
        least = min(found) - min(bare)
        print(
            f"llmspell run: {name:26}{statistics.median(found) * 1000:7.1f} ms  x{ratio:5.2f}  "
            f"{statistics.median(more) * 1000:5.1f} ms more  (least run: {least * 1000:.1f} ms more)",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--times", type=int, default=3_000, help="saves in a round; four times as many loads")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for durability in ("normal", "full"):
            calls(Path(folder), durability, chosen.rounds, chosen.times)
        whole_runs(Path(folder), chosen.rounds * 4)


if __name__ == "__main__":
    main()

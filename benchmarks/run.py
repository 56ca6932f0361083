"""How fast is llmspell beside the bare engine? One table; both are measured in turns, in the same run.

`make bench` runs it. Trust the ratios, not the microseconds: other load on the machine moves those,
but it moves both sides. Each figure is the median over rounds of the mean time of one call. Values
change with every write, because SQLite skips the write of a page that did not change.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import apsw
import orjson

import llmspell
from llmspell.entry import JsonValue

COMMAND = str(Path(sys.executable).with_name("llmspell"))
KEYS = 500

# The script waits for a line that says what to do how often, does it, and answers.
SCRIPT = """
local make = {}
function make.small(i)
  return { user_id = "user123", display_name = "John Doe of Nowhere in Particular", email_notifications = true,
           timezone = "Europe/London", created_at = 1732280000 + i, expires_at = 1732283600,
           theme = "dark", visits = i }
end
local page = string.rep("word and another one. ", 450)
function make.text(i)
  return { text = page, n = i }
end
local said = string.rep("word and another one. ", 14)
function make.chat(i)
  local messages = {}
  for n = 1, 27 do
    messages[n] = { role = n % 2 == 0 and "user" or "assistant", content = said, at = 1732280000 + n + i }
  end
  return { messages = messages, n = i }
end
local count = 0
while true do
  local verb, shape, times = (io.read() or "stop"):match("(%S+) ?(%S*) ?(%S*)")
  if verb == "stop" then break end
  for _ = 1, tonumber(times) do
    count = count + 1
    local key = shape .. count % %KEYS%
    if verb == "save" then State.save("bench", key, make[shape](count)) else State.load("bench", key) end
  end
  print("done")
  io.stdout:flush()
end
""".replace("%KEYS%", str(KEYS))


def small(i: int) -> JsonValue:
    return {
        "user_id": "user123",
        "display_name": "John Doe of Nowhere in Particular",
        "email_notifications": True,
        "timezone": "Europe/London",
        "created_at": 1732280000 + i,
        "expires_at": 1732283600,
        "theme": "dark",
        "visits": i,
    }


def text(i: int) -> JsonValue:
    return {"text": "word and another one. " * 450, "n": i}


def chat(i: int) -> JsonValue:
    said = "word and another one. " * 14
    messages: list[JsonValue] = [
        {"role": "user" if n % 2 == 0 else "assistant", "content": said, "at": 1732280000 + n + i} for n in range(27)
    ]
    return {"messages": messages, "n": i}


class Shape(NamedTuple):
    name: str
    words: str
    make: Callable[[int], JsonValue]


SHAPES = (
    Shape("small", "200 B record", small),
    Shape("text", "10 KB, one text", text),
    Shape("chat", "10 KB, 27 messages", chat),
)


class Bare:
    """The engine without us: one table, one upsert in autocommit, the settings that the store uses."""

    def __init__(self, folder: Path, durability: str) -> None:
        self._connection = apsw.Connection(str(folder / "bare.db"))
        self._connection.pragma("journal_mode", "WAL")
        self._connection.pragma("synchronous", durability)
        self._connection.pragma("cache_size", -65536)
        self._connection.wal_autocheckpoint(8000)
        self._connection.execute(
            "CREATE TABLE entries (id INTEGER PRIMARY KEY, scope TEXT, key TEXT, value BLOB, UNIQUE (scope, key))"
        )

    def save(self, key: str, value: bytes) -> None:
        self._connection.execute(
            "INSERT INTO entries (scope, key, value) VALUES ('bench', ?, ?) "
            "ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value",
            (key, value),
        )

    def load(self, key: str) -> object:
        return self._connection.execute("SELECT value FROM entries WHERE scope = 'bench' AND key = ?", (key,)).get


class LuaProcess:
    """A script in a process of its own, started by the installed command as a person starts it."""

    def __init__(self, folder: Path, durability: str) -> None:
        (folder / "bench.toml").write_text(f'[state]\npath = "{folder}/lua"\ndurability = "{durability}"\n')
        (folder / "bench.lua").write_text(SCRIPT)
        self._process = subprocess.Popen(
            [COMMAND, "-c", str(folder / "bench.toml"), "run", str(folder / "bench.lua")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def seconds(self, verb: str, shape: str, times: int) -> float:
        assert self._process.stdin
        assert self._process.stdout
        started = time.perf_counter()
        self._process.stdin.write(f"{verb} {shape} {times}\n")
        if self._process.stdout.readline() != "done\n":
            raise SystemExit("the Lua side failed")
        return time.perf_counter() - started

    def close(self) -> None:
        self._process.communicate("stop\n")


def timed(call: Callable[..., object], arguments: list[tuple[object, ...]]) -> float:
    started = time.perf_counter()
    for each in arguments:
        call(*each)
    return time.perf_counter() - started


def measure(durability: str, shape: Shape, rounds: int, times: int, folder: Path) -> dict[str, list[float]]:
    """Give seconds a call by column, a figure a round."""
    folder.mkdir()
    bare = Bare(folder, durability)
    lua = LuaProcess(folder, durability)
    result: dict[str, list[float]] = {}
    with llmspell.open(folder / "python", durability=durability) as store:
        for number in range(rounds + 1):
            values = [shape.make(number * times + i) for i in range(times)]
            keys = [f"{shape.name}{(number * times + i) % KEYS}" for i in range(times)]
            encoded = [orjson.dumps(value) for value in values]
            seconds = {
                "bare save": timed(bare.save, list(zip(keys, encoded, strict=True))),
                "Python save": timed(store.save, [("bench", *pair) for pair in zip(keys, values, strict=True)]),
                "Lua save": lua.seconds("save", shape.name, times),
                "bare load": timed(bare.load, [(key,) for key in keys]),
                "Python load": timed(store.load, [("bench", key) for key in keys]),
                "Lua load": lua.seconds("load", shape.name, times),
            }
            if number:  # the first round only warms up
                for column, total in seconds.items():
                    result.setdefault(column, []).append(total / times)
    lua.close()
    return result


def start_up(folder: Path, rounds: int) -> dict[str, float]:
    """Give the seconds of whole processes: `python -c pass`, and `llmspell run` with one save and one load."""
    (folder / "one.lua").write_text(
        'State.save("bench", "one", { n = 1 })\nassert(State.load("bench", "one").n == 1)\n'
    )
    (folder / "one.toml").write_text(f'[state]\npath = "{folder}/one"\n')
    script_file = str(folder / "one.lua")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "llmspell run": [COMMAND, "run", script_file],
        "llmspell -c FILE run": [COMMAND, "-c", str(folder / "one.toml"), "run", script_file],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    # Bytecode is kept, as after every installation.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for number in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, cwd=folder, env=environment)
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in seconds.items()}


def show(durability: str, shape: Shape, result: dict[str, list[float]]) -> None:
    for verb in ("save", "load"):
        bare = result[f"bare {verb}"]
        cells = [f"{statistics.median(bare) * 1e6:9.1f}"]
        for language in ("Python", "Lua"):
            ours = result[f"{language} {verb}"]
            ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
            cells.append(f"{statistics.median(ours) * 1e6:9.1f}  x{ratio:5.2f}")
        print(f"{durability:8} {verb:5} {shape.words:20} {'  '.join(cells)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how many rounds to take the median of (9)")
    parser.add_argument("--times", type=int, default=1500, help="how many calls a round (1500)")
    options = parser.parse_args()
    print(f"SQLite {apsw.sqlite_lib_version()}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print("microseconds a call, and the ratio to the bare engine")
    print(f"{'':8} {'':5} {'':20} {'bare':>9}  {'Python':>9}  {'':6}  {'Lua':>9}")
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).resolve()
        for durability in ("normal", "full"):
            for shape in SHAPES:
                place = folder / f"{durability}-{shape.name}"
                show(durability, shape, measure(durability, shape, options.rounds, options.times, place))
        print("\nmilliseconds of a whole process, the script saves once and loads once")
        seconds = start_up(folder, 30)
    bare = seconds["python -c pass"]
    for name, each in seconds.items():
        print(f"{name:22} {each * 1e3:6.1f}  x{each / bare:5.2f}")


if __name__ == "__main__":
    main()

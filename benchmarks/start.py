"""What does a whole process cost, in time and memory? `llmspell run` beside a Python that does nothing.

All are started in turns, in random order, with their bytecode kept as after every installation. Those that save have
their value on the disk before they end. Beside them stand programs that a person would write instead, in Python with
the bare engine and with diskcache; these know no other language and no configuration, and confine nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measuring import DISK, Goal, Row, Scene, in_turns

AREA = "start"
RUNS = 25
QUICK_RUNS = 12
MEMORY_RUNS = 5
QUICK_MEMORY_RUNS = 2

NOTHING = "python -c pass"
SAVING_IN_LUA = "llmspell run, Lua"

GOALS = (
    Goal(
        "`llmspell run` of a Lua script that saves and loads takes at most 3x as long as `python -c pass`",
        f"{AREA}: a process that saves and loads, {DISK}",
        SAVING_IN_LUA,
        NOTHING,
        3.0,
    ),
)

_SCRIPTS = {
    "print.lua": "print(1)\n",
    "print.js": "console.log(1)\n",
    "save.lua": 'State.save("scope", "key", { a = 1 }) print(State.load("scope", "key").a)\n',
    "save.js": 'State.save("scope", "key", {a: 1}); console.log(State.load("scope", "key").a)\n',
    "with_apsw.py": """import apsw, orjson, os
connection = apsw.Connection("engine.db")
connection.pragma("journal_mode", "WAL")
connection.pragma("synchronous", "FULL")
connection.execute("CREATE TABLE IF NOT EXISTS entries (scope TEXT, key TEXT, value BLOB, UNIQUE (scope, key))")
connection.execute("INSERT INTO entries VALUES ('scope', 'key', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                   (orjson.dumps({"a": os.getpid()}),))
text, = connection.execute("SELECT value FROM entries WHERE scope = 'scope' AND key = 'key'").fetchone()
print(orjson.loads(text)["a"])
""",
    "with_diskcache.py": """import diskcache, os
cache = diskcache.Cache("cache", sqlite_synchronous=2)
cache["key"] = {"a": os.getpid()}
print(cache["key"]["a"])
""",
}

# A process of its own in between: the system counts what a process had before it became another program as its
# memory too, and this one, without any library, has less than whatever is measured.
_TELL_PEAK = """
import os, sys
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, used = os.wait4(process, 0)
print(used.ru_maxrss * 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def rows(scene: Scene) -> Iterator[Row]:
    """Measure processes that print, processes that save and load, and the most memory that these take."""
    folder = scene.folder
    for name, text in _SCRIPTS.items():
        (folder / name).write_text(text)
    (folder / "elsewhere.toml").write_text('[state]\npath = "./elsewhere"\n')
    llmspell = str(Path(sys.executable).with_name("llmspell"))
    configured = [llmspell, "-c", "elsewhere.toml"]
    nothing = {NOTHING: [sys.executable, "-c", "pass"]}
    printing = {
        "llmspell run, Lua": [llmspell, "run", "print.lua"],
        "llmspell run, JavaScript": [llmspell, "run", "print.js"],
    }
    saving = {
        SAVING_IN_LUA: [llmspell, "run", "save.lua"],
        "llmspell run, Lua, with a file": [*configured, "run", "save.lua"],
        "llmspell run, JavaScript": [llmspell, "run", "save.js"],
        "llmspell run, JavaScript, with a file": [*configured, "run", "save.js"],
        "Python program, bare apsw": [sys.executable, "with_apsw.py"],
    }
    if find_spec("diskcache"):
        saving["Python program, diskcache"] = [sys.executable, "with_diskcache.py"]

    runs, memory_runs = (QUICK_RUNS, QUICK_MEMORY_RUNS) if scene.quick else (RUNS, MEMORY_RUNS)
    for row, measure, commands, times in (
        (Row(AREA, "a process that prints a line", "", "ms", {}), _seconds, printing, runs),
        (Row(AREA, "a process that saves and loads", DISK, "ms", {}), _seconds, saving, runs),
        (Row(AREA, "most memory of a process that saves and loads", "", "MB", {}), _peak_bytes, saving, memory_runs),
    ):
        if scene.wants(row.key):
            scene.say(f"{row.key}, {times} times")
            calls = {name: partial(measure, command, folder) for name, command in (nothing | commands).items()}
            yield row._replace(figures=in_turns(calls, times))


def _seconds(command: list[str], folder: Path, _: int) -> float:
    environment = _environment()
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _peak_bytes(command: list[str], folder: Path, _: int) -> float:
    telling = [sys.executable, "-I", "-S", "-c", _TELL_PEAK, *command]
    told = subprocess.run(telling, check=True, cwd=folder, env=_environment(), capture_output=True, text=True)
    return float(told.stdout)


def _environment() -> dict[str, str]:
    """Give the environment without what would keep Python from keeping its bytecode."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

"""Which calls did a program make to the system, and did anything leave it that a power cut would take back?

The calls are heard by a small library (`system_calls.c`) that is compiled for the tests and loaded into the program
and into what that starts.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).with_suffix(".c")


class Call(NamedTuple):
    """What was done: `write`, `sync`, `make`, `cut`, `remove`, `rename`, `start`, `exit`, or `failed` for a sync.

    `path` is absolute, or `out` and `err` for the standard streams, or the name of a program that was started.
    """

    kind: str
    size: int
    process: int
    path: str


def listener(folder: Path) -> Path:
    """Compile the library into the folder and give its path; skip the test where that cannot be."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the calls to the system are only listened to on Linux")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = folder / "system_calls.so"
    words = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wno-nonnull-compare", "-o", str(library), str(SOURCE)]
    subprocess.run([*words, "-ldl"], check=True)
    return library


def heard(log: Path) -> list[Call]:
    """Give the calls in their order."""
    calls = []
    for line in log.read_text().splitlines():
        kind, size, process, path = line.split("\t")
        calls.append(Call(kind, int(size), int(process), path))
    return calls


def leaks(calls: list[Call], folder: Path, *, unsynced: bool = False) -> list[str]:
    """Tell what left the programs while something in the store `folder/state` was not on the disk.

    What leaves is what they write to their streams and to files of the folder, what they do to those, other programs
    that they start, and their end. `unsynced` says that somebody else has written to the log before.
    """
    store = str(folder / "state")
    database, log = f"{store}/state.db", f"{store}/state.db-wal"
    open_to_loss = {log} if unsynced else set()
    found = []
    for number, call in enumerate(calls):
        if call.kind == "write" and call.path in (database, log):
            open_to_loss.add(call.path)
        elif call.kind == "make" and call.path in (store, database, log):
            open_to_loss.add(str(Path(call.path).parent))
        elif call.kind == "remove" and call.path == log:
            open_to_loss.discard(log)
        elif call.kind == "sync":
            open_to_loss.discard(call.path)
        elif open_to_loss and _leaves(call, folder):
            found.append(f"{number}: {call.kind} {call.path} while open to loss: {', '.join(sorted(open_to_loss))}")
    return found


def _leaves(call: Call, folder: Path) -> bool:
    if call.kind in ("start", "exit") or call.path in ("out", "err"):
        return True
    return call.kind != "sync" and call.path.startswith(f"{folder}/") and not call.path.startswith(f"{folder}/state/")


def syncs_of_log(calls: list[Call]) -> int:
    """Count how often the store's log was brought to the disk."""
    return sum(call.kind == "sync" and call.path.endswith("/state.db-wal") for call in calls)

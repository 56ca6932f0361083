"""On what was measured? The machine, the disk and the programs, by name, so that figures can be placed."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import statistics
import subprocess
import time
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import apsw
from benchmarks import redis_server

PACKAGES = (
    *("llmspell", "apsw", "orjson", "lupa", "quickjs-ng", "diskcache", "langgraph-checkpoint-sqlite", "lmdb"),
    *("py-key-value-aio", "redis", "sqlitedict"),
)
SYNC = "one fdatasync of 4 KB"
_SYNCS = 30
_APART = 1.5
"""From so many times on, the disk was another one at the end than at the start, and both are told."""
_AT_START, _AT_END = " at the start, ", " at the end"


def machine(folder: Path, sync_seconds: tuple[float, float]) -> dict[str, str]:
    """Give what there is to say, by words; `folder` is where the files of the measurement are.

    `sync_seconds` are of `fdatasync_seconds` at the start and at the end of the run.
    A package (or Redis) that is not installed has the version "".
    """
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": str(os.cpu_count() or 1),
        "memory": _memory(),
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": file_system(folder),
        SYNC: sync_told(*sync_seconds),
        "Python": platform.python_version(),
        "SQLite": f"{apsw.sqlite_lib_version()} (apsw), {sqlite3.sqlite_version} (sqlite3)",
        **{package: _version(package) for package in PACKAGES},
        "redis-server": _redis_version(),
    }


def summary(named: dict[str, str]) -> str:
    """Give the machine in a line."""
    cores = f"{named['cores']} core" + ("s" if named["cores"] != "1" else "")
    return ", ".join(
        (
            f"{named['processor']} ({cores}, {named['memory']})",
            named["kernel"],
            f"{named['file system']} with {named[SYNC].replace(_AT_START, ', later ').removesuffix(_AT_END)} a sync",
            f"Python {named['Python']}",
            named["date"],
        )
    )


def sync_told(start: float, end: float) -> str:
    """Give the seconds of a sync in words; both, when they lie too far apart for one to stand for the run.

    >>> sync_told(90e-6, 100e-6), sync_told(90e-6, 140e-6)
    ('90 us', '90 us at the start, 140 us at the end')
    """
    if max(start, end) <= _APART * min(start, end):
        return f"{start * 1e6:,.0f} us"
    return f"{start * 1e6:,.0f} us{_AT_START}{end * 1e6:,.0f} us{_AT_END}"


def missing(named: dict[str, str]) -> list[str]:
    """Give what could have taken part and is not installed."""
    return [word for word in (*PACKAGES, "redis-server") if not named[word]]


def file_system(folder: Path) -> str:
    """Give the type of the file system that the folder is on."""
    found, at = "unknown", ""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        place = left.split(" ")[4]
        if len(place) >= len(at) and folder.resolve().is_relative_to(place):
            found, at = right.split(" ")[0], place
    return found


def fdatasync_seconds(folder: Path) -> float:
    """Give the median seconds of a sync of 4 KB that were just written over."""
    path, seconds = folder / "sync", []
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        for _ in range(_SYNCS):
            os.pwrite(descriptor, os.urandom(4096), 0)
            started = time.perf_counter()
            os.fdatasync(descriptor)
            seconds.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
        path.unlink()
    return statistics.median(seconds)


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _memory() -> str:
    found = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return f"{int(found[1]) / 2**20:.0f} GB" if found else "unknown memory"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _redis_version() -> str:
    binary = shutil.which(redis_server.BINARY)
    if binary is None:
        return ""
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v=(\S+)", told)
    return found[1] if found else "of unknown version"

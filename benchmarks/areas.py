"""Which areas are measured, and where? Each is a module with `AREA`, `GOALS` and `rows(scene)`."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn, Protocol, cast

from benchmarks.measuring import Goal, Row, Scene

MODULES = ("operations", "languages", "transactions", "processes", "start", "million", "upkeep", "parts")
"""In the order of the table; these are the words of `--only`."""

ROUNDS, QUICK_ROUNDS = 9, 5
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "benchmark"
"""Where a run leaves its files, and measures: on the disk of the tree."""
PART = FOLDER / "part"
"""Where a run of single areas does, so that it leaves the files of a full one alone."""


class Area(Protocol):
    """What a module of an area has."""

    GOALS: tuple[Goal, ...]

    def rows(self, scene: Scene) -> Iterator[Row]:
        """Measure, and give each row when it is done."""


def areas(names: Iterable[str] = MODULES) -> dict[str, Area]:
    """Give the areas with these names, in the order of the table."""
    wanted = set(names)
    return {name: cast(Area, import_module(f"benchmarks.{name}")) for name in MODULES if name in wanted}


@contextmanager
def workplace(beside: Path) -> Iterator[Path]:
    """Give an empty folder in the folder `beside`, on its disk; it is gone afterwards, also after Ctrl-C or `kill`."""
    beside.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with tempfile.TemporaryDirectory(dir=beside, prefix=".measuring-", ignore_cleanup_errors=True) as name:
            yield Path(name).resolve()
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def progress() -> Callable[[str], None]:
    """Give what tells on standard error how far it is, with the seconds since now; the same words only once."""
    started, told = time.monotonic(), set[str]()

    def say(text: str) -> None:
        if text not in told:
            told.add(text)
            print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)

    return say


def until_interrupted(main: Callable[[], None]) -> None:
    """Do it; Ctrl-C ends it with a line and the exit status that shells know."""
    try:
        main()
    except KeyboardInterrupt:
        print("stopped by Ctrl-C before the end", file=sys.stderr)
        sys.exit(130)

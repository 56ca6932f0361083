"""How fast is llmspell beside its peers? Measures everything, prints one table, and writes it to files at the end.

`make bench` runs it, in a few minutes; progress goes to standard error. A run of single areas (`--only`) has a folder
of its own, so that the files of a full run stay.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from benchmarks import results, table
from benchmarks.areas import (
    FOLDER,
    MODULES,
    PART,
    QUICK_ROUNDS,
    ROUNDS,
    areas,
    progress,
    until_interrupted,
    workplace,
)
from benchmarks.machine import fdatasync_seconds, machine
from benchmarks.measuring import Row, Scene
from benchmarks.notes import notes
from benchmarks.results import Results

RESULTS, TABLE, PICTURE = "results.json", "table.txt", "benchmark.png"
"""The files in the folder of a run."""


def measure(names: list[str], rounds: int, quick: bool, beside: Path, say: Callable[[str], None]) -> Results:
    """Measure the areas in a folder of their own in `beside`, and give everything."""
    started = time.monotonic()
    found: list[Row] = []
    chosen = areas(names)
    with workplace(beside) as folder:
        sync_before = fdatasync_seconds(folder)
        for name, area in chosen.items():
            place = folder / name
            place.mkdir()
            found += area.rows(Scene(place, rounds, quick, say))
        named = machine(folder, (sync_before, fdatasync_seconds(folder)))
    goals = tuple(goal for area in chosen.values() for goal in area.GOALS)
    return Results(named, quick, rounds, tuple(chosen), time.monotonic() - started, tuple(found), goals)


def main() -> None:
    """Read the command line and do it."""
    options = _options()
    folder: Path = options.into
    say, drawn = progress(), not options.only
    if drawn and not find_spec("matplotlib"):
        drawn = False
        say("there will be no picture, because matplotlib is not installed; `make bench` installs it")
    measured = measure(options.only or list(MODULES), options.rounds, options.quick, folder, say)
    text = table.as_text(measured, notes(options.quick))
    print(text)
    results.write(measured, folder / RESULTS)
    (folder / TABLE).write_text(text)
    (folder / PICTURE).unlink(missing_ok=True)  # one of another run
    if drawn:
        from benchmarks import plot

        plot.draw(measured, folder / PICTURE)
    written = [RESULTS, TABLE, *([PICTURE] if drawn else [])]
    print(f"written: {', '.join(str(folder / name) for name in written)}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, calls and entries: a minute or two")
    parser.add_argument(
        "--only",
        action="append",
        choices=MODULES,
        help="measure this area alone, without a picture (may be given again)",
    )
    parser.add_argument("--rounds", type=int, help=f"figures of each contestant ({ROUNDS}, quick {QUICK_ROUNDS})")
    parser.add_argument(
        "--into",
        type=Path,
        help=f"the folder for table, figures and picture, and for what is measured on "
        f"(build/{FOLDER.name}; with --only build/{FOLDER.name}/{PART.name})",
    )
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = QUICK_ROUNDS if options.quick else ROUNDS
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} measures nothing; give 1 or more")
    options.into = (options.into or (PART if options.only else FOLDER)).resolve()
    try:
        options.into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--into {options.into} cannot be a folder ({error.strerror}); name another one")
    return options


if __name__ == "__main__":
    until_interrupted(main)

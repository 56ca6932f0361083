"""How fast is llmspell beside its peers? Measures everything, prints one table, and writes it to files.

`make bench` runs it, in a few minutes; progress goes to standard error.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import peers, results, table
from benchmarks.areas import FOLDER, MODULES, QUICK_ROUNDS, ROUNDS, areas, progress, workplace
from benchmarks.machine import machine
from benchmarks.measuring import Row, Scene
from benchmarks.results import Results

RESULTS, TABLE, PICTURE = "results.json", "table.txt", "benchmark.png"
"""The files in the folder of a run."""


def measure(names: list[str], rounds: int, quick: bool, beside: Path) -> Results:
    """Measure the areas in a folder of their own in `beside`, and give everything."""
    started, say = time.monotonic(), progress()
    found: list[Row] = []
    chosen = areas(names)
    with workplace(beside) as folder:
        named = machine(folder)
        for name, area in chosen.items():
            place = folder / name
            place.mkdir()
            found += area.rows(Scene(place, rounds, quick, say))
    goals = tuple(goal for area in chosen.values() for goal in area.GOALS)
    return Results(named, quick, time.monotonic() - started, tuple(found), goals)


def main() -> None:
    """Read the command line and do it."""
    options = _options()
    folder: Path = options.into
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PICTURE).unlink(missing_ok=True)  # one of another run
    measured = measure(options.only or list(MODULES), options.rounds, options.quick, folder)
    results.write(measured, folder / RESULTS)
    text = table.as_text(measured, peers.notes())
    (folder / TABLE).write_text(text)
    print(text)
    if not options.only:
        from benchmarks import plot

        plot.draw(measured, folder / PICTURE)
    print(f"written: {', '.join(sorted(str(file) for file in folder.iterdir() if file.is_file()))}", file=sys.stderr)


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
        default=FOLDER,
        help="the folder for table, figures and picture, and for what is measured on",
    )
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = QUICK_ROUNDS if options.quick else ROUNDS
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} measures nothing; give 1 or more")
    options.into = options.into.resolve()
    return options


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

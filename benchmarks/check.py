"""Has llmspell become slower beside its peers? Compares ratios with the committed ones, never times.

`make bench-check` measures the rows that have goals, quickly, and fails when a ratio is worse than the committed one
by more than the margin: 1.35 times, for rows with whole processes 1.5 times. A ratio that seems worse is measured
again up to twice before it counts. `--commit-ratios` measures three times and writes the medians to the file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.areas import FOLDER, MODULES, QUICK_ROUNDS, areas, progress, workplace
from benchmarks.machine import machine, summary
from benchmarks.measuring import Goal, Scene, ratio

RATIOS = Path(__file__).resolve().parent / "ratios.json"
ATTEMPTS = 3
MARGIN = 1.35
MARGINS = {"processes": 1.5, "start": 1.5}
"""By area; where whole processes are started or compete, the machine decides more."""


class Comparison(NamedTuple):
    """A ratio beside the committed one."""

    goal: Goal
    found: float
    committed: float
    margin: float

    @property
    def holds(self) -> bool:
        """Whether it is within the margin; smaller is better, so a smaller one always is."""
        return self.found <= self.committed * self.margin


def margin_of(goal: Goal) -> float:
    """Give how many times the committed ratio the goal's may be."""
    return MARGINS.get(goal.row.partition(":")[0], MARGIN)


def compare(goals: list[Goal], found: dict[str, float], committed: dict[str, float]) -> list[Comparison]:
    """Give the goals that have both a measured and a committed ratio, by name, with both."""
    return [
        Comparison(goal, found[goal.name], committed[goal.name], margin_of(goal))
        for goal in goals
        if goal.name in found and goal.name in committed
    ]


def relative_goals() -> list[Goal]:
    """Give the goals that compare two contestants. A time that is compared with nothing cannot be checked elsewhere."""
    return [goal for area in areas().values() for goal in area.GOALS if goal.against]


def measure(goals: list[Goal]) -> dict[str, float]:
    """Measure the rows of these goals and give the ratios by the goals' names; `extra` is not taken off."""
    keys, found = frozenset(goal.row for goal in goals), {}
    with workplace(FOLDER) as folder:
        for name, area in areas(MODULES).items():
            wanted = keys.intersection(goal.row for goal in area.GOALS)
            if not wanted:
                continue
            place = folder / name
            place.mkdir()
            for row in area.rows(Scene(place, QUICK_ROUNDS, True, progress(), wanted)):
                for goal in goals:
                    if goal.row == row.key and {goal.measured, goal.against} <= row.figures.keys():
                        found[goal.name] = ratio(row.figures[goal.measured], row.figures[goal.against])
    return found


def check(committed: dict[str, float]) -> bool:
    """Measure, print each comparison, and tell whether all hold and there was one at all."""
    goals = relative_goals()
    compared = compare(goals, measure(goals), committed)
    for attempt in range(2, ATTEMPTS + 1):
        worse = [each.goal for each in compared if not each.holds]
        if not worse:
            break
        print(f"{len(worse)} seem worse and are measured again ({attempt} of {ATTEMPTS})", file=sys.stderr)
        again = {each.goal.name: each for each in compare(worse, measure(worse), committed)}
        compared = [min(each, again.get(each.goal.name, each), key=lambda one: one.found) for each in compared]
    for each in compared:
        print(
            f"{'ok' if each.holds else 'WORSE':6}{each.found:8.2f}, committed {each.committed:.2f}, "
            f"may be {each.committed * each.margin:.2f}  {each.goal.name}"
        )
    told = {each.goal.name for each in compared}
    for goal in goals:
        if goal.name not in told:
            why = "not measured here" if goal.name in committed else "no committed ratio"
            print(f"{'':6}{why:>8}  {goal.name}")
    return bool(compared) and all(each.holds for each in compared)


def commit() -> None:
    """Measure three times and write the medians."""
    goals, figures = relative_goals(), dict[str, list[float]]()
    for _ in range(ATTEMPTS):
        for name, found in measure(goals).items():
            figures.setdefault(name, []).append(found)
    told = {
        "machine": summary(machine(RATIOS.parent)),
        "ratios": {name: round(statistics.median(found), 3) for name, found in figures.items()},
    }
    RATIOS.write_text(json.dumps(told, indent=1) + "\n")
    print(f"written: {RATIOS}", file=sys.stderr)


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--commit-ratios", action="store_true", help=f"write {RATIOS.name} anew instead of comparing")
    if parser.parse_args().commit_ratios:
        commit()
        return
    if not RATIOS.exists():
        sys.exit(
            f"there are no committed ratios in {RATIOS}; write them with `python -m benchmarks.check --commit-ratios`"
        )
    sys.exit(0 if check(json.loads(RATIOS.read_text())["ratios"]) else 1)


if __name__ == "__main__":
    main()

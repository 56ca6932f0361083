"""Has llmspell become slower beside its peers? Compares ratios with the committed ones, never times.

`make bench-check` measures the rows that have goals, quickly, and fails when a ratio is worse than the committed one
by more than the margin: 1.35 times; 1.5 times in rows on the disk and where whole processes start; 2.0 times beside
Redis, whose way through the loopback changes from one minute to the next. A ratio that seems worse is measured again
up to twice before it counts, and rows on the disk have more calls than in other quick runs.

A goal that was measured and has no committed ratio fails as well. `--commit-ratios` measures three times and writes
the medians to the file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.areas import FOLDER, MODULES, ROUNDS, areas, progress, until_interrupted, workplace
from benchmarks.machine import fdatasync_seconds, machine, summary
from benchmarks.measuring import DISK, Goal, Scene, ratio
from benchmarks.table import number

RATIOS = Path(__file__).resolve().parent / "ratios.json"
ATTEMPTS = 3
DISK_CALLS = 200
MARGIN, DISK_MARGIN, START_MARGIN, REDIS_MARGIN = 1.35, 1.5, 1.5, 2.0
_HOW_TO_COMMIT = "`python -m benchmarks.check --commit-ratios`"


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


def name_of(goal: Goal) -> str:
    """Give what names the ratio of a goal, also in the file: both contestants and the row."""
    return f"{goal.measured} / {goal.against}, {goal.row}"


def margin_of(goal: Goal) -> float:
    """Give how many times the committed ratio the goal's may be."""
    margins = [MARGIN]
    if goal.row.endswith(DISK):
        margins.append(DISK_MARGIN)
    if goal.row.startswith("start:"):
        margins.append(START_MARGIN)
    if goal.against.startswith("Redis"):
        margins.append(REDIS_MARGIN)
    return max(margins)


def compare(goals: list[Goal], found: dict[str, float], committed: dict[str, float]) -> list[Comparison]:
    """Give the goals that have both a measured and a committed ratio, by `name_of`, with both."""
    return [
        Comparison(goal, found[name], committed[name], margin_of(goal))
        for goal in goals
        if (name := name_of(goal)) in found and name in committed
    ]


def relative_goals() -> list[Goal]:
    """Give the goals that compare two contestants. A time that is compared with nothing cannot be checked elsewhere."""
    return [goal for area in areas().values() for goal in area.GOALS if goal.against]


def measure(goals: list[Goal]) -> dict[str, float]:
    """Measure the rows of these goals and give the ratios by `name_of`; `extra` is not taken off."""
    keys, found, say = frozenset(goal.row for goal in goals), dict[str, float](), progress()
    with workplace(FOLDER) as folder:
        for name, area in areas(MODULES).items():
            wanted = keys.intersection(goal.row for goal in area.GOALS)
            if not wanted:
                continue
            place = folder / name
            place.mkdir()
            for row in area.rows(Scene(place, ROUNDS, True, say, wanted, DISK_CALLS)):
                for goal in goals:
                    if goal.row == row.key and {goal.measured, goal.against} <= row.figures.keys():
                        found[name_of(goal)] = ratio(row.figures[goal.measured], row.figures[goal.against])
    return found


def check(committed: dict[str, float]) -> bool:
    """Measure, print each comparison, and tell whether nothing fails."""
    goals = relative_goals()
    found = measure(goals)
    for attempt in range(2, ATTEMPTS + 1):
        worse = [each.goal for each in compare(goals, found, committed) if not each.holds]
        if not worse:
            break
        print(f"{len(worse)} seem worse and are measured again ({attempt} of {ATTEMPTS})", file=sys.stderr)
        for name, again in measure(worse).items():
            found[name] = min(found[name], again)
    passed, lines = judged(goals, found, committed)
    print("\n".join(lines))
    return passed


def judged(goals: list[Goal], found: dict[str, float], committed: dict[str, float]) -> tuple[bool, list[str]]:
    """Give whether nothing fails, and a line for each goal and for each committed ratio that has none.

    It fails when a ratio is worse than its margin allows, when a measured one has no committed one, and when there is
    nothing to compare. A contestant that is not installed here fails nothing.
    """
    compared = compare(goals, found, committed)
    lines = [
        f"{'ok' if each.holds else 'WORSE':10}{name_of(each.goal)}: {number(each.found, 'ratio')}, "
        f"committed {number(each.committed, 'ratio')}, may be {each.margin:.2f} times that"
        for each in compared
    ]
    names = list(dict.fromkeys(map(name_of, goals)))
    uncommitted = [name for name in names if name in found and name not in committed]
    lines += [
        f"{'UNKNOWN':10}{name}: {number(found[name], 'ratio')}, no committed ratio; write one with {_HOW_TO_COMMIT}"
        for name in uncommitted
    ]
    lines += [
        f"{'-':10}{name}: not measured; a contestant is not installed here, or no row has that name"
        for name in names
        if name not in found
    ]
    lines += [
        f"{'STALE':10}{name}: committed, but no goal is about it; take it out of {RATIOS.name}"
        for name in committed
        if name not in names
    ]
    if not compared:
        lines.append("nothing was compared")
    return bool(compared) and not uncommitted and all(each.holds for each in compared), lines


def read_ratios(path: Path) -> dict[str, float]:
    """Give the committed ratios by `name_of`. Raises `ValueError` when there are none or the file is broken."""
    if not path.exists():
        raise ValueError(f"there are no committed ratios in {path}; write them with {_HOW_TO_COMMIT}")
    try:
        return {str(name): float(found) for name, found in json.loads(path.read_text())["ratios"].items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} holds no ratios by name ({error}); write it anew with {_HOW_TO_COMMIT}") from error


def commit() -> None:
    """Measure three times and write the medians."""
    goals, figures = relative_goals(), dict[str, list[float]]()
    FOLDER.mkdir(parents=True, exist_ok=True)
    before = fdatasync_seconds(FOLDER)
    for _ in range(ATTEMPTS):
        for name, found in measure(goals).items():
            figures.setdefault(name, []).append(found)
    told = {
        "machine": summary(machine(FOLDER, (before, fdatasync_seconds(FOLDER)))),
        "ratios": {name: float(f"{statistics.median(found):.3g}") for name, found in figures.items()},
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
    try:
        committed = read_ratios(RATIOS)
    except ValueError as error:
        sys.exit(str(error))
    sys.exit(0 if check(committed) else 1)


if __name__ == "__main__":
    until_interrupted(main)

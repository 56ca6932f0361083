"""What came of a run, which goals are reached, and how is it kept in a file?"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import Goal, Row, ratio

FORMAT = 2


class Results(NamedTuple):
    """A run: the machine by words, the rows in the order of the table, and the goals of the areas that took part."""

    machine: dict[str, str]
    quick: bool
    rounds: int
    areas: tuple[str, ...]
    """The words of `--only`; of a full run all."""
    seconds: float
    rows: tuple[Row, ...]
    goals: tuple[Goal, ...]

    def row(self, key: str) -> Row | None:
        """Give the row with that key, None when it was not measured."""
        return next((row for row in self.rows if row.key == key), None)


class Verdict(NamedTuple):
    """What came of a goal."""

    goal: Goal
    found: float
    """The ratio to the other contestant (`extra` taken off before), or the figure itself when there is no other."""
    reached: bool


def verdict(goal: Goal, rows: Iterable[Row]) -> Verdict | None:
    """Give what came of the goal; None when its row or a contestant of it was not measured."""
    row = next((row for row in rows if row.key == goal.row), None)
    if row is None or goal.measured not in row.figures or (goal.against and goal.against not in row.figures):
        return None
    figures = [figure - goal.extra for figure in row.figures[goal.measured]]
    found = ratio(figures, row.figures[goal.against]) if goal.against else statistics.median(figures)
    return Verdict(goal, found, found <= goal.limit)


def write(results: Results, path: Path) -> None:
    """Write everything to the file; figures in seconds (bytes for MB), six digits each."""
    told = {
        "format": FORMAT,
        "machine": results.machine,
        "quick": results.quick,
        "rounds": results.rounds,
        "areas": results.areas,
        "seconds": round(results.seconds),
        "rows": [
            {
                "key": row.key,
                "area": row.area,
                "name": row.name,
                "kept": row.kept,
                "unit": row.unit,
                "figures": {name: [float(f"{figure:.6g}") for figure in each] for name, each in row.figures.items()},
            }
            for row in results.rows
        ],
        "goals": [{**goal._asdict(), **_outcome(verdict(goal, results.rows))} for goal in results.goals],
    }
    path.write_text(json.dumps(told, indent=1) + "\n")


def read(path: Path) -> Results:
    """Give what `write` wrote. Raises `ValueError` for a file of another format, or of something else."""
    try:
        told = json.loads(path.read_text())
        found = told.get("format")
        if found == FORMAT:
            return Results(
                *(told["machine"], told["quick"], told["rounds"], tuple(told["areas"]), told["seconds"]),
                tuple(Row(*(row[field] for field in Row._fields)) for row in told["rows"]),
                tuple(Goal(*(goal[field] for field in Goal._fields)) for goal in told["goals"]),
            )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not what a run writes ({error}); run `make bench`") from error
    raise ValueError(f"{path} has the format {found!r}, not {FORMAT}; run `make bench`")


def _outcome(found: Verdict | None) -> dict[str, float | bool | None]:
    return {"found": None, "reached": None} if found is None else {"found": found.found, "reached": found.reached}

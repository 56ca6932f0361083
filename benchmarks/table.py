"""How are results shown? As one table of text, and as a few lines of Markdown for the README."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.machine import missing, summary
from benchmarks.measuring import DISK, MEMORY, PROCESS, Row, ratio, spread
from benchmarks.results import Results, Verdict, verdict

WIDTH = 120
_NAME, _FIGURE, _SPREAD = 56, 14, 24
_SCALES = {"us": 1e6, "ms": 1e3, "MB": 1e-6, "ratio": 1.0}
MARKERS = ("<!-- benchmark -->", "<!-- /benchmark -->")


def reference(row: Row) -> str:
    """Give the contestant that the others are compared with: the first one of llmspell, else the first."""
    return next((name for name in row.figures if name.startswith("llmspell")), next(iter(row.figures)))


def number(figure: float, unit: str) -> str:
    """Give the figure in the unit with three digits that count, without the unit.

    >>> number(0.0000123456, "us"), number(0.0123456, "us"), number(64_200_000, "MB"), number(0.00486, "ratio")
    ('12.3', '12,346', '64.2', '0.00486')
    """
    scaled = figure * _SCALES[unit]
    exponent = int(f"{scaled:.2e}".partition("e")[2])  # after rounding: 9.999 is 10.0
    return f"{scaled:,.{max(2 - exponent, 0)}f}"


def shown(figure: float, unit: str) -> str:
    """Give the figure with its unit; a ratio has none."""
    return number(figure, unit) + ("" if unit == "ratio" else f" {unit}")


def as_text(results: Results, notes: dict[str, str]) -> str:
    """Give the whole table; `notes` are what one should know of contestants and rows, by their names."""
    lines = [*_machine_lines(results), ""]
    area = ""
    for row in results.rows:
        if row.area != area:
            area = row.area
            lines += [
                f"{area.upper():{_NAME}}{'median':>{_FIGURE}}{'middle half':>{_SPREAD}}{'beside llmspell':>20}",
                "",
            ]
        lines += [*_row_lines(row), ""]
    if results.goals:
        lines += [*_goal_lines(results), ""]
    lines += _note_lines(results, notes)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _machine_lines(results: Results) -> Iterator[str]:
    yield f"llmspell beside its peers, {'a quick run' if results.quick else 'a full run'} of {results.seconds:.0f} s"
    yield from _wrapped([f"{word} {told}" for word, told in results.machine.items() if told], "; ")
    left_out = missing(results.machine)
    if left_out:
        yield f"left out, because not installed: {', '.join(left_out)}"
    if results.machine["file system"] == "tmpfs":
        yield "THE FILES WERE IN MEMORY (tmpfs): what is said here of the disk is wrong"


def _row_lines(row: Row) -> Iterator[str]:
    yield f"  {row.name}" + (f", {row.kept}" if row.kept else "")
    base = row.figures[reference(row)]
    for name, figures in sorted(row.figures.items(), key=lambda each: spread(each[1]).median):
        middle = spread(figures)
        sides = f"{number(middle.low, row.unit)} - {number(middle.high, row.unit)}"
        beside = "1" if figures is base else f"x {number(ratio(figures, base), 'ratio')}" if all(base) else ""
        yield f"    {name:{_NAME - 4}}{shown(middle.median, row.unit):>{_FIGURE}}{sides:>{_SPREAD}}{beside:>20}"


def _goal_lines(results: Results) -> Iterator[str]:
    yield "GOALS"
    for goal in results.goals:
        found = verdict(goal, results.rows)
        if found is None:
            yield f"  not measured  {goal.name}"
        else:
            yield f"  {'reached' if found.reached else 'MISSED':14}{goal.name}"
            yield f"{'':16}{_measured(found, results)}"


def _measured(found: Verdict, results: Results) -> str:
    goal = found.goal
    if goal.against:
        more = f", {shown(goal.extra, 'us')} taken off" if goal.extra else ""
        return f"{number(found.found, 'ratio')} of {goal.against}{more}; may be {number(goal.limit, 'ratio')}"
    row = results.row(goal.row)
    unit = row.unit if row else "ratio"
    return f"{shown(found.found, unit)}; may be {shown(goal.limit, unit)}"


def _note_lines(results: Results, notes: dict[str, str]) -> Iterator[str]:
    taking_part = {name for row in results.rows for name in (row.name, *row.figures)}
    yield "NOTES"
    yield "  A figure of a round is the mean of many calls; shown are the median of the rounds and their middle half."
    yield "  Beside llmspell stands the median of the ratios of the rounds: x 2.00 took twice as long."
    for name, note in notes.items():
        if name in taking_part:
            yield f"  {name}: {note}"


def _wrapped(words: list[str], between: str) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + len(between) + len(word) > WIDTH:
            yield line
            line = word
        else:
            line = line + between + word if line else word
    if line:
        yield line


class _Line(NamedTuple):
    """A line of the README's table: what is done, in which row it was measured, and who of each column did it."""

    title: str
    row: str
    contestants: tuple[str, ...]


_COLUMNS = ("llmspell", "bare SQLite", "LMDB", "diskcache", "Redis", "LangGraph's SqliteStore")
_READING = ("llmspell", "bare apsw", "LMDB", "diskcache", "Redis", "LangGraph")
_LINES = (
    _Line(
        "save, on the disk when the call returns",
        f"one entry: save, 200 B, {DISK}",
        ("llmspell full", "bare apsw FULL", "LMDB sync", "", "Redis AOF always", "LangGraph SqliteStore"),
    ),
    _Line(
        "save, safe when the process dies",
        f"one entry: save, 200 B, {PROCESS}",
        ("llmspell normal", "bare apsw NORMAL", "LMDB nosync", "diskcache", "", ""),
    ),
    _Line(
        "save, in memory", f"one entry: save, 200 B, {MEMORY}", ("llmspell memory", "", "", "", "Redis without AOF", "")
    ),
    _Line("load", "one entry: load, 200 B", _READING),
    _Line("load 10 KB, 27 messages", "one entry: load, 10 KB, 27 messages", _READING),
    _Line("list 1,000 of 100,000 keys", "one entry: list 1,000 keys under a prefix, of 100,000", _READING),
    _Line(
        "save in a Lua script, safe when the process dies",
        f"languages: save, 200 B, {PROCESS}",
        ("llmspell, Lua, normal", "", "", "", "", ""),
    ),
    _Line("load in a Lua script", "languages: load, 200 B", ("llmspell, Lua", "", "", "", "", "")),
)


def as_markdown(results: Results, picture: str = "") -> str:
    """Give the README's table with the machine's name under it, and the picture when its path is given.

    Lines that were not measured are left out, and so are columns in which nothing stands.
    """
    lines = [(line.title, _cells(line, results)) for line in _LINES]
    lines = [(title, cells) for title, cells in lines if any(cells)]
    used = [place for place in range(len(_COLUMNS)) if any(cells[place] for _, cells in lines)]
    table = [
        "| median of one call | " + " | ".join(_COLUMNS[place] for place in used) + " |",
        "|---|" + "---:|" * len(used),
        *(f"| {title} | " + " | ".join(cells[place] for place in used) + " |" for title, cells in lines),
    ]
    told = (
        "Values are about 200 bytes of JSON and programs are in Python where nothing else is said; the codec is in "
        f"every figure. {summary(results.machine)}. `make bench` measures on yours, with more contestants."
    )
    parts = ["\n".join(table), told]
    if picture:
        parts.append(f"![The same as bars]({picture})")
    return "\n\n".join(parts)


def _cells(line: _Line, results: Results) -> list[str]:
    row = results.row(line.row)
    figures = {} if row is None else row.figures
    unit = "us" if row is None else row.unit
    return [shown(spread(figures[name]).median, unit) if name in figures else "" for name in line.contestants]


def put_between_markers(text: str, table: str, page: str) -> str:
    """Give the text of the page with the table between the two marker comments.

    Raises `ValueError`, with the page's name, when they are not there.
    """
    begin, end = MARKERS
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"there is no place for the table in {page}; put {begin} and {end} where it belongs")
    return f"{before}{begin}\n{table}\n{end}{after}"

"""The table shows medians, spreads, ratios and goals within its width; the README's lines come between two markers."""

import pytest
from benchmarks import table
from benchmarks.machine import PACKAGES
from benchmarks.measuring import Goal, Row
from benchmarks.results import Results

MACHINE = {
    "date": "2026-01-02",
    "processor": "A Processor",
    "cores": "2",
    "memory": "4 GB",
    "kernel": "Linux 6",
    "file system": "ext4",
    "one fdatasync of 4 KB": "100 us",
    "Python": "3.11.7",
    "redis-server": "",
    **dict.fromkeys(PACKAGES, "1.0"),
}
LOAD = Row("one entry", "load, 200 B", "", "us", {"LMDB": [2e-6, 2e-6, 2e-6], "llmspell": [8e-6, 10e-6, 9e-6]})
RESULTS = Results(
    *(MACHINE, False, 9, ("operations",), 60.0, (LOAD,)),
    (
        Goal("loads are quick", "one entry: load, 200 B", "llmspell", "LMDB", 4.0),
        Goal("loads are quick enough", "one entry: load, 200 B", "llmspell", "", 1e-3),
        Goal("saves are quick", "one entry: save, 200 B", "llmspell", "LMDB", 4.0),
    ),
)


@pytest.mark.parametrize(
    ("figure", "unit", "told"),
    [
        *(
            (0.0000123456, "us", "12.3"),
            (9.999e-6, "us", "10.0"),
            (0.0123456, "us", "12,346"),
            (0.00061, "ms", "0.610"),
        ),
        *((99.97e-6, "us", "100"), (64_230_000.0, "MB", "64.2"), (0.5, "ratio", "0.500")),
        *((0.004861, "ratio", "0.00486"), (1069.25, "ratio", "1,069"), (0.0, "ratio", "0.00")),
    ],
)
def test_a_figure_has_three_digits_that_count(figure: float, unit: str, told: str) -> None:
    assert table.number(figure, unit) == told


def test_the_others_are_compared_with_the_first_of_llmspell() -> None:
    row = Row("start", "run", "", "ms", {"python": [1.0], "llmspell run": [3.0], "llmspell exec": [2.0]})
    assert table.reference(row) == "llmspell run"
    assert table.reference(row._replace(figures={"python": [1.0], "other": [3.0]})) == "python"


def test_the_table_tells_medians_ratios_goals_and_what_is_missing() -> None:
    lines = table.as_text(RESULTS, {"LMDB": "a note", "Redis": "another note"}).splitlines()
    assert max(map(len, lines)) <= table.WIDTH
    told = [" ".join(line.split()) for line in lines]
    assert "LMDB 2.00 us 2.00 - 2.00 x 0.222" in told
    assert "llmspell 9.00 us 8.50 - 9.50 1" in told
    assert told[told.index("MISSED loads are quick") + 1] == "4.50 of LMDB; may be 4.00"
    assert told[told.index("reached loads are quick enough") + 1] == "9.00 us; may be 1,000 us"
    assert "not measured saves are quick" in told
    assert "left out, because not installed: redis-server" in told
    assert "LMDB: a note" in told
    assert not any("another note" in line for line in told)


def test_a_run_of_areas_without_goals_says_nothing_of_goals() -> None:
    assert "GOALS" in table.as_text(RESULTS, {})
    assert "GOALS" not in table.as_text(RESULTS._replace(goals=()), {})


def test_a_note_stands_under_the_table_for_a_row_as_for_a_contestant() -> None:
    assert "  load, 200 B: a note\n" in table.as_text(RESULTS, {"load, 200 B": "a note"})


def test_files_in_memory_are_told_loudly() -> None:
    warned = table.as_text(RESULTS._replace(machine={**MACHINE, "file system": "tmpfs"}), {})
    assert "IN MEMORY" in warned
    assert "IN MEMORY" not in table.as_text(RESULTS, {})


def test_the_readme_has_only_what_was_measured_and_names_the_machine() -> None:
    told = table.as_markdown(RESULTS)
    assert "| median of one call | llmspell | LMDB |\n|---|---:|---:|\n| load | 9.00 us | 2.00 us |\n" in told
    assert "A Processor (2 cores, 4 GB), Linux 6" in told
    assert "![" not in told
    assert "](docs/some.png)" in table.as_markdown(RESULTS, "docs/some.png")


def test_a_table_replaces_what_stood_between_the_markers() -> None:
    begin, end = table.MARKERS
    text = f"before\n{begin}\nold\nlines\n{end}\nafter\n"
    assert table.put_between_markers(text, "new", "page.md") == f"before\n{begin}\nnew\n{end}\nafter\n"
    with pytest.raises(ValueError, match=r"no place for the table in page\.md"):
        table.put_between_markers(f"before\n{end}\n", "new", "page.md")

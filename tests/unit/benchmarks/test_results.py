"""A goal is reached or missed by the medians of its row, and a file gives back what was written to it."""

from pathlib import Path

import pytest
from benchmarks import results
from benchmarks.measuring import Goal, Row
from benchmarks.results import Results, verdict

ROW = Row("area", "save", "", "us", {"ours": [2e-6, 4e-6, 6e-6], "theirs": [1e-6, 2e-6, 3e-6]})


@pytest.mark.parametrize(("limit", "reached"), [(2.0, True), (1.9, False)])
def test_a_goal_is_reached_up_to_its_limit(limit: float, reached: bool) -> None:
    found = verdict(Goal("a goal", "area: save", "ours", "theirs", limit), [ROW])
    assert found is not None
    assert (found.found, found.reached) == (2.0, reached)


def test_what_is_allowed_on_top_is_taken_off_before_the_ratio() -> None:
    found = verdict(Goal("a goal", "area: save", "ours", "theirs", 1.5, extra=1e-6), [ROW])
    assert found is not None
    assert found.found == pytest.approx(1.5)


@pytest.mark.parametrize(("limit", "reached"), [(4e-6, True), (3e-6, False)])
def test_a_goal_without_a_peer_is_about_the_median_itself(limit: float, reached: bool) -> None:
    found = verdict(Goal("a goal", "area: save", "ours", "", limit), [ROW])
    assert found is not None
    assert (found.found, found.reached) == (4e-6, reached)


@pytest.mark.parametrize(
    ("row", "measured", "against"), [("other", "ours", "theirs"), ("area: save", "ours", "nobody")]
)
def test_what_was_not_measured_is_neither_reached_nor_missed(row: str, measured: str, against: str) -> None:
    assert verdict(Goal("a goal", row, measured, against, 1.0), [ROW]) is None


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    goal = Goal("a goal", "area: save", "ours", "theirs", 1.5)
    told = Results({"processor": "one"}, True, 5, ("operations",), 12.0, (ROW,), (goal,))
    results.write(told, tmp_path / "results.json")
    assert results.read(tmp_path / "results.json") == told


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="99"):
        results.read(tmp_path / "results.json")


@pytest.mark.parametrize("text", ["{", "[]", f'{{"format": {results.FORMAT}}}'])
def test_a_file_of_something_else_is_told_by_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"results\.json is not what a run writes .* run `make bench`"):
        results.read(path)

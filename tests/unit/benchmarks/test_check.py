"""A ratio is worse when it is beyond the margin over the committed one; times are never compared."""

from pathlib import Path

import pytest
from benchmarks.check import compare, judged, margin_of, name_of, read_ratios, relative_goals
from benchmarks.measuring import Goal

SAVE = Goal("saves are quick", "one entry: save", "llmspell", "LMDB", 4.0)
START = Goal("runs start quickly", "start: run", "llmspell", "python", 3.0)
NAME = "llmspell / LMDB, one entry: save"


@pytest.mark.parametrize(("found", "holds"), [(0.1, True), (2.0, True), (2.7, True), (2.71, False)])
def test_a_ratio_may_be_worse_by_the_margin(found: float, holds: bool) -> None:
    (compared,) = compare([SAVE], {NAME: found}, {NAME: 2.0})
    assert compared.holds == holds


def test_disks_whole_processes_and_redis_have_more_room() -> None:
    on_disk = SAVE._replace(row="one entry: save, on the disk")
    assert margin_of(SAVE) < margin_of(START) == margin_of(on_disk)
    assert margin_of(on_disk) < margin_of(on_disk._replace(against="Redis AOF always"))


def test_a_goal_without_one_of_both_ratios_is_not_compared() -> None:
    assert compare([SAVE, START], {name_of(SAVE): 1.0}, {name_of(START): 1.0}) == []


def test_every_goal_has_a_ratio_of_its_own_name() -> None:
    names = [name_of(goal) for goal in relative_goals()]
    assert len(names) == len(set(names)) > 5


def test_a_line_tells_what_was_measured_and_not_what_was_hoped_for() -> None:
    assert judged([SAVE], {NAME: 2.0}, {NAME: 1.9}) == (
        True,
        [f"ok        {NAME}: 2.00, committed 1.90, may be 1.35 times that"],
    )
    passed, (line,) = judged([SAVE], {NAME: 3.0}, {NAME: 1.9})
    assert not passed
    assert line.startswith(f"WORSE     {NAME}: 3.00")


def test_a_measured_ratio_that_nobody_committed_fails() -> None:
    passed, lines = judged([SAVE, START], {NAME: 2.0, name_of(START): 2.9}, {NAME: 2.0})
    assert not passed
    assert lines[1].startswith(f"UNKNOWN   {name_of(START)}: 2.90, no committed ratio; write one with")


@pytest.mark.parametrize("committed", [{NAME: 2.0}, {NAME: 2.0, name_of(START): 2.0}])
def test_a_contestant_that_is_not_installed_fails_nothing(committed: dict[str, float]) -> None:
    passed, lines = judged([SAVE, START], {NAME: 2.0}, committed)
    assert passed
    assert lines[1].startswith(f"-         {name_of(START)}: not measured")


def test_a_committed_ratio_without_a_goal_is_told() -> None:
    passed, lines = judged([SAVE], {NAME: 2.0}, {NAME: 2.0, "another": 1.0})
    assert passed
    assert lines[1].startswith("STALE     another: committed, but no goal")


def test_where_nothing_can_be_compared_nothing_has_passed() -> None:
    assert not judged([SAVE], {}, {NAME: 2.0})[0]


def test_committed_ratios_are_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "ratios.json").write_text('{"machine": "a machine", "ratios": {"one": 1.5}}')
    assert read_ratios(tmp_path / "ratios.json") == {"one": 1.5}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"ratios": [1]}', '{"ratios": {"one": "slow"}}'])
def test_a_broken_file_of_ratios_is_told_with_what_to_do(text: str, tmp_path: Path) -> None:
    (tmp_path / "ratios.json").write_text(text)
    with pytest.raises(ValueError, match=r"ratios\.json holds no ratios by name .*--commit-ratios"):
        read_ratios(tmp_path / "ratios.json")


def test_without_a_file_it_is_told_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no committed ratios in .*--commit-ratios"):
        read_ratios(tmp_path / "ratios.json")

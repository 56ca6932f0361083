"""A ratio is worse when it is beyond the margin over the committed one; times are never compared."""

import pytest
from benchmarks.check import compare, margin_of
from benchmarks.measuring import Goal

SAVE = Goal("saves are quick", "one entry: save", "llmspell", "LMDB", 4.0)
START = Goal("runs start quickly", "start: run", "llmspell", "python", 3.0)


@pytest.mark.parametrize(("found", "holds"), [(0.1, True), (2.0, True), (2.7, True), (2.71, False)])
def test_a_ratio_may_be_worse_by_the_margin(found: float, holds: bool) -> None:
    (compared,) = compare([SAVE], {SAVE.name: found}, {SAVE.name: 2.0})
    assert compared.holds == holds


def test_whole_processes_have_more_room() -> None:
    assert margin_of(START) > margin_of(SAVE) > 1
    (compared,) = compare([START], {START.name: 2.9}, {START.name: 2.0})
    assert compared.holds


def test_a_goal_without_one_of_both_ratios_is_not_compared() -> None:
    assert compare([SAVE, START], {SAVE.name: 1.0}, {START.name: 1.0}) == []

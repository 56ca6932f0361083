"""Contestants take turns in every round, and figures are put together round by round."""

import gc
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import Row, Scene, in_turns, ratio, spread, timed


def counting(turns: list[tuple[str, int]], name: str) -> Callable[[int], float]:
    def turn(number: int) -> float:
        turns.append((name, number))
        return number * 1.5

    return turn


def test_everybody_has_one_turn_a_round_and_the_first_round_does_not_count() -> None:
    turns: list[tuple[str, int]] = []
    figures = in_turns({name: counting(turns, name) for name in "abc"}, 4)
    assert [sorted(turns[first : first + 3]) for first in range(0, 15, 3)] == [
        [("a", number), ("b", number), ("c", number)] for number in range(5)
    ]
    assert figures == {name: [1.5, 3.0, 4.5, 6.0] for name in "abc"}


def test_the_order_of_a_round_is_drawn() -> None:
    turns: list[tuple[str, int]] = []
    in_turns({name: counting(turns, name) for name in "abcd"}, 40)
    orders = {"".join(name for name, _ in turns[first : first + 4]) for first in range(0, len(turns), 4)}
    assert len(orders) > 5


def test_a_figure_is_the_mean_of_all_calls_and_no_collection_falls_into_it() -> None:
    collecting: list[tuple[bool, int]] = []
    seconds = timed(lambda number: collecting.append((gc.isenabled(), number)), ((number,) for number in range(3)))
    assert collecting == [(False, 0), (False, 1), (False, 2)]
    assert gc.isenabled()
    assert seconds > 0


def test_the_spread_is_the_median_with_the_middle_half() -> None:
    assert spread([4.0, 1.0, 100.0, 2.0, 3.0]) == (3.0, 2.0, 4.0)
    assert spread([7.0]) == (7.0, 7.0, 7.0)


def test_a_ratio_is_taken_round_by_round() -> None:
    # In the last two rounds the machine was slow for both; the ratio of the medians would be 5.
    assert ratio([10.0, 20.0, 100.0, 220.0], [10.0, 20.0, 50.0, 110.0]) == 1.5


def test_a_row_is_named_by_what_was_done_and_what_was_promised() -> None:
    assert Row("one entry", "load, 200 B", "", "us", {}).key == "one entry: load, 200 B"
    assert Row("one entry", "save", "on the disk", "us", {}).key == "one entry: save, on the disk"


def test_a_scene_wants_all_rows_unless_it_names_some(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1, True, print)
    assert scene.wants("any")
    assert not scene._replace(only=frozenset({"this"})).wants("any")

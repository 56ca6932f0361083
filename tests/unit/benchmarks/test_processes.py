"""Is a number that came out wrong told as wrong, and not as fast?"""

from benchmarks.processes import increments


def test_a_wrong_sum_is_told_and_its_speed_is_not() -> None:
    seconds = {"right": [0.2, 0.3], "wrong": [0.1, 0.1]}
    speeds, sums = increments(seconds, {"right": [1.0, 1.0], "wrong": [1.0, 0.999]})
    assert speeds[2] == {"right": [0.2, 0.3]}
    assert sums[2] == {"right": [1.0, 1.0], "wrong: WRONG SUM": [1.0, 0.999]}

from __future__ import annotations

import pytest

from llmspell.cli.commands.backup_points import moment_of, point_of
from llmspell.errors import InvalidArgument
from llmspell.history.points import Point


@pytest.mark.parametrize(
    ("word", "point"),
    [
        ("0", Point(version=0)),
        ("20261122", Point(version=20_261_122)),
        ("1700000000", Point(time=1_700_000_000.0)),
        ("17.5", Point(time=17.5)),
        ("2026-11-22T16:00:00Z", Point(time=1_795_363_200.0)),
        ("2026-11-22 16:00:00+00:00", Point(time=1_795_363_200.0)),
    ],
)
def test_a_word_of_digits_is_a_number_and_any_other_a_date(word: str, point: Point) -> None:
    assert point_of(word) == point


@pytest.mark.parametrize("word", ["", "yesterday", "-1", "1e9", "inf", "nan", "1_000", "٣", "9" * 5_000, "1.", "--"])
def test_what_is_no_point_is_refused(word: str) -> None:
    with pytest.raises(InvalidArgument):
        point_of(word)


def test_where_only_a_moment_makes_sense_a_small_number_is_one() -> None:
    assert moment_of("17") == 17.0
    assert moment_of("2026-11-22T16:00:00Z") == 1_795_363_200.0

"""Moments are written as ISO 8601 text in UTC, to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell.migrations.moments import iso8601, read_moment, spell_moment


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_363_200.0, "2026-11-22T16:00:00Z"),
        (1.5, "1970-01-01T00:00:01.500000Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (-62_135_596_800, "0001-01-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ],
)
def test_epoch_seconds_are_written_in_utc(seconds: float, text: str) -> None:
    assert iso8601(seconds) == text


@pytest.mark.parametrize("seconds", [253_402_300_800, -62_135_596_801, 1e300, float("inf")])
def test_what_no_year_of_four_digits_has_is_refused(seconds: float) -> None:
    with pytest.raises(OverflowError):
        iso8601(seconds)


def test_no_number_is_no_moment() -> None:
    with pytest.raises(ValueError, match="NaN"):
        iso8601(float("nan"))


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-86_399, 86_399))
def test_a_moment_is_the_same_after_writing_and_reading(moment: datetime, offset: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(seconds=offset)))
    assert read_moment(spell_moment(aware)) == aware


def test_text_without_an_offset_is_utc() -> None:
    assert read_moment("2026-11-22") == datetime(2026, 11, 22, tzinfo=UTC)

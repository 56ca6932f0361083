"""A point in time can be said in several ways; what is none is refused with the ways that there are."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from llmspell.errors import InvalidArgument
from llmspell.history.points import Point, iso8601, point

MOMENT = 1_795_363_200.0
"""2026-11-22 16:00 in UTC."""


@pytest.fixture(autouse=True)
def local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let local time be two hours ahead of UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "XYZ-2")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("version", [0, 1, 999_999_999])
def test_a_whole_number_below_a_billion_is_a_version(version: int) -> None:
    assert point(version) == Point(version=version)


@pytest.mark.parametrize("number", [1_000_000_000, MOMENT, 0.0, 17.0, -5.5])
def test_any_other_number_is_a_moment(number: float) -> None:
    assert point(number) == Point(time=float(number))
    assert type(point(number).time) is float


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-22T16:00:00Z",
        "2026-11-22T17:00:00+01:00",
        "20261122T160000Z",
        "2026-11-22 18:00",
        "2026-11-22T18:00:00.000",
        datetime(2026, 11, 22, 18),
        datetime(2026, 11, 22, 16, tzinfo=UTC),
        datetime(2026, 11, 22, 11, tzinfo=timezone(timedelta(hours=-5))),
    ],
    ids=str,
)
def test_a_text_or_a_datetime_is_a_moment_in_local_time_unless_it_has_a_zone(said: str | datetime) -> None:
    assert point(said) == point({"time": said}) == Point(time=MOMENT)


def test_a_day_begins_at_midnight() -> None:
    assert point("2026-11-22").time == MOMENT - 18 * 3_600


def test_a_point_can_be_said_at_length() -> None:
    assert point({"version": 2_000_000_000}) == point(Point(version=2_000_000_000)) == Point(version=2_000_000_000)
    assert point({"time": 17}) == point(Point(time=17)) == Point(time=17.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (-1, "-1 is no version of the store; give a whole number from 0 up"),
        (True, "True says no point in time; give a version (a whole number below 1,000,000,000)"),
        (None, "None says no point in time"),
        ([17], "[17] says no point in time"),
        (float("nan"), "nan is no moment; give epoch seconds"),
        (float("inf"), "inf is no moment"),
        (10**400, "an integer beyond 64 bits is no moment"),
        (-(10**400), "an integer beyond 64 bits is no version"),
        ("yesterday", "'yesterday' is no moment; write it as ISO 8601"),
        ("", "'' is no moment"),
        ("17", "'17' is no moment"),
        ("0001-01-01", "lies beyond the calendar"),
        ({}, "{} says no point in time"),
        ({"version": 1, "time": 2}, "says no point in time"),
        ({"at": 1}, "{'at': 1} says no point in time"),
        ({"version": 1.0}, "1.0 is no version of the store"),
        ({"version": True}, "True is no version of the store"),
        ({"version": 2**63}, "an integer beyond 64 bits is no version of the store"),
        ({"time": None}, "None says no point in time"),
        ({"time": True}, "True says no point in time"),
        (Point(), "says no point; give it a version or a time, and not both"),
        (Point(1, 2.0), "and not both"),
        (Point(version=-1), "-1 is no version"),
        ("x" * 500, "... is no moment"),
    ],
    ids=lambda given: repr(given)[:40],
)
def test_what_is_no_point_is_refused(given: object, words: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        point(given)
    assert words in str(raised.value)
    assert len(str(raised.value)) < 250


def test_a_moment_is_written_in_local_time_so_that_it_can_be_read_again() -> None:
    assert iso8601(MOMENT + 0.25) == "2026-11-22T18:00:00.250+02:00"
    assert point(iso8601(MOMENT + 0.25)).time == MOMENT + 0.25
    assert iso8601(1e300) == "1e+300 epoch seconds"

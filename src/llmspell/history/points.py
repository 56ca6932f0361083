"""Which point in time does somebody mean? A version of the store or a moment, said in one of several ways."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from llmspell.errors import InvalidArgument
from llmspell.limits import MAX_INTEGER

if TYPE_CHECKING:
    from datetime import datetime

FIRST_EPOCH_SECOND = 1_000_000_000
"""A whole number below it (September 2001 as epoch seconds) is a version, any other number is a moment."""

_FORMS = (
    "give a version (a whole number below 1,000,000,000), epoch seconds, an ISO 8601 text, "
    '{"version": n} or {"time": seconds or text}'
)


class Point(NamedTuple):
    """A version of the store, or a moment in epoch seconds; exactly one of them is not None."""

    version: int | None = None
    time: float | None = None


At: TypeAlias = "int | float | str | datetime | Mapping[str, int | float | str | datetime] | Point"
"""The ways to say a point."""


def point(given: object) -> Point:
    """Tell what is meant; raises `InvalidArgument` for anything that is no point.

    A text without a zone is local time.

    >>> point(17), point(1_700_000_000), point("2026-11-22T16:00:00Z")
    (Point(version=17, time=None), Point(version=None, time=1700000000.0), Point(version=None, time=1795363200.0))
    >>> point({"version": 2_000_000_000})
    Point(version=2000000000, time=None)
    """
    if isinstance(given, Point):
        if (given.version is None) == (given.time is None):
            raise InvalidArgument(f"{given} says no point; give it a version or a time, and not both")
        return Point(version=_version(given.version)) if given.time is None else Point(time=_moment(given.time))
    if isinstance(given, Mapping):
        if len(given) != 1:
            raise InvalidArgument(f"{_spell(given)} says no point in time; {_FORMS}")
        ((word, said),) = given.items()
        if word == "version":
            return Point(version=_version(said))
        if word == "time":
            return Point(time=_moment(said))
        raise InvalidArgument(f"{_spell(given)} says no point in time; {_FORMS}")
    if type(given) is int and given < FIRST_EPOCH_SECOND:
        return Point(version=_version(given))
    return Point(time=_moment(given))


def iso8601(moment: float) -> str:
    """Write epoch seconds as ISO 8601 text in local time, to the millisecond; as a number where that cannot be said.

    >>> point(iso8601(1795363200.125)).time
    1795363200.125
    """
    from datetime import datetime

    try:
        return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return f"{moment} epoch seconds"


def _version(said: object) -> int:
    if type(said) is not int or not 0 <= said <= MAX_INTEGER:
        raise InvalidArgument(f"{_spell(said)} is no version of the store; give a whole number from 0 up")
    return said


def _moment(said: object) -> float:
    if type(said) in (int, float):
        return _seconds(said)  # type: ignore[arg-type]
    from datetime import datetime

    if isinstance(said, str):
        try:
            said = datetime.fromisoformat(said)
        except ValueError:
            raise InvalidArgument(
                f"{_spell(said)} is no moment; write it as ISO 8601, "
                'such as "2026-11-22 16:00" or "2026-11-22T16:00:00Z"'
            ) from None
    if not isinstance(said, datetime):
        raise InvalidArgument(f"{_spell(said)} says no point in time; {_FORMS}")
    try:
        return _seconds(said.timestamp())  # one without a zone is local time
    except (OverflowError, ValueError, OSError) as error:
        raise InvalidArgument(f"the moment {said} lies beyond the calendar; name one nearer to now") from error


def _seconds(number: float) -> float:
    try:
        seconds = float(number)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise InvalidArgument(f"{_spell(number)} is no moment; give epoch seconds")
    return seconds


def _spell(thing: object) -> str:
    if type(thing) is int and abs(thing) > MAX_INTEGER:
        return "an integer beyond 64 bits"  # Python refuses to write out those of thousands of digits
    text = repr(thing)
    return text if len(text) <= 80 else text[:77] + "..."

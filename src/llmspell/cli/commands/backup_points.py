"""Which point in time does a word of the command line name? A word of digits is a number, any other an ISO text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmspell.history.points import point

if TYPE_CHECKING:
    from llmspell.history.points import Point

POINT_HELP = "a version (a whole number below 1,000,000,000), epoch seconds, or ISO 8601 such as 2026-11-22T16:00"

_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)


def point_of(word: str) -> Point:
    """Give the point; raises `InvalidArgument` for a word that is none.

    >>> point_of("17"), point_of("1700000000.5"), point_of("2026-11-22T16:00:00Z")
    (Point(version=17, time=None), Point(version=None, time=1700000000.5), Point(version=None, time=1795363200.0))
    """
    return point(_read(word))


def moment_of(word: str) -> float:
    """Give epoch seconds, where a version would make no sense."""
    return point({"time": _read(word)}).time or 0.0


def _read(word: str) -> int | float | str:
    if not _NUMBER.fullmatch(word):
        return word
    return float(word) if "." in word else int(word)

"""How does a value become one of another kind without losing anything? Strictly, or not at all."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from llmspell import codec
from llmspell.limits import MAX_INTEGER, MIN_INTEGER
from llmspell.migrations.moments import EPOCH, iso8601, read_moment, spell_moment
from llmspell.migrations.paths import kind_of
from llmspell.migrations.transforms.base import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.entry import JsonValue

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

_LONGEST_INTEGER = 20
"""Characters of the 64-bit integer with the longest text; Python refuses to read those of thousands."""

_LONGEST_NUMBER = 1_000
"""Characters of number text; the exact value of a float can have about 770 digits."""


def to_int(value: JsonValue) -> int:
    """Give a 64-bit integer.

    >>> to_int("-12"), to_int(3.0), to_int(True)
    (-12, 3, 1)
    """
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer() and MIN_INTEGER <= int(value) <= MAX_INTEGER:
        return int(value)
    if isinstance(value, str) and len(value) <= _LONGEST_INTEGER and _INTEGER.fullmatch(value):
        number = int(value)
        if MIN_INTEGER <= number <= MAX_INTEGER:
            return number
    raise _refusal(value, "an integer of 64 bits")


def to_float(value: JsonValue) -> float:
    """Give a float; an integer, also as text, only if the float is exactly that number.

    >>> to_float("1e3"), to_float(2)
    (1000.0, 2.0)
    """
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and int(float(value)) == value:
        return float(value)
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _NUMBER.fullmatch(value):
        number = float(value)
        if math.isfinite(number) and (not _INTEGER.fullmatch(value) or int(number) == int(value)):
            return number
    raise _refusal(value, "a float")


def to_string(value: JsonValue) -> str:
    """Give text: the JSON text of a number, of true or of false.

    >>> to_string(1.0), to_string(True)
    ('1.0', 'true')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return codec.encode(value).decode()
    raise _refusal(value, "text")


def to_bool(value: JsonValue) -> bool:
    """Give true or false, of themselves, their text, and the integers 1 and 0.

    >>> to_bool("true"), to_bool(0)
    (True, False)
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if value in ("true", "false"):
        return value == "true"
    raise _refusal(value, "true or false")


def to_datetime(value: JsonValue) -> str:
    """Give ISO 8601 text in UTC, of epoch seconds or of ISO 8601 text (without an offset it is UTC).

    >>> to_datetime(0), to_datetime("2026-11-22T17:00+01:00")
    ('1970-01-01T00:00:00Z', '2026-11-22T16:00:00Z')
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _refusal(value, "a date and time")
    try:
        return spell_moment(read_moment(value)) if isinstance(value, str) else iso8601(value)
    except (ValueError, OverflowError) as error:
        raise _refusal(value, "a date and time") from error


def to_moment_like(value: JsonValue, old: JsonValue) -> JsonValue:
    """Give a date and time as `old` was: epoch seconds as an integer or a float, or text.

    >>> to_moment_like("1970-01-01T00:01:00Z", 5), to_moment_like("1970-01-01T00:01:00Z", 5.0)
    (60, 60.0)
    """
    text = to_datetime(value)
    if isinstance(old, str):
        return text
    since = read_moment(text) - EPOCH
    if isinstance(old, float):
        return since.total_seconds()
    if since.microseconds:
        raise _refusal(value, "whole epoch seconds, as it was before,")
    return since.days * 86_400 + since.seconds


def to_kind_of(value: JsonValue, old: JsonValue) -> JsonValue:
    """Give a value of the kind that `old` has, which is text, a number, true or false.

    >>> to_kind_of("7", 5), to_kind_of(7, "5")
    (7, '7')
    """
    if isinstance(old, bool):
        return to_bool(value)
    if isinstance(old, int):
        return to_int(value)
    return to_float(value) if isinstance(old, float) else to_string(value)


KINDS: dict[str, Callable[[JsonValue], JsonValue]] = {
    "int": to_int,
    "float": to_float,
    "string": to_string,
    "bool": to_bool,
    "datetime": to_datetime,
}
"""What `convert` can convert to, by its name in migration files."""


def _refusal(value: JsonValue, wanted: str) -> Refusal:
    if isinstance(value, dict | list) or value is None:
        return Refusal(f"{kind_of(value)} cannot become {wanted}")
    text = codec.encode(value).decode()
    return Refusal(f"{text if len(text) <= 60 else text[:57] + '...'} cannot become {wanted} without a change")

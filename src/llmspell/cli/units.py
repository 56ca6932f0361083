"""How are numbers spelt for people? Counts, bytes and moments with their units."""

from __future__ import annotations


def counted(number: int, one: str, several: str) -> str:
    """Spell a number of things.

    >>> counted(1, "entry", "entries"), counted(0, "entry", "entries")
    ('1 entry', '0 entries')
    """
    return f"{number} {one if number == 1 else several}"


def size(count: int) -> str:
    """Spell a number of bytes in the unit that suits it.

    >>> size(999), size(1234567)
    ('999 bytes', '1.2 MB')
    """
    if count < 1_000:
        return counted(count, "byte", "bytes")
    number, units = count / 1_000, ["kB", "MB", "GB", "TB"]
    while number >= 1_000 and len(units) > 1:
        number = number / 1_000
        del units[0]
    return f"{number:.1f} {units[0]}"


def moment(epoch_seconds: float, precision: str = "seconds") -> str:
    """Spell epoch seconds as ISO 8601 in the local time zone, to "seconds" or "milliseconds"."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(epoch_seconds, UTC).astimezone().isoformat(" ", precision)
    except (OverflowError, ValueError, OSError):  # beyond the year 9999
        return repr(epoch_seconds)

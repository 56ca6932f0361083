"""How is a moment written? As ISO 8601 text in UTC, ending in `Z`, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso8601(epoch_seconds: float) -> str:
    """Write epoch seconds; raises `OverflowError` or `ValueError` outside of the years 1 to 9999.

    >>> iso8601(1795363200), iso8601(0.25)
    ('2026-11-22T16:00:00Z', '1970-01-01T00:00:00.250000Z')
    """
    return spell_moment(EPOCH + timedelta(seconds=epoch_seconds))


def spell_moment(moment: datetime) -> str:
    """Write a moment; one without an offset is taken as UTC.

    It never goes through a float, which has no microseconds left in far years.

    >>> spell_moment(datetime(2026, 11, 22, 16))
    '2026-11-22T16:00:00Z'
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat() + "Z"


def read_moment(text: str) -> datetime:
    """Read ISO 8601 text; without an offset it is UTC. Raises `ValueError`, or `OverflowError` at the ends of time.

    >>> read_moment("2026-11-22T17:00:00+01:00").isoformat()
    '2026-11-22T16:00:00+00:00'
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

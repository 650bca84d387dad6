"""Hours, days and months of the ledger: milliseconds since 1970, UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def floor(moment: int, unit: int) -> int:
    """Return the beginning of the hour or day of a moment."""
    return moment - moment % unit


def as_datetime(moment: int) -> datetime:
    """Return a moment as a time, UTC."""
    return _EPOCH + timedelta(milliseconds=moment)


def month_begin(moment: int) -> int:
    """Return the beginning of the month of a moment."""
    first = as_datetime(moment).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first - _EPOCH) // timedelta(milliseconds=1)


def month_end(moment: int) -> int:
    """Return the beginning of the month after that of a moment."""
    return month_begin(month_begin(moment) + 32 * DAY)

"""Timestamps and hours in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def utc_now() -> datetime:
    """Return the current time, UTC."""
    return datetime.now(timezone.utc)


def utc(moment: datetime) -> datetime:
    """Return a timestamp read from a destination, in any time zone or none, as a UTC datetime."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def floor_hour(moment: datetime) -> datetime:
    """Return the start of the hour that a moment lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def floor_month(moment: datetime) -> datetime:
    """Return the start of the month that a moment lies in, UTC."""
    return utc(moment).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return the start of the month after the one that starts at a moment."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)

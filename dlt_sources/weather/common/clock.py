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

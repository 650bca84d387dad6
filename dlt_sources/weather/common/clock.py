"""Moments and hours in UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

HOUR = timedelta(hours=1)


def utc_now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(timezone.utc)


def utc(moment: datetime) -> datetime:
    """A timestamp read from a destination, whatever zone its session has, as a UTC datetime."""
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def floor_hour(moment: datetime) -> datetime:
    """The hour that the moment lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)

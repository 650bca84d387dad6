"""Schedule of the loads in cron's form, UTC: whether it is one, its ticks, and the time between them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import cache

from croniter import CroniterError, croniter

from dlt_sources.weather.common.clock import HOUR, floor_hour

_FIELDS = 5
# croniter's own signs: R is another minute in every process, and the nearest weekday (15W) is unknown to Dagster
_NOT_CRON = re.compile(r"\bR\b|\dW", re.IGNORECASE)
# a Thursday, so that few ticks are enough to meet the gap of a weekend
_BEGIN = datetime(1970, 1, 1, tzinfo=timezone.utc)
_WEEK, _YEAR = timedelta(days=8), timedelta(days=366)
_MOST_TICKS = 5 * 24 * 60


def is_schedule(schedule: str) -> bool:
    """Return whether a text has five fields of cron, and a moment that they mean."""
    if len(schedule.split()) != _FIELDS or _NOT_CRON.search(schedule):
        return False
    try:
        croniter(schedule, _BEGIN).get_next(datetime)
    except (CroniterError, ValueError):
        return False
    return True


@cache
def schedule_gap(schedule: str) -> timedelta:
    """Return the longest time between two loads of a schedule, an hour at least: rows are kept by the hour.

    Args:
        schedule: five fields of cron.
    """
    return max((HOUR, *_gaps(schedule)))


@cache
def shortest_gap(schedule: str) -> timedelta:
    """Return the shortest time between two loads of a schedule.

    Args:
        schedule: five fields of cron.
    """
    return min(_gaps(schedule), default=HOUR)


@cache
def _gaps(schedule: str) -> tuple[timedelta, ...]:
    day_of_month, month = schedule.split()[2:4]
    end = _BEGIN + (_WEEK if day_of_month == month == "*" else _YEAR)
    ticks = croniter(schedule, _BEGIN)
    found: list[timedelta] = []
    last = None
    for _ in range(_MOST_TICKS):
        tick: datetime = ticks.get_next(datetime)
        if last:
            found.append(tick - last)
        if tick > end:
            break
        last = tick
    return tuple(found)


def period_start(schedule: str, now: datetime) -> datetime:
    """Return the moment when the present load was due: the last tick, or the hour's start if ticks are closer.

    Args:
        schedule: five fields of cron.
        now: the present moment, UTC.
    """
    # a tick at this very moment is the last one
    ticks = croniter(schedule, now + timedelta(seconds=1))
    last: datetime = ticks.get_prev(datetime)
    return last if ticks.get_next(datetime) - last >= HOUR else floor_hour(now)

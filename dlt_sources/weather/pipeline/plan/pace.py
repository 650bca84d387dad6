"""The number of loads of a schedule, and the calls that they need once everything before them is loaded."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from croniter import croniter

from dlt_sources.weather.api.endpoints import Endpoint
from dlt_sources.weather.common.clock import DAY, HOUR, floor_hour

# the longest month
DAYS = 31


class Pace(NamedTuple):
    """Loads, or calls, in the busiest hour, on the busiest day, and in a month of 31 days."""

    an_hour: int
    a_day: int
    a_month: int

    def times(self, calls: int) -> Pace:
        """Return the pace of so many calls a load."""
        return Pace(*(loads * calls for loads in self))

    def plus(self, other: Pace) -> Pace:
        """Return both together."""
        return Pace(*(a + b for a, b in zip(self, other, strict=True)))


NOTHING = Pace(0, 0, 0)


@cache
def pace_of(schedule: str, now: datetime) -> Pace:
    """Return the loads of a schedule.

    Args:
        schedule: five fields of cron, UTC.
        now: the moment from which loads are counted.
    """
    every_day = schedule.split()[2:] == ["*", "*", "*"]
    # a tick at the first moment counts
    begin = floor_hour(now).replace(hour=0) - timedelta(seconds=1)
    end = begin + (DAY if every_day else DAY * DAYS)
    hours: Counter[datetime] = Counter()
    ticks = croniter(schedule, begin)
    while (tick := ticks.get_next(datetime)) <= end:
        hours[floor_hour(tick)] += 1
    days: Counter[datetime] = Counter()
    for hour, loads in hours.items():
        days[hour.replace(hour=0)] += loads
    total = hours.total() * (DAYS if every_day else 1)
    return Pace(max(hours.values(), default=0), max(days.values(), default=0), total)


def calls_of(endpoint: Endpoint, loads: Pace, locations: int, calls: int) -> Pace:
    """Return the calls of a resource by a schedule, once its history is loaded.

    Args:
        endpoint: the resource's endpoint.
        loads: the schedule's loads.
        locations: number of locations.
        calls: calls that one load needs for what cannot be asked for again.
    """
    if not endpoint.incremental:
        return loads.times(calls)
    step, page = (endpoint.timeline.step, endpoint.timeline.page) if endpoint.timeline else (HOUR, DAYS * 24)
    steps = DAY * DAYS // step
    # loads between two steps have nothing to ask; loads after many steps ask for several pages
    asking = Pace(min(loads.an_hour, 1), min(loads.a_day, DAY // step), min(loads.a_month, steps))
    pages = -(-steps // max(asking.a_month, 1) // page)
    found = asking.times(pages * locations)
    # hours are asked for once more before they are final, unless their pages have gone by several times before
    if endpoint.timeline and step == HOUR:
        revisions = Pace(0, -(-24 * locations // page), -(-steps * locations // page)) if loads.a_month else NOTHING
        found = found.plus(revisions)
    return found._replace(an_hour=found.an_hour if step == HOUR else 0)

"""Calls that a less urgent purpose leaves to more urgent ones, for the rest of the day and for a whole day.

They are estimated from the last two days, so that they follow the schedule and the list of locations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from dlt_sources.weather.budget.calendar import DAY, HOUR, floor

# an hour counts as one of the schedule if calls were made in it a day before
LOOK_BACK = 2 * DAY


class Reserve(NamedTuple):
    """Calls that are left to more urgent purposes.

    Attributes:
        today: for the rest of the day, UTC.
        a_day: for each whole day after it.
        is_fixed: whether they are kept whatever the urgent purposes take, so that no hour of the day frees any.
    """

    today: int = 0
    a_day: int = 0
    is_fixed: bool = False

    def __add__(self, other: tuple[int, ...]) -> Reserve:  # type: ignore[override]  # of two reserves, their sum
        return Reserve(self.today + other[0], self.a_day + other[1])


def scheduled(hours: Mapping[int, int], now: int, typical: Callable[[Iterable[int]], int] = max) -> Reserve:
    """Return what the schedule is expected to take.

    Each hour of the schedule is expected to take as much as the busiest hour of the last 24. Which hours these are is
    known from the day before; hours of which nothing is known, because the first call was made later, count too.

    Args:
        hours: calls of one purpose in the last 48 hours, by the beginning of the hour.
        now: the present moment.
        typical: chooses the expected calls of an hour among those of the last 24: the most, for what cannot be asked
            again; the fewest, where a busy hour may have caught up on many others.
    """
    hour = floor(now, HOUR)
    recent = [calls for begin, calls in hours.items() if hour - DAY <= begin < hour and calls]
    current = hours.get(hour, 0)
    if not recent and not current:
        return Reserve()
    expected = typical(recent) if recent else current
    if typical is max:
        expected = max(expected, current)
    first = min(hours)

    def is_scheduled(begin: int) -> bool:
        return begin - DAY < first or bool(hours.get(begin - DAY))

    left = [begin for begin in range(hour + HOUR, floor(now, DAY) + DAY, HOUR) if is_scheduled(begin)]
    # a day looks like the last 24 hours
    every = [begin for begin in range(hour, hour + DAY, HOUR) if is_scheduled(begin)]
    rest_of_hour = max(0, expected - current) if is_scheduled(hour) else 0
    return Reserve(rest_of_hour + expected * len(left), expected * len(every))


def configured(calls_per_day: int, hours: Iterable[Mapping[int, int]], now: int) -> Reserve:
    """Return what is left of a configured share of each day.

    Args:
        calls_per_day: the share.
        hours: calls of each purpose that takes from the share, by the beginning of the hour.
        now: the present moment.
    """
    day = floor(now, DAY)
    spent = sum(calls for of_purpose in hours for begin, calls in of_purpose.items() if day <= begin < day + DAY)
    return Reserve(max(0, calls_per_day - spent), calls_per_day, is_fixed=True)

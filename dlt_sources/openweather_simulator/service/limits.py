"""Limits of an account: calls a minute, a UTC day and a UTC month, for all calls and for each product."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from dlt_sources.openweather_simulator.service.stats import PRODUCTS, Product, SlidingMinute


class Limits(NamedTuple):
    """Calls that are answered before the 429; None is no limit.

    Attributes:
        per_minute: In any 60 seconds.
        per_day: From midnight to midnight, UTC.
        per_month: From the first of a month to the first of the next, UTC.
    """

    per_minute: int | None = None
    per_day: int | None = None
    per_month: int | None = None


def limits_from_json(values: Mapping[str, Mapping[str, int | None]]) -> dict[Product, Limits]:
    """Return the limits that a JSON object describes, by product.

    Raises:
        TypeError: a limit that does not exist.
        ValueError: a product that does not exist.
    """
    if unknown := values.keys() - set(PRODUCTS):
        raise ValueError(f"no product {', '.join(sorted(unknown))}")
    return {product: Limits(**values[product]) for product in PRODUCTS if product in values}


class CallCounts:
    """Calls of the present minute, day and month of one product."""

    def __init__(self) -> None:
        self._minute = SlidingMinute()
        self._day = (0, 0)
        self._month = (0, 0)

    def exceed(self, limits: Limits, monotonic: float, now: float) -> bool:
        """Return whether one more call would be more than a limit allows.

        Args:
            limits: The limits.
            monotonic: Seconds of a clock that never goes back, for the minute.
            now: The service's time in Unix seconds, for day and month.
        """
        per_minute, per_day, per_month = limits
        if per_minute is not None and self._minute.count(monotonic) >= per_minute:
            return True
        if per_day is not None and self._day[0] == int(now) // 86_400 and self._day[1] >= per_day:
            return True
        return per_month is not None and self._month[0] == month_of(now) and self._month[1] >= per_month

    def add(self, monotonic: float, now: float) -> None:
        """Count a call."""
        self._minute.add(monotonic)
        self._day = _one_more(self._day, int(now) // 86_400)
        self._month = _one_more(self._month, month_of(now))


def _one_more(count: tuple[int, int], period: int) -> tuple[int, int]:
    return (period, count[1] + 1) if count[0] == period else (period, 1)


def month_of(now: float) -> int:
    """Return the UTC month of a time, counted from year 0."""
    day = datetime.fromtimestamp(now, timezone.utc)
    return day.year * 12 + day.month - 1

"""Limits of an account: calls a minute, a UTC day and a UTC month, for all calls and for each product."""

from __future__ import annotations

from collections import Counter
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
    """Calls of one product that count against its limits."""

    def __init__(self) -> None:
        self._minute = SlidingMinute()
        # By period, so that a clock that goes back finds what was counted.
        self._days: Counter[int] = Counter()
        self._months: Counter[int] = Counter()

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
        if per_day is not None and self._days[_day_of(now)] >= per_day:
            return True
        return per_month is not None and self._months[_month_of(now)] >= per_month

    def add(self, monotonic: float, now: float) -> None:
        """Count a call."""
        self._minute.add(monotonic)
        self._days[_day_of(now)] += 1
        self._months[_month_of(now)] += 1


def _day_of(now: float) -> int:
    return int(now) // 86_400


def _month_of(now: float) -> int:
    """Return the UTC month of a time, counted from year 0."""
    day = datetime.fromtimestamp(now, timezone.utc)
    return day.year * 12 + day.month - 1

"""Counts of the calls served, and their highest rate."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timezone
from typing import Literal, NamedTuple

MINUTE = 60.0
_DAY = 86_400
_MINUTES_KEPT = 20_160


Product = Literal["free", "one_call"]
PRODUCTS: tuple[Product, ...] = ("free", "one_call")


class ReceivedRequest(NamedTuple):
    """Call received: monotonic time of arrival in seconds, path, parameters without the key, HTTP status.

    The status is 0 when the connection was closed without an answer.
    """

    received_at: float
    path: str
    params: dict[str, str]
    status: int


class SlidingMinute:
    """Window of the calls of the last 60 seconds; a call exactly 60 seconds old is outside."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def count(self, now: float) -> int:
        """Return the number of calls in the 60 seconds up to `now`."""
        times = self._times
        while times and times[0] <= now - MINUTE:
            times.popleft()
        return len(times)

    def add(self, now: float) -> int:
        """Record a call and return the number in the 60 seconds that end with it."""
        self._times.append(now)
        return self.count(now)


class ProductStats:
    """Calls of one product.

    Attributes:
        calls: Calls received, refused and broken ones included.
        refused: Calls answered with 429.
        billed: Calls that count against the limits.
        highest_in_60_seconds: The most calls received within any 60 seconds.
        by_minute: Calls received by minute (Unix seconds // 60, the service's clock); only the last weeks.
        by_day: Calls received by UTC day (Unix seconds // 86,400).
        billed_by_day: Calls that count against the limits, by UTC day.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.refused = 0
        self.billed = 0
        self.highest_in_60_seconds = 0
        self.by_minute: Counter[int] = Counter()
        self.by_day: Counter[int] = Counter()
        self.billed_by_day: Counter[int] = Counter()
        self._minute = SlidingMinute()

    def received(self, monotonic: float, now: float) -> None:
        """Count a call when it arrives."""
        self.calls += 1
        self.by_minute[int(now) // 60] += 1
        self.by_day[int(now) // _DAY] += 1
        self.highest_in_60_seconds = max(self.highest_in_60_seconds, self._minute.add(monotonic))
        if len(self.by_minute) > 2 * _MINUTES_KEPT:
            self.by_minute = Counter(
                {minute: self.by_minute[minute] for minute in sorted(self.by_minute)[-_MINUTES_KEPT:]}
            )

    def bill(self, now: float) -> None:
        """Count a call against the limits."""
        self.billed += 1
        self.billed_by_day[int(now) // _DAY] += 1

    def as_dict(self) -> dict[str, object]:
        """Return the counts for printing as JSON, periods as `2026-09-27T10:05`, `2026-09-27` and `2026-09`."""
        return {
            "calls": self.calls,
            "refused": self.refused,
            "billed": self.billed,
            "highest_in_60_seconds": self.highest_in_60_seconds,
            "by_minute": _by_text(self.by_minute, 60, 16),
            "by_day": _by_text(self.by_day, _DAY, 10),
            "by_month": _by_text(self.by_day, _DAY, 7),
            "billed_by_day": _by_text(self.billed_by_day, _DAY, 10),
            "billed_by_month": _by_text(self.billed_by_day, _DAY, 7),
        }


def _by_text(counts: Counter[int], seconds: int, length: int) -> dict[str, int]:
    """Return counts by the first characters of a period's ISO time."""
    found: Counter[str] = Counter()
    for period in sorted(counts):
        text = datetime.fromtimestamp(period * seconds, timezone.utc).isoformat()[:length]
        found[text] += counts[period]
    return dict(found)


class Stats:
    """Counts of one simulator since it was started or reset.

    Attributes:
        calls: Calls received, refused and broken ones included.
        by_path: Calls by path; paths the service does not have count together as `unknown`.
        by_status: Calls by HTTP status; 0 for a connection closed without an answer.
        highest_in_60_seconds: The most calls received within any 60 seconds.
        in_flight_max: The most calls being answered at the same time.
        by_product: Counts of each product; calls of paths the service does not have belong to none.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.by_path: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.highest_in_60_seconds = 0
        self.in_flight_max = 0
        self._in_flight = 0
        self._minute = SlidingMinute()
        self.by_product = {product: ProductStats() for product in PRODUCTS}

    def received(self, monotonic: float, now: float, path: str, product: Product | None) -> None:
        """Count a call when it arrives."""
        self.calls += 1
        self.by_path[path] += 1
        self._in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self._in_flight)
        self.highest_in_60_seconds = max(self.highest_in_60_seconds, self._minute.add(monotonic))
        if product is not None:
            self.by_product[product].received(monotonic, now)

    def answered(self, status: int) -> None:
        """Count an answer when it is sent."""
        self._in_flight -= 1
        self.by_status[status] += 1

    def as_dict(self) -> dict[str, object]:
        """Return the counts for printing as JSON."""
        return {
            "calls": self.calls,
            "by_path": dict(self.by_path),
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "highest_in_60_seconds": self.highest_in_60_seconds,
            "in_flight_max": self.in_flight_max,
            "by_product": {product: counts.as_dict() for product, counts in self.by_product.items()},
        }

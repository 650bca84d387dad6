"""Counts of the calls served, and their highest rate."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

MINUTE = 60.0


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


class Stats:
    """Counts of one simulator since it was started or reset.

    Attributes:
        calls: Calls received, refused and broken ones included.
        by_path: Calls by path; paths the service does not have count together as `unknown`.
        by_status: Calls by HTTP status; 0 for a connection closed without an answer.
        highest_in_60_seconds: The most calls received within any 60 seconds.
        in_flight_max: The most calls being answered at the same time.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.by_path: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.highest_in_60_seconds = 0
        self.in_flight_max = 0
        self._in_flight = 0
        self._minute = SlidingMinute()

    def received(self, now: float, path: str) -> None:
        """Count a call when it arrives."""
        self.calls += 1
        self.by_path[path] += 1
        self._in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self._in_flight)
        self.highest_in_60_seconds = max(self.highest_in_60_seconds, self._minute.add(now))

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
        }

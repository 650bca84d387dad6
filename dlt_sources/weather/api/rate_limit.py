"""Rate limiting: at most so many calls in any 60-second window, over all endpoints and all runs of a process."""

from __future__ import annotations

from array import array
from functools import cache
from typing import Protocol

from pyrate_limiter import AbstractBucket, Limiter, Rate, RateItem, SingleBucketFactory

# The limiter stamps a call when it may go; the server counts it when it arrives, a little later and not always
# equally late. A window one second longer than the server's keeps the server's count right.
WINDOW_MILLISECONDS = 61_000


class RateLimiter(Protocol):
    """Interface of a rate limiter, as the client uses it."""

    async def acquire(self) -> None:
        """Return as soon as one more call may be made."""


class LocalRateLimiter:
    """Sliding-window rate limiter for the coroutines of one process.

    Args:
        base_url: API whose calls are counted; limiters for the same API share one window.
        calls_per_minute: number of calls that any 60 seconds may hold.
    """

    def __init__(self, base_url: str, calls_per_minute: int) -> None:
        bucket = _bucket(base_url, calls_per_minute, WINDOW_MILLISECONDS)
        # the library's own housekeeping thread never sleeps long: it would take a tenth of a busy run's CPU
        self._limiter = Limiter(SingleBucketFactory(bucket, schedule_leak=False), buffer_ms=1)

    async def acquire(self) -> None:
        """Return as soon as one more call may be made."""
        await self._limiter.try_acquire_async("openweather")


@cache
def _bucket(_base_url: str, calls_per_minute: int, window: int) -> SlidingWindow:
    """Return the window of an API, one for all runs of this process."""
    return SlidingWindow(calls_per_minute, window)


class SlidingWindow(AbstractBucket):
    """Bucket that keeps each call as its timestamp alone: 8 bytes a call, where ``InMemoryBucket`` keeps 160.

    On the largest subscription that is 0.5 MB instead of 4.8 MB. Only the newest ``limit`` calls decide whether another
    one may go, so older ones are dropped.

    Args:
        limit: number of calls that a window may hold.
        milliseconds: length of the window.
    """

    is_async = False

    def __init__(self, limit: int, milliseconds: int) -> None:
        self.rates = [Rate(limit, milliseconds)]
        self._limit = limit
        self._milliseconds = milliseconds
        self._calls = array("q")

    def put(self, item: RateItem) -> bool:
        """Record a call if the window has room for it, and return whether it had."""
        calls = self._calls
        if len(calls) >= self._limit and calls[-self._limit] >= item.timestamp - self._milliseconds:
            self.failing_rate = self.rates[0]
            return False
        self.failing_rate = None
        calls.append(item.timestamp)
        if len(calls) >= 2 * self._limit:
            del calls[: -self._limit]
        return True

    def leak(self, current_timestamp: int | None = None) -> int:  # noqa: ARG002 - the library's signature
        """Drop nothing and return 0: ``put`` bounds what is kept."""
        return 0

    def flush(self) -> None:
        """Forget all calls."""
        self.failing_rate = None
        del self._calls[:]

    def count(self) -> int:
        """Return the number of calls kept."""
        return len(self._calls)

    def peek(self, index: int) -> RateItem | None:
        """Return a call by its distance from the newest one, which is 0; None if there is none."""
        return RateItem("openweather", self._calls[-1 - index]) if 0 <= index < len(self._calls) else None

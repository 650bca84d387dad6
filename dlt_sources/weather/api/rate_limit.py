"""At most so many calls in any 60-second window, over all endpoints, and over all runs of a process."""

from __future__ import annotations

from array import array
from functools import cache

from pyrate_limiter import InMemoryBucket, Limiter, Rate, RateItem, SingleBucketFactory

# The limiter stamps a call when it may go; the server counts it when it arrives, a little later and not always
# equally late. A window one second longer than the server's keeps the server's count right.
WINDOW_MILLISECONDS = 61_000
CALLS_BETWEEN_CLEANINGS = 1000


class LocalRateLimiter:
    """A sliding-window limiter for coroutines of one event loop.

    Args:
        base_url: whose calls are counted; throttles for the same API share one budget.
        calls_per_minute: how many calls any 60 seconds may hold.
    """

    def __init__(self, base_url: str, calls_per_minute: int) -> None:
        self._bucket = _bucket(base_url, calls_per_minute, WINDOW_MILLISECONDS)
        # the library's own housekeeping thread never sleeps long: it would take a tenth of a busy run's CPU
        self._limiter = Limiter(SingleBucketFactory(self._bucket, schedule_leak=False), buffer_ms=1)
        self._calls = 0

    async def acquire(self) -> None:
        """Return as soon as one more call may be made."""
        await self._limiter.try_acquire_async("openweather")
        self._calls += 1
        if self._calls % CALLS_BETWEEN_CLEANINGS == 0:
            self._bucket.leak(self._bucket.now())  # type: ignore[no-untyped-call]


@cache
def _bucket(_base_url: str, calls_per_minute: int, window: int) -> InMemoryBucket:
    """The calls that this process has made to an API, by one run after another."""
    bucket = InMemoryBucket([Rate(calls_per_minute, window)])
    bucket.items = Moments()  # type: ignore[assignment]
    return bucket


class Moments:
    """The calls of a window as the bucket's list of them, but by their moments alone: 8 bytes a call, not 160."""

    def __init__(self) -> None:
        self._milliseconds = array("q")

    def __len__(self) -> int:
        return len(self._milliseconds)

    def __getitem__(self, position: int) -> RateItem:
        return RateItem("openweather", self._milliseconds[position])

    def __delitem__(self, positions: slice) -> None:
        del self._milliseconds[positions]

    def append(self, call: RateItem) -> None:
        """Add the newest call."""
        self._milliseconds.append(call.timestamp)

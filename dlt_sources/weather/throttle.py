"""At most so many calls in any 60-second window, over all endpoints of a run."""

from __future__ import annotations

from pyrate_limiter import Limiter, Rate

# The limiter stamps a call when it may go; the server counts it when it arrives, a little later and not always
# equally late. A window one second longer than the server's keeps the server's count right.
WINDOW_MILLISECONDS = 61_000


class Throttle:
    """A sliding-window limiter for coroutines of one event loop.

    Args:
        calls_per_minute: how many calls any 60 seconds may hold.
    """

    def __init__(self, calls_per_minute: int) -> None:
        self._limiter = Limiter(Rate(calls_per_minute, WINDOW_MILLISECONDS), buffer_ms=1)

    async def wait_turn(self) -> None:
        """Return as soon as one more call may be made."""
        await self._limiter.try_acquire_async("openweather")

    def close(self) -> None:
        """Stop the limiter's housekeeping thread."""
        self._limiter.close()

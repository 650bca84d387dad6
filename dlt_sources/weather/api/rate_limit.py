"""Rate limiting: at most so many calls in any 60-second window, over all endpoints, runs and processes of a machine.

A process leases a few calls at a time from a budget, which counts them before they go out, and uses them at once. What
a killed process has leased counts as spent. The budget of a machine is a small file below dlt's data directory
(``DLT_DATA_DIR``), one per API and key; shards on several machines have a table, see ``shared_rate_limit``.

pyrate_limiter's buckets keep a row per call: its SQLite bucket, which processes can share, counts them at every call.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from array import array
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Protocol

from dlt.common.pipeline import get_dlt_pipelines_dir
from filelock import FileLock, Timeout

from dlt_sources.weather.common.settings import WeatherSettings

logger = logging.getLogger(__name__)
# A call is counted when it may go; the server counts it when it arrives, a little later and not always equally late. A
# window one second longer than the server's keeps the server's count right.
WINDOW_MILLISECONDS = 61_000
LEASES_A_SECOND = 4
MOST_JITTER_SECONDS = 0.05
# a lease of the machine's budget; the window is longer by as much
USABLE_SECONDS = 0.25
# the lock is held for the fraction of a millisecond that a small file takes
SECONDS_FOR_LOCK = 5.0
SECONDS_BETWEEN_TRIES = 0.002
SECONDS_UNTIL_REMOVED = 86_400


class RateLimiter(Protocol):
    """Interface of a rate limiter, as the client uses it."""

    async def acquire(self) -> None:
        """Return as soon as one more call may be made."""


class Budget(Protocol):
    """Interface of a count of calls that several processes share."""

    def take(self, most: int) -> tuple[int, float]:
        """Lease calls: return their number, and the seconds until the next are available (0.0 if any were leased)."""

    def close(self) -> None:
        """Release what the budget holds."""


class LeasingRateLimiter:
    """Rate limiter of one process that leases its calls from a budget. Use it as a context manager, or leave it open.

    Args:
        budget: source of the leases; used in a separate thread, so that it blocks no event loop.
        calls_per_minute: the rate, which sets the size of a lease.
        usable_seconds: time for which a lease holds.
        ahead: whether to lease more calls than are waiting, because no other process waits for its share of the rate.
    """

    def __init__(self, budget: Budget, calls_per_minute: int, usable_seconds: float, *, ahead: bool) -> None:
        self._budget = budget
        self._most = max(1, calls_per_minute // (60 * LEASES_A_SECOND))
        self._usable_seconds = usable_seconds
        self._ahead = ahead
        self._thread = ThreadPoolExecutor(1, "call-budget")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._leasing: asyncio.Task[None] | None = None
        self._leased = 0
        self._expires_at = 0.0

    def __enter__(self) -> LeasingRateLimiter:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.submit(self._budget.close)
        self._thread.shutdown()

    async def acquire(self) -> None:
        """Return as soon as one more call may be made."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # the client runs a new event loop for each batch of requests, and a task belongs to one loop
            self._loop, self._waiting, self._leasing = loop, deque(), None
        if self._leased and not self._waiting and monotonic() <= self._expires_at:
            self._leased -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        if self._leasing is None:
            self._leasing = loop.create_task(self._lease_for_waiting(loop))
        await turn

    async def _lease_for_waiting(self, loop: asyncio.AbstractEventLoop) -> None:
        """Lease calls until nobody waits. All that a lease serves go at once: a lock would let one go after another."""
        try:
            while self._waiting:
                await self._lease(loop)
                # a lease that took longer than it holds is of no use
                while self._waiting and self._leased and monotonic() <= self._expires_at:
                    turn = self._waiting.popleft()
                    if not turn.done():
                        turn.set_result(None)
                        self._leased -= 1
                while self._waiting and self._waiting[0].done():
                    self._waiting.popleft()
        except Exception as error:  # noqa: BLE001 - the budget's error is raised where the call is waited for
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.done():
                    turn.set_exception(error)
        finally:
            self._leasing = None

    async def _lease(self, loop: asyncio.AbstractEventLoop) -> None:
        requested_at, self._leased = monotonic(), 0
        most = self._most if self._ahead else min(len(self._waiting), self._most)
        self._leased, wait = await loop.run_in_executor(self._thread, self._budget.take, most)
        self._expires_at = requested_at + self._usable_seconds
        if not self._leased:
            await asyncio.sleep(wait + random.uniform(0, MOST_JITTER_SECONDS))  # noqa: S311 - no secret depends on it


class MachineBudget:
    """Budget in a file that all processes of a machine share: pairs of a moment and the calls leased then.

    A moment is read from the clock that counts since the machine's start, which every process shares and nobody sets. A
    moment that lies in the future is of an earlier start; it counts as the present one, for one window.

    Args:
        file: the file; its folder is made if it is missing.
        calls_per_minute: number of calls that any 60 seconds may hold.
    """

    def __init__(self, file: Path, calls_per_minute: int) -> None:
        self._file: Path | None = file
        self._limit = calls_per_minute
        self._window = WINDOW_MILLISECONDS + int(USABLE_SECONDS * 1000)
        self._lock: FileLock | None = None
        self._leases = array("q")

    def take(self, most: int) -> tuple[int, float]:
        """Lease as many calls as are left.

        Args:
            most: largest number of calls to lease.

        Returns:
            The number of calls leased, and the seconds until the next one is available (0.0 if any was leased).
        """
        try:
            if self._file is not None:
                return self._take_from(self._file, most)
        except Timeout:
            # a process was stopped while it held the lock: nobody knows what is left
            return 0, SECONDS_FOR_LOCK
        except OSError as error:
            logger.warning("Calls are counted for this process only: %s cannot be used: %s", self._file, error)
            self._file = None
        result, self._leases = self._take(self._leases, most)
        return result

    def close(self) -> None:
        """Release nothing: the file is closed after each lease."""

    def _take_from(self, file: Path, most: int) -> tuple[int, float]:
        lock = self._lock = self._lock or _lock_of(file)
        with lock.acquire(timeout=SECONDS_FOR_LOCK, poll_interval=SECONDS_BETWEEN_TRIES):
            leases = array("q")
            stored = file.read_bytes() if file.exists() else b""
            leases.frombytes(stored[: len(stored) // 16 * 16])
            result, self._leases = self._take(leases, most)
            file.write_bytes(self._leases.tobytes())
        return result

    def _take(self, leases: array[int], most: int) -> tuple[tuple[int, float], array[int]]:
        """Lease calls on top of the given leases; return the result and the leases of the window."""
        now = int(monotonic() * 1000)
        kept = array("q")
        for moment, calls in zip(leases[::2], leases[1::2], strict=True):
            if min(moment, now) > now - self._window and calls > 0:
                kept.extend((min(moment, now), calls))
        left = self._limit - sum(kept[1::2])
        if left <= 0:
            return (0, (min(kept[::2]) + self._window - now) / 1000), kept
        leased = min(most, left)
        kept.extend((now, leased))
        return (leased, 0.0), kept


def _lock_of(file: Path) -> FileLock:
    """Return the lock of a budget's file, after the files that nobody uses any more are removed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    old = time.time() - SECONDS_UNTIL_REMOVED
    for other in file.parent.iterdir():
        if other.stem != file.stem and other.stat().st_mtime < old:
            other.unlink(missing_ok=True)
    return FileLock(file.with_suffix(".lock"), is_singleton=False)


def machine_rate_limiter(settings: WeatherSettings) -> LeasingRateLimiter:
    """Return the rate limiter of this machine's calls to an API with a key."""
    key = settings.secret_key.get_secret_value() if settings.secret_key else ""
    # a digest of both, from which a key cannot be computed unless it is guessed whole
    name = hashlib.blake2b(f"{settings.url_of('')} {key}".encode(), digest_size=10, person=b"weather-calls").hexdigest()
    per_minute = settings.limits_of("free").per_minute
    budget = MachineBudget(Path(get_dlt_pipelines_dir()).parent / "weather_calls" / name, per_minute)
    return LeasingRateLimiter(budget, per_minute, USABLE_SECONDS, ahead=True)

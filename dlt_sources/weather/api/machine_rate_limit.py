"""Calls of the last minute, over all runs and processes of a machine, whatever dataset they load.

They are counted in small files below dlt's data directory (``DLT_DATA_DIR``), one per API and key.
"""

from __future__ import annotations

import hashlib
import logging
import time
from array import array
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import get_args

from dlt.common.pipeline import get_dlt_pipelines_dir
from filelock import FileLock, Timeout

from dlt_sources.weather.api import rate_limit
from dlt_sources.weather.api.rate_limit import NO_LEASE, Lane, Lease, LeasingRateLimiter
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.subscription_plans import Product

logger = logging.getLogger(__name__)
# a lease; the window is longer by as much
USABLE_SECONDS = 0.25
# the lock is held for the fraction of a millisecond that a small file takes
SECONDS_FOR_LOCK = 5.0
SECONDS_BETWEEN_TRIES = 0.002
SECONDS_UNTIL_REMOVED = 86_400


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
        self._window = rate_limit.WINDOW_MILLISECONDS + int(USABLE_SECONDS * 1000)
        self._lock: FileLock | None = None
        self._leases = array("q")

    def take(self, most: int) -> Lease:
        """Lease as many calls as are left.

        Args:
            most: largest number of calls to lease.
        """
        try:
            if self._file is not None:
                return self._take_from(self._file, most)
        except Timeout:
            # a process was stopped while it held the lock: nobody knows what is left
            return Lease(0, SECONDS_FOR_LOCK)
        except OSError as error:
            logger.warning("Calls are counted for this process only: %s cannot be used: %s", self._file, error)
            self._file = None
        result, self._leases = self._take(self._leases, most)
        return result

    def _take_from(self, file: Path, most: int) -> Lease:
        lock = self._lock = self._lock or _lock_of(file)
        with lock.acquire(timeout=SECONDS_FOR_LOCK, poll_interval=SECONDS_BETWEEN_TRIES):
            leases = array("q")
            stored = file.read_bytes() if file.exists() else b""
            leases.frombytes(stored[: len(stored) // 16 * 16])
            result, self._leases = self._take(leases, most)
            file.write_bytes(self._leases.tobytes())
        return result

    def _take(self, leases: array[int], most: int) -> tuple[Lease, array[int]]:
        """Lease calls on top of the given leases; return the result and the leases of the window."""
        now = int(monotonic() * 1000)
        kept = array("q")
        for moment, calls in zip(leases[::2], leases[1::2], strict=True):
            if min(moment, now) > now - self._window and calls > 0:
                kept.extend((min(moment, now), calls))
        left = self._limit - sum(kept[1::2])
        if left <= 0:
            return Lease(0, (min(kept[::2]) + self._window - now) / 1000), kept
        leased = min(most, left)
        kept.extend((now, leased))
        return Lease(leased), kept


def _lock_of(file: Path) -> FileLock:
    """Return the lock of a budget's file, after the files that nobody uses any more are removed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    old = time.time() - SECONDS_UNTIL_REMOVED
    for other in file.parent.iterdir():
        if other.stem != file.stem and other.stat().st_mtime < old:
            other.unlink(missing_ok=True)
    return FileLock(file.with_suffix(".lock"), is_singleton=False)


class MachineBudgets:
    """Budgets of a machine: one for all products, or one for each that has a minute of its own.

    Args:
        settings: the key, the API, and the limits.
    """

    def __init__(self, settings: WeatherSettings) -> None:
        folder = Path(get_dlt_pipelines_dir()).parent / "weather_calls"
        names = {product: minute_of(settings, product) for product in get_args(Product)}
        self._budgets = {
            product: MachineBudget(
                folder / account_of(settings, f"{settings.url_of('')} {minute}".rstrip()),
                settings.limits_of(product).per_minute,
            )
            for product, minute in names.items()
        }

    def take(self, lane: Lane, most: int, keep: int = 0, unused: Lease = NO_LEASE) -> Lease:  # noqa: ARG002 - a minute knows no purpose
        """Lease as many calls as are left of the minute."""
        return self._budgets[lane.product].take(most)

    def close(self, unused: Mapping[Lane, Lease]) -> None:
        """Release nothing: the file is closed after each lease."""


def minute_of(settings: WeatherSettings, product: Product) -> str:
    """Return the name of the minute in which a product's calls are counted: "" for that of the plan.

    Args:
        settings: the limits.
        product: the product.
    """
    return "" if product == "free" or settings.one_call.calls_per_minute is None else product


def account_of(settings: WeatherSettings, text: str = "") -> str:
    """Return a fingerprint of the key and a text, from which the key cannot be computed unless it is guessed whole.

    Args:
        settings: the key.
        text: the text.
    """
    key = settings.secret_key.get_secret_value() if settings.secret_key else ""
    return hashlib.blake2b(f"{text} {key}".encode(), digest_size=10, person=b"weather-calls").hexdigest()


def rates_of(settings: WeatherSettings) -> dict[Product, int]:
    """Return the calls a minute of each product."""
    return {product: settings.limits_of(product).per_minute for product in get_args(Product)}


def machine_rate_limiter(settings: WeatherSettings) -> LeasingRateLimiter:
    """Return the rate limiter of this machine's calls to an API with a key, which limits the minute only."""
    return LeasingRateLimiter(MachineBudgets(settings), rates_of(settings), USABLE_SECONDS, ahead=True)

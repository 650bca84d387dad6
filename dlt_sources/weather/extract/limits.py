"""Limits of asking: a load package that is full, and refusals that every further request would meet as well."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.api.responses import Failure
from dlt_sources.weather.common.errors import IncompleteError, KeyRefusedError, WeatherError
from dlt_sources.weather.common.settings import WeatherSettings

# bytes of rows in a load package: a destination takes several times that in memory while it merges them
PACKAGE_BYTES = 20_000_000


class PackageLimits:
    """Room in the current load package. A kill loses at most one package, so its rows, bytes and seconds are bounded.

    Args:
        settings: ``chunk_rows`` and ``chunk_seconds``.
        calls: returns the number of calls that the run has made.
        bounded: False for a run that is one package, which has no limit.
    """

    def __init__(self, settings: WeatherSettings, calls: Callable[[], int], *, bounded: bool) -> None:
        self._most_rows = settings.chunk_rows
        self._most_seconds = settings.chunk_seconds
        self._calls = calls
        self._bounded = bounded
        self.begin()

    def begin(self) -> None:
        """Reset all counts, because a new package begins."""
        self._began = monotonic()
        self._rows = 0
        self._bytes = 0
        self._calls_before = self._calls()

    def add_rows(self, rows: int) -> None:
        """Count rows that go into the package."""
        self._rows += rows

    def add_bytes(self, size: int) -> None:
        """Count the bytes of rows that go into the package."""
        self._bytes += size

    def has_room(self) -> bool:
        """Return whether another request may be made for the package."""
        # a package without any request would make no progress
        if not self._bounded or self._calls() == self._calls_before:
            return True
        is_full = self._rows >= self._most_rows or self._bytes >= PACKAGE_BYTES
        return not is_full and monotonic() - self._began < self._most_seconds


def error_for(failure: Failure) -> WeatherError:
    """Return the error that ends a run after a failure that every further request would share."""
    if failure.error_class != "key_refused":
        return IncompleteError("OpenWeather keeps refusing calls (429). Lower calls_per_minute and run again later.")
    endpoint = next((endpoint for endpoint in BY_NAME.values() if endpoint.path == failure.request.path), None)
    if endpoint is not None and endpoint.subscription == "one_call":
        return KeyRefusedError(
            "OpenWeather refuses the key for One Call 3.0, which needs its own subscription "
            "(https://openweathermap.org/price). Subscribe, or leave one_call out of the resources."
        )
    return KeyRefusedError(
        f"OpenWeather refuses the API key ({failure.http_status}). Check OPENWEATHER_API_KEY, or api_key under "
        "[sources.weather] in .dlt/secrets.toml. A new key needs up to 2 hours until it works."
    )

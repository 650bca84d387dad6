"""What is loaded: places on a grid, and the settings and URLs that ask for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.benchmarks.simulated import KEY, Api

# the most that can be set, and more than any case asks within a minute
UNTHROTTLED = 1_000_000
# as many as the client keeps in flight at that rate
CONCURRENCY = 256
# a forecast answers for five days in steps of three hours
STEPS = {"current_weather": 1, "forecast": 40}
PATHS = {"current_weather": "weather", "forecast": "forecast"}
LOAD = ("dlt_sources.weather", "load")
FIVE_PLACES = ["40.4168,-3.7038", "59.9139,10.7522", "51.5074,-0.1278", "48.8566,2.3522", "52.52,13.405"]
HISTORY_BEGINS = datetime(2024, 1, 1, tzinfo=timezone.utc)
WEATHER_BEGINS = datetime(2020, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAYS_PER_CALL = 90
# rows of an answer of One Call's hours, and more calls than any case makes
HOURS_PER_PAGE = 20
UNLIMITED = 1_000_000


@dataclass(frozen=True)
class Workload:
    """A resource for a number of places.

    Args:
        resource: current_weather, forecast, air_pollution or weather_history.
        places: how many.
        days: how many days of history.
        calls_per_minute: the product's setting.
    """

    resource: str
    places: int
    days: int = 0
    calls_per_minute: int = UNTHROTTLED

    @property
    def rows(self) -> int:
        """How many rows must arrive."""
        return self.places * (self.days * 24 if self.days else STEPS[self.resource])

    def at_rate(self, calls_per_minute: int) -> Workload:
        """The same with another limit."""
        return replace(self, calls_per_minute=calls_per_minute)

    def write_places(self, folder: Path) -> Path:
        """Write the file of places."""
        path = folder / "places.csv"
        lines = [f"{lat:.4f},{lon:.4f}\n" for lat, lon in self._points()]
        path.write_text("lat,lon\n" + "".join(lines))
        return path

    def settings(self, base_url: str, places: Path) -> dict[str, Any]:
        """The product's settings."""
        settings = {
            "base_url": base_url,
            "api_key": KEY,
            "locations_file": str(places),
            "resources": [self.resource],
            "calls_per_minute": self.calls_per_minute,
        }
        if self.days:
            first, last = self._range()
            settings |= {"one_call": {"calls_per_day": UNLIMITED}}
            settings |= {"since": first.isoformat(), "until": last.isoformat(), "history_days_per_call": DAYS_PER_CALL}
        return settings

    def urls(self, base_url: str) -> Iterator[str]:
        """The URLs that the product asks with these settings."""
        for lat, lon in self._points():
            place = {"lat": f"{lat:.4f}", "lon": f"{lon:.4f}"}
            if not self.days:
                query = place | {"units": "metric", "lang": "en", "appid": KEY}
                yield f"{base_url}/data/2.5/{PATHS[self.resource]}?{urlencode(query)}"
                continue
            if self.resource == "weather_history":
                for start in self._pages():
                    query = place | {"units": "metric", "lang": "en", "start": f"{start}", "appid": KEY}
                    yield f"{base_url}/data/4.0/onecall/timeline/1h?{urlencode(query)}"
                continue
            for start, end in self._windows():
                query = place | {"start": f"{start.timestamp():.0f}", "end": f"{end.timestamp():.0f}", "appid": KEY}
                yield f"{base_url}/data/2.5/air_pollution/history?{urlencode(query)}"

    def _points(self) -> Iterator[tuple[float, float]]:
        """Points at least 0.4 degrees apart: the API answers alike for those within a hundredth."""
        for number in range(self.places):
            row, column = divmod(number, 700)
            yield -60 + row * 0.5, -175 + column * 0.5

    def _range(self) -> tuple[datetime, datetime]:
        first = WEATHER_BEGINS if self.resource == "weather_history" else HISTORY_BEGINS
        return first, first + timedelta(days=self.days) - HOUR

    def _pages(self) -> Iterator[int]:
        first, last = (int(moment.timestamp()) for moment in self._range())
        yield from range(first, last + 1, HOURS_PER_PAGE * 3600)

    def _windows(self) -> Iterator[tuple[datetime, datetime]]:
        start, last = self._range()
        while start <= last:
            end = min(start + timedelta(days=DAYS_PER_CALL) - HOUR, last)
            yield start, end
            start = end + HOUR


def five_places(api: Api) -> dict[str, str]:
    """The settings of a small load, as environment variables."""
    settings = {"API_KEY": KEY, "BASE_URL": api.url, "LOCATIONS": json.dumps(FIVE_PLACES), "CALLS_PER_MINUTE": "600"}
    return {f"SOURCES__WEATHER__{name}": value for name, value in settings.items()}

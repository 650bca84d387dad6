"""The API's endpoints as data. A new endpoint is one entry here and one contract.

Source of paths and shapes: openweathermap.org/api.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dlt_sources.weather.common.settings import ResourceName
from dlt_sources.weather.contracts import (
    AirPollution,
    AirPollutionForecast,
    Contract,
    CurrentWeather,
    Forecast,
    OneCallAlerts,
    OneCallDaily,
    OneCallHourly,
    OneCallMinutely,
)

# products of the API that are billed, limited and refused separately
Subscription = Literal["free", "one_call"]


@dataclass(frozen=True)
class Part:
    """Part of an answer that holds the rows of one table.

    Attributes:
        contract: contract of the table.
        member: name of the member that lists the rows; "" if the answer itself is the row.
        optional: whether an answer without the member is valid, and has no rows of this table.
        around: columns of each row that are read from the answer around the rows: name and dotted path.
    """

    contract: type[Contract]
    member: str = ""
    optional: bool = False
    around: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """One kind of request, sent for every location.

    Attributes:
        name: dlt resource that the answers feed.
        path: path below the base URL.
        parts: tables that an answer has rows for.
        description: description of the dlt resource.
        subscription: subscription that the calls need.
        by_default: whether a load without ``resources`` includes it.
        has_units: whether the request takes ``units`` and ``lang``.
        incremental: whether the requests cover windows of history that is not loaded yet.
        most_at_once: largest number of requests in flight; low if answers are large.
        not_kept: dotted paths of known fields outside the rows that no table has.
    """

    name: ResourceName
    path: str
    parts: tuple[Part, ...]
    description: str
    subscription: Subscription = "free"
    by_default: bool = True
    has_units: bool = False
    incremental: bool = False
    most_at_once: int = 256
    not_kept: frozenset[str] = frozenset()

    @property
    def keeps_raw(self) -> bool:
        """Whether answers are kept verbatim in ``weather_raw``: all but history, which can be requested later too."""
        return not self.incremental

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the bronze tables that the rows go to."""
        return tuple(part.contract.table for part in self.parts)


_COORDINATES = frozenset({"coord"})
_ONE_CALL_AROUND = (("timezone", "timezone"), ("timezone_offset", "timezone_offset"))

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        name="current_weather",
        path="/data/2.5/weather",
        parts=(Part(CurrentWeather),),
        description="Current weather: one row per location and observation.",
        has_units=True,
    ),
    Endpoint(
        name="forecast",
        path="/data/2.5/forecast",
        parts=(
            Part(
                Forecast,
                "list",
                around=(
                    ("city_name", "city.name"),
                    ("country", "city.country"),
                    ("timezone", "city.timezone"),
                    ("population", "city.population"),
                ),
            ),
        ),
        not_kept=frozenset({"cod", "message", "cnt", "city.id", "city.coord", "city.sunrise", "city.sunset"}),
        description="Forecast of 5 days in 3-hour steps: one row per location, step and hour of issue.",
        has_units=True,
    ),
    Endpoint(
        name="air_pollution",
        path="/data/2.5/air_pollution/history",
        parts=(Part(AirPollution, "list"),),
        not_kept=_COORDINATES,
        description="Air quality, hourly since 2020-11-27: one row per location and hour, loaded incrementally.",
        incremental=True,
        # an answer of 90 days is 2,160 rows: 16 at once keep both cores busy, 200 would fill memory with them
        most_at_once=16,
    ),
    Endpoint(
        name="air_pollution_forecast",
        path="/data/2.5/air_pollution/forecast",
        parts=(Part(AirPollutionForecast, "list"),),
        not_kept=_COORDINATES,
        description="Air quality of the next 4 days, hourly: one row per location, hour and hour of issue.",
    ),
    Endpoint(
        name="one_call",
        path="/data/3.0/onecall",
        parts=(
            Part(OneCallHourly, "hourly", around=_ONE_CALL_AROUND),
            Part(OneCallDaily, "daily", around=_ONE_CALL_AROUND),
            Part(OneCallMinutely, "minutely", optional=True),
            Part(OneCallAlerts, "alerts", optional=True),
        ),
        description="One Call 3.0: the next hours, days and minutes, and warnings. Needs a separate subscription.",
        not_kept=frozenset({"lat", "lon", "current"}),
        subscription="one_call",
        by_default=False,
        has_units=True,
    ),
)

BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}
LOCATIONS = "locations"
RESOURCES: tuple[str, ...] = (LOCATIONS, *BY_NAME)
DEFAULT_RESOURCES: tuple[str, ...] = (LOCATIONS, *(endpoint.name for endpoint in ENDPOINTS if endpoint.by_default))
# answers that cannot be asked for again, and look-ups of locations, which cost calls
JOURNALED_RESOURCES = (LOCATIONS, *(endpoint.name for endpoint in ENDPOINTS if endpoint.keeps_raw))

"""Contracts of One Call 4.0, ``/data/4.0/onecall/``: the present, and the timelines of past and coming hours and days.

Source: openweathermap.org/api/one-call-4. Units as in ``contracts.weather``. The minutes and the warnings of 4.0 have
the contracts of 3.0 (``contracts.one_call``).
"""

from __future__ import annotations

from typing import Any, ClassVar

from dlt_sources.weather.contracts.base import Integer, Measure, Moment, added, given
from dlt_sources.weather.contracts.shared import POP, TIMEZONE, TIMEZONE_OFFSET, UNITS, AlertIds, DayValues, HourValues


class _Place(AlertIds):
    """Columns common to all rows of 4.0."""

    location_id: str = added("The location, as in bronze.locations")
    fetched_at: Moment | None = added("Moment the answer was received, UTC")
    units: str | None = added(UNITS)
    timezone: str | None = added(TIMEZONE, null_when="empty")
    timezone_offset: Integer | None = added(TIMEZONE_OFFSET)


class _Observed(_Place):
    """Key of rows that describe what was."""

    key: ClassVar[tuple[str, ...]] = ("location_id", "dt")


class _Issued(_Place):
    """Key columns of forecasts."""

    key: ClassVar[tuple[str, ...]] = ("location_id", "dt", "issued_at")

    issued_at: Moment | None = added("UTC hour in which the answer was fetched")


class _Day(DayValues):
    """Values of a day, whose rain and snow the vendor's page also documents as objects (``rain.1h``)."""

    dt: Moment = given("dt", "Noon of the location's local day, UTC", required=True)

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record with rain and snow that are objects under the name that a column of them has."""
        prepared = super().prepare(record)
        for name in ("rain", "snow"):
            if isinstance(value := prepared.get(name), dict):
                prepared = {**prepared, name: None, **{f"{name}_{step}": one for step, one in value.items()}}
        return prepared

    @classmethod
    def texts_of_lists(cls) -> dict[str, str] | None:
        """Return None: records are changed in other ways as well."""
        return None


class OneCallCurrent(_Observed, HourValues):
    """One observation at one location."""

    table: ClassVar[str] = "one_call_current"

    dt: Moment = given("dt", "Time of the observation, UTC", required=True)
    sunrise: Moment | None = given("sunrise", "Sunrise, UTC; null at polar day or night", null_when="zero")
    sunset: Moment | None = given("sunset", "Sunset, UTC; null at polar day or night", null_when="zero")


class OneCallQuarterHourly(_Issued, HourValues):
    """One quarter of an hour of the next 48 hours at one location."""

    table: ClassVar[str] = "one_call_quarter_hourly"

    dt: Moment = given("dt", "Begin of the quarter that the row describes, UTC", required=True)
    pop: Measure | None = given("pop", POP)


class OneCallHourlyForecast(_Issued, HourValues):
    """One of the next 48 hours at one location."""

    table: ClassVar[str] = "one_call_hourly_forecast"

    dt: Moment = given("dt", "Hour that the row describes, UTC", required=True)
    pop: Measure | None = given("pop", POP)


class OneCallDailyForecast(_Issued, _Day):
    """One of the coming days at one location; ``dt`` is its local noon."""

    table: ClassVar[str] = "one_call_daily_forecast"

    pop: Measure | None = given("pop", POP)


class WeatherHistory(_Observed, HourValues):
    """One hour since 1979 at one location."""

    table: ClassVar[str] = "weather_history"

    dt: Moment = given("dt", "Hour that the row describes, UTC", required=True)
    # given for the present hour, which is both the newest of history and the first of the forecast
    pop: Measure | None = given("pop", f"{POP}; null for past hours")


class WeatherHistoryDaily(_Observed, _Day):
    """One day since 1979 at one location; ``dt`` is its local noon."""

    table: ClassVar[str] = "weather_history_daily"

    pop: Measure | None = given("pop", f"{POP}; null for past days")

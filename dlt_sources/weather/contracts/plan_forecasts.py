"""Contracts of the forecasts of larger subscription plans: ``/data/2.5/forecast/daily``, ``hourly`` and ``climate``.

Sources: openweathermap.org/api/forecast16, /api/hourly-forecast and /api/forecast30. Units as in ``contracts.weather``.
"""

from __future__ import annotations

from typing import ClassVar

from dlt_sources.weather.contracts.base import Integer, Measure, Moment, added, given
from dlt_sources.weather.contracts.shared import POP, TIMEZONE_OFFSET, UNITS, Conditions
from dlt_sources.weather.contracts.weather import Steps


class _Days(Conditions):
    """Columns common to the forecasts by day."""

    key: ClassVar[tuple[str, ...]] = ("location_id", "dt", "issued_at")

    location_id: str = added("The location, as in bronze.locations")
    dt: Moment = given("dt", "Time that the row describes, UTC: about noon of the location's local day", required=True)
    issued_at: Moment | None = added("UTC hour in which the forecast was fetched")
    fetched_at: Moment | None = added("Moment the answer was received, UTC")
    units: str | None = added(UNITS)
    temp_day: Measure | None = given("temp.day", "Temperature at 12 h local time; by units", required=True)
    temp_min: Measure | None = given("temp.min", "Lowest temperature of the day; by units")
    temp_max: Measure | None = given("temp.max", "Highest temperature of the day; by units")
    temp_night: Measure | None = given("temp.night", "Temperature at 0 h local time; by units")
    temp_eve: Measure | None = given("temp.eve", "Temperature at 18 h local time; by units")
    temp_morn: Measure | None = given("temp.morn", "Temperature at 6 h local time; by units")
    feels_like_day: Measure | None = given("feels_like.day", "Perceived temperature at 12 h local time; by units")
    feels_like_night: Measure | None = given("feels_like.night", "Perceived temperature at 0 h local time; by units")
    feels_like_eve: Measure | None = given("feels_like.eve", "Perceived temperature at 18 h local time; by units")
    feels_like_morn: Measure | None = given("feels_like.morn", "Perceived temperature at 6 h local time; by units")
    pressure: Measure | None = given("pressure", "Air pressure at sea level, hPa")
    humidity: Measure | None = given("humidity", "Relative humidity, %")
    clouds: Measure | None = given("clouds", "Cloud cover, %")
    wind_speed: Measure | None = given("speed", "Highest wind speed of the day; m/s or mph by units")
    wind_deg: Measure | None = given("deg", "Direction the wind comes from, degrees")
    wind_gust: Measure | None = given("gust", "Wind gust; m/s or mph by units; null is unknown")
    pop: Measure | None = given("pop", POP)
    rain: Measure | None = given("rain", "Rain of the day, mm; null is none")
    snow: Measure | None = given("snow", "Snow of the day, mm; null is none")
    sunrise: Moment | None = given("sunrise", "Sunrise, UTC; null at polar day or night", null_when="zero")
    sunset: Moment | None = given("sunset", "Sunset, UTC; null at polar day or night", null_when="zero")
    city_name: str | None = added("Name of the nearest city; null if there is none", null_when="empty")
    country: str | None = added("ISO 3166 country code; null at sea", null_when="empty")
    timezone: Integer | None = added(TIMEZONE_OFFSET)
    population: Integer | None = added("Population of the nearest city; null is unknown", null_when="zero")


class ForecastDaily(_Days):
    """One of the next 16 days at one location, as forecast in one hour."""

    table: ClassVar[str] = "forecast_daily"


class ForecastHourly(Steps):
    """One of the next 96 hours at one location, as forecast in one hour."""

    table: ClassVar[str] = "forecast_hourly"

    rain_1h: Measure | None = given("rain.1h", "Rain in the hour before dt, mm; null is none")
    snow_1h: Measure | None = given("snow.1h", "Snow in the hour before dt, mm; null is none")


class ForecastClimate(_Days):
    """One of the next 30 days at one location, as forecast in one hour from the climate."""

    table: ClassVar[str] = "forecast_climate"

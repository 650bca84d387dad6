"""Contracts of ``/data/2.5/weather`` and ``/data/2.5/forecast``.

Sources: openweathermap.org/api/current and openweathermap.org/api/forecast5. Temperatures are K, °C or °F and wind
speeds m/s or mph, by the row's ``units`` (standard, metric, imperial); pressures are hPa, precipitation is mm.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dlt_sources.weather.contracts.base import Integer, Measure, Moment, added, given
from dlt_sources.weather.contracts.shared import POP, TIMEZONE_OFFSET, UNITS, Conditions, coordinates_as_object


class _Atmosphere(Conditions):
    """Columns common to current weather and a forecast step."""

    location_id: str = added("The location, as in bronze.locations")
    dt: Moment = given("dt", "Time that the row describes, UTC", required=True)
    fetched_at: Moment | None = added("Moment the answer was received, UTC")
    units: str | None = added(UNITS)
    temp: Measure = given("main.temp", "Air temperature; K, °C or °F by units", required=True)
    feels_like: Measure | None = given("main.feels_like", "Perceived temperature; K, °C or °F by units")
    temp_min: Measure | None = given(
        "main.temp_min", "Lowest temperature in the area at that time, not of the day; by units"
    )
    temp_max: Measure | None = given(
        "main.temp_max", "Highest temperature in the area at that time, not of the day; by units"
    )
    pressure: Measure | None = given("main.pressure", "Air pressure, hPa")
    humidity: Measure | None = given("main.humidity", "Relative humidity, %")
    sea_level: Measure | None = given("main.sea_level", "Air pressure at sea level, hPa")
    grnd_level: Measure | None = given("main.grnd_level", "Air pressure at ground level, hPa")
    visibility: Measure | None = given("visibility", "Visibility, m, at most 10000; null is unknown")
    wind_speed: Measure | None = given("wind.speed", "Wind speed; m/s or mph by units")
    wind_deg: Measure | None = given(
        "wind.deg", "Direction the wind comes from, degrees; null in calm or variable wind"
    )
    wind_gust: Measure | None = given("wind.gust", "Wind gust; m/s or mph by units; null is unknown")
    clouds: Measure | None = given("clouds.all", "Cloud cover, %")


class CurrentWeather(_Atmosphere):
    """One observation at one location."""

    table: ClassVar[str] = "current_weather"
    key: ClassVar[tuple[str, ...]] = ("location_id", "dt")
    ignored: ClassVar[frozenset[str]] = frozenset({"cod", "message", "sys.message"})

    rain_1h: Measure | None = given("rain.1h", "Rain in the last hour, mm; null is none")
    rain_3h: Measure | None = given("rain.3h", "Rain in the last 3 hours, mm (answers before about 2019)")
    snow_1h: Measure | None = given("snow.1h", "Snow in the last hour, mm; null is none")
    snow_3h: Measure | None = given("snow.3h", "Snow in the last 3 hours, mm (answers before about 2019)")
    coord_lat: Measure | None = given("coord.lat", "Latitude of the answer, degrees north")
    coord_lon: Measure | None = given("coord.lon", "Longitude of the answer, degrees east")
    country: str | None = given("sys.country", "ISO 3166 country code; null at sea", null_when="empty")
    sunrise: Moment | None = given("sys.sunrise", "Sunrise, UTC; null at polar day or night", null_when="zero")
    sunset: Moment | None = given("sys.sunset", "Sunset, UTC; null at polar day or night", null_when="zero")
    timezone: Integer | None = given("timezone", TIMEZONE_OFFSET)
    city_id: Integer | None = given(
        "id", "OpenWeather's id of the nearest city; null if there is none", null_when="zero"
    )
    city_name: str | None = given("name", "Name of the nearest city; null if there is none", null_when="empty")
    base: str | None = given("base", "Internal to OpenWeather: source of the data")
    sys_type: Integer | None = given("sys.type", "Internal to OpenWeather")
    sys_id: Integer | None = given("sys.id", "Internal to OpenWeather")

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record as ``Conditions`` does, with the coordinates as an object."""
        return coordinates_as_object(super().prepare(record))

    @classmethod
    def texts_of_lists(cls) -> dict[str, str] | None:
        """Return None: records are changed in other ways as well."""
        return None


class Steps(_Atmosphere):
    """Columns common to the forecasts in steps of one or 3 hours."""

    key: ClassVar[tuple[str, ...]] = ("location_id", "dt", "issued_at")
    ignored: ClassVar[frozenset[str]] = frozenset({"dt_txt"})

    issued_at: Moment | None = added("UTC hour in which the forecast was fetched")
    temp_kf: Measure | None = given("main.temp_kf", "Internal to OpenWeather: correction of the temperature")
    pop: Measure | None = given("pop", POP)
    city_name: str | None = added("Name of the nearest city; null if there is none", null_when="empty")
    country: str | None = added("ISO 3166 country code; null at sea", null_when="empty")
    timezone: Integer | None = added(TIMEZONE_OFFSET)
    population: Integer | None = added("Population of the nearest city; null is unknown", null_when="zero")
    pod: str | None = given("sys.pod", "Part of the day: d (day) or n (night)")


class Forecast(Steps):
    """One 3-hour step at one location, as forecast in one hour."""

    table: ClassVar[str] = "forecast"

    rain_3h: Measure | None = given("rain.3h", "Rain in the 3 hours before dt, mm; null is none")
    snow_3h: Measure | None = given("snow.3h", "Snow in the 3 hours before dt, mm; null is none")

"""Contracts of the parts of ``/data/3.0/onecall``.

Source: openweathermap.org/api/one-call-3. Units as in ``contracts.weather``. Rain and snow of a day are plain
numbers, unlike those of all other parts, which are objects.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from dlt_sources.weather.contracts.base import AnswerRow, Integer, Measure, Moment, added, as_json, given
from dlt_sources.weather.contracts.shared import Conditions

TAGS_JSON = "tags_json"


class _Issued(AnswerRow):
    """Key columns common to the timed parts."""

    key: ClassVar[tuple[str, ...]] = ("location_id", "dt", "issued_at")

    location_id: str = added("The location, as in bronze.locations")
    issued_at: Moment | None = added("UTC hour in which the answer was fetched")
    fetched_at: Moment | None = added("Moment the answer was received, UTC")


class OneCallHourly(_Issued, Conditions):
    """One of the next 48 hours at one location."""

    table: ClassVar[str] = "one_call_hourly"

    dt: Moment = given("dt", "Hour that the row describes, UTC", required=True)
    units: str | None = added("standard (K, m/s), metric (°C, m/s) or imperial (°F, mph)")
    timezone: str | None = added("Name of the location's time zone, as in the IANA database", null_when="empty")
    timezone_offset: Integer | None = added("Offset from UTC with daylight saving, seconds")
    temp: Measure = given("temp", "Air temperature; K, °C or °F by units", required=True)
    feels_like: Measure | None = given("feels_like", "Perceived temperature; by units")
    pressure: Measure | None = given("pressure", "Air pressure at sea level, hPa")
    humidity: Measure | None = given("humidity", "Relative humidity, %")
    dew_point: Measure | None = given("dew_point", "Dew point; K, °C or °F by units")
    uvi: Measure | None = given("uvi", "UV index")
    clouds: Measure | None = given("clouds", "Cloud cover, %")
    visibility: Measure | None = given("visibility", "Visibility, m, at most 10000; null is unknown")
    wind_speed: Measure | None = given("wind_speed", "Wind speed; m/s or mph by units")
    wind_deg: Measure | None = given("wind_deg", "Direction the wind comes from, degrees")
    wind_gust: Measure | None = given("wind_gust", "Wind gust; m/s or mph by units")
    pop: Measure | None = given("pop", "Probability of precipitation, 0 to 1")
    rain_1h: Measure | None = given("rain.1h", "Rain, mm/h; null is none")
    snow_1h: Measure | None = given("snow.1h", "Snow, mm/h; null is none")


class OneCallDaily(_Issued, Conditions):
    """One of the next 8 days at one location; ``dt`` is its local noon."""

    table: ClassVar[str] = "one_call_daily"

    dt: Moment = given("dt", "Noon of the location's local day, UTC", required=True)
    units: str | None = added("standard (K, m/s), metric (°C, m/s) or imperial (°F, mph)")
    timezone: str | None = added("Name of the location's time zone, as in the IANA database", null_when="empty")
    timezone_offset: Integer | None = added("Offset from UTC with daylight saving, seconds")
    sunrise: Moment | None = given("sunrise", "Sunrise, UTC; null at polar day or night", null_when="zero")
    sunset: Moment | None = given("sunset", "Sunset, UTC; null at polar day or night", null_when="zero")
    moonrise: Moment | None = given("moonrise", "Moonrise, UTC; null on a day without one", null_when="zero")
    moonset: Moment | None = given("moonset", "Moonset, UTC; null on a day without one", null_when="zero")
    moon_phase: Measure | None = given(
        "moon_phase", "0 and 1 new moon, 0.25 first quarter, 0.5 full moon, 0.75 last quarter"
    )
    summary: str | None = given("summary", "The day in words")
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
    dew_point: Measure | None = given("dew_point", "Dew point; K, °C or °F by units")
    wind_speed: Measure | None = given("wind_speed", "Highest wind speed of the day; m/s or mph by units")
    wind_deg: Measure | None = given("wind_deg", "Direction the wind comes from, degrees")
    wind_gust: Measure | None = given("wind_gust", "Wind gust; m/s or mph by units")
    clouds: Measure | None = given("clouds", "Cloud cover, %")
    pop: Measure | None = given("pop", "Probability of precipitation, 0 to 1")
    rain: Measure | None = given("rain", "Rain of the day, mm; null is none")
    snow: Measure | None = given("snow", "Snow of the day, mm; null is none")
    uvi: Measure | None = given("uvi", "Highest UV index of the day")


class OneCallMinutely(_Issued):
    """One of the next 60 minutes at one location."""

    table: ClassVar[str] = "one_call_minutely"

    dt: Moment = given("dt", "Minute that the row describes, UTC", required=True)
    precipitation: Measure | None = given("precipitation", "Precipitation, mm/h", required=True)


class OneCallAlerts(AnswerRow):
    """One official warning for one location; a warning fetched several times is one row."""

    table: ClassVar[str] = "one_call_alerts"
    key: ClassVar[tuple[str, ...]] = ("location_id", "alert_id")

    location_id: str = added("The location, as in bronze.locations")
    alert_id: str = given("alert_id", "Hash of the warning's sender, event, times and text", required=True)
    fetched_at: Moment | None = added("Moment the answer was received, UTC")
    sender_name: str | None = given("sender_name", "Authority that issued the warning")
    event: str | None = given("event", "Kind of danger")
    start: Moment = given("start", "Moment the danger begins, UTC", required=True)
    end: Moment | None = given("end", "Moment the danger ends, UTC; null is unknown", null_when="zero")
    description: str | None = given("description", "Text of the warning")
    tags: str | None = given(TAGS_JSON, "Kinds of severe weather, as JSON", json=True)

    @classmethod
    def identity(cls, record: dict[str, Any]) -> object:
        """Return a hash of the warning's content, since the API gives it no id."""
        content = [record.get(name) for name in ("sender_name", "event", "start", "end", "description")]
        try:
            text = repr(content)
        except RecursionError:
            text = as_json(content)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Return the warning with an ``alert_id`` made from its content, and with the tags as JSON text."""
        prepared = {**record, "alert_id": cls.identity(record)}
        tags = prepared.pop("tags", None)
        if tags is not None:
            prepared[TAGS_JSON] = as_json(tags)
        return prepared

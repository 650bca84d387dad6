"""Parts common to several answers: weather conditions, the values of an hour and of a day, coordinates as a pair."""

from __future__ import annotations

from typing import Any

from dlt_sources.weather.contracts.base import AnswerRow, Integer, Measure, Moment, as_json, given

CONDITIONS_JSON = "weather_json"
ALERTS_JSON = "alerts_json"
UNITS = "standard (K, m/s), metric (°C, m/s) or imperial (°F, mph)"
TIMEZONE = "Name of the location's time zone, as in the IANA database"
TIMEZONE_OFFSET = "Offset from UTC with daylight saving, seconds"
POP = "Probability of precipitation, 0 to 1"


class Conditions(AnswerRow):
    """Columns of the weather conditions: the primary one flat, and the whole list as JSON.

    The first entry is the primary one (openweathermap.org/weather-conditions).
    """

    weather_id: Integer | None = given("weather.id", "Condition code of the primary condition (800 is clear sky)")
    weather_main: str | None = given("weather.main", "Group of the primary condition, never translated")
    weather_description: str | None = given(
        "weather.description", "Primary condition in words, in the request's language"
    )
    weather_icon: str | None = given(
        "weather.icon", "Icon of the primary condition: two digits, then d (day) or n (night)"
    )
    weather: str | None = given(
        CONDITIONS_JSON, "All conditions as the API sent them, primary first, as JSON", json=True
    )

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record with the primary condition as ``weather`` and the whole list as JSON text."""
        conditions = record.get("weather")
        if not isinstance(conditions, list):
            return record
        primary = conditions[0] if conditions else None
        return {**record, "weather": primary, CONDITIONS_JSON: as_json(conditions)}

    @classmethod
    def texts_of_lists(cls) -> dict[str, str] | None:
        """Return the list of conditions with the name of its text."""
        others = super().texts_of_lists()
        return None if others is None else others | {"weather": CONDITIONS_JSON}


class AlertIds(AnswerRow):
    """Column of the warnings in force. One Call 4.0 gives their ids; the table ``one_call_alerts`` has their texts."""

    alerts: str | None = given(ALERTS_JSON, "Ids of the warnings in force, as a JSON list; null in 3.0", json=True)

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record with the ids as JSON text."""
        prepared = super().prepare(record)
        alerts = prepared.get("alerts")
        return prepared if alerts is None else {**prepared, "alerts": None, ALERTS_JSON: as_json(alerts)}

    @classmethod
    def texts_of_lists(cls) -> dict[str, str] | None:
        """Return the list of ids, and others, with the names of their texts."""
        others = super().texts_of_lists()
        return None if others is None else others | {"alerts": ALERTS_JSON}


class HourValues(Conditions):
    """Columns of One Call that describe a moment: the present, an hour or a quarter of one."""

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
    rain_1h: Measure | None = given("rain.1h", "Rain, mm/h; null is none")
    snow_1h: Measure | None = given("snow.1h", "Snow, mm/h; null is none")


class DayValues(Conditions):
    """Columns of One Call that describe a day. Rain and snow are numbers; those of a moment are objects."""

    sunrise: Moment | None = given("sunrise", "Sunrise, UTC; null at polar day or night", null_when="zero")
    sunset: Moment | None = given("sunset", "Sunset, UTC; null at polar day or night", null_when="zero")
    moonrise: Moment | None = given("moonrise", "Moonrise, UTC; null on a day without one", null_when="zero")
    moonset: Moment | None = given("moonset", "Moonset, UTC; null on a day without one", null_when="zero")
    moon_phase: Measure | None = given(
        "moon_phase", "0 and 1 new moon, 0.25 first quarter, 0.5 full moon, 0.75 last quarter"
    )
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
    rain: Measure | None = given("rain", "Rain of the day, mm; null is none")
    snow: Measure | None = given("snow", "Snow of the day, mm; null is none")
    uvi: Measure | None = given("uvi", "Highest UV index of the day")


def coordinates_as_object(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with ``"coord": [lat, lon]``, as some of the vendor's docs print it, as an object."""
    pair = record.get("coord")
    if isinstance(pair, list) and len(pair) == 2:
        return {**record, "coord": {"lat": pair[0], "lon": pair[1]}}
    return record

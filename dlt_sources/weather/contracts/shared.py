"""Parts common to several answers: the list of weather conditions, and coordinates given as a pair."""

from __future__ import annotations

from typing import Any

from dlt_sources.weather.contracts.base import AnswerRow, Integer, as_json, given

CONDITIONS_JSON = "weather_json"


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


def coordinates_as_object(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with ``"coord": [lat, lon]``, as some of the vendor's docs print it, as an object."""
    pair = record.get("coord")
    if isinstance(pair, list) and len(pair) == 2:
        return {**record, "coord": {"lat": pair[0], "lon": pair[1]}}
    return record

"""Pieces that several answers have in common: the list of weather conditions and coordinates given as a pair."""

from __future__ import annotations

from typing import Any

import orjson

from dlt_sources.weather.contracts.base import Contract, Integer, given

CONDITIONS_JSON = "weather_json"


class Conditions(Contract):
    """The primary weather condition in flat columns, and the whole list beside it as JSON.

    The first entry is the primary one (openweathermap.org/weather-conditions).
    """

    weather_id: Integer | None = given("weather.id", "Condition code of the primary condition (800 is clear sky)")
    weather_main: str | None = given("weather.main", "Group of the primary condition, never translated")
    weather_description: str | None = given(
        "weather.description", "Primary condition in words, in the request's language"
    )
    weather_icon: str | None = given("weather.icon", "Icon of the primary condition: two digits, then d(ay) or n(ight)")
    weather: str | None = given(
        CONDITIONS_JSON, "All conditions as the API sent them, primary first, as JSON", json=True
    )

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Lift the primary condition out of the list and keep the whole list as JSON text."""
        conditions = record.get("weather")
        if not isinstance(conditions, list):
            return record
        primary = conditions[0] if conditions else None
        return {**record, "weather": primary, CONDITIONS_JSON: orjson.dumps(conditions).decode()}


def coordinates_as_object(record: dict[str, Any]) -> dict[str, Any]:
    """Turn ``"coord": [lat, lon]``, as some of the vendor's docs print it, into the object that answers carry."""
    pair = record.get("coord")
    if isinstance(pair, list) and len(pair) == 2:
        return {**record, "coord": {"lat": pair[0], "lon": pair[1]}}
    return record

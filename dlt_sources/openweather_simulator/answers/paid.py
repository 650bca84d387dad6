"""Forecasts of the larger plans: `/data/2.5/forecast/daily`, `/hourly` and `/climate`.

Sources: openweathermap.org/api/forecast16, openweathermap.org/api/hourly-forecast, openweathermap.org/api/forecast30.
"""

from __future__ import annotations

from typing import Any

import orjson

from dlt_sources.openweather_simulator.answers import forecast
from dlt_sources.openweather_simulator.answers.one_call.days import day_told
from dlt_sources.openweather_simulator.answers.one_call.moments import Asked
from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.openweather_simulator.answers.places import Params, Place, nautical_hours, place_of
from dlt_sources.openweather_simulator.answers.units import tidy, units_of
from dlt_sources.openweather_simulator.world import sun

_HOUR = 3600
_HOURS = 96
_DAYS, _DAYS_BY_DEFAULT = 16, 7
_CLIMATE_DAYS = 30


def daily(params: Params, moment: int, rules: Rules) -> bytes:
    """Return up to 16 days from today on; 7 without `cnt`."""
    asked = Asked(place_of(params), units_of(params.get("units")), moment, rules)
    count = forecast.count_of(params, _DAYS, _DAYS_BY_DEFAULT)
    days = [_day(asked, dt) for dt in _noons(asked, count)]
    city = {**_city(asked.place), "timezone": asked.place.utc_offset(moment)}
    return orjson.dumps({"city": city, "cod": "200", "message": _took(moment), "cnt": count, "list": days})


def hourly(params: Params, moment: int) -> bytes:
    """Return 96 hours; the first is the next full hour."""
    return forecast.steps_forecast(params, moment, _HOUR, _HOURS)


def climate(params: Params, moment: int, rules: Rules) -> bytes:
    """Return up to 30 days from today on, without probability and gusts."""
    asked = Asked(place_of(params), units_of(params.get("units")), moment, rules)
    count = forecast.count_of(params, _CLIMATE_DAYS, _CLIMATE_DAYS)
    days = [_day(asked, dt) for dt in _noons(asked, count)]
    for day in days:
        del day["pop"]
        day.pop("gust", None)
    return orjson.dumps({"cod": "200", "city": _city(asked.place), "message": _took(moment), "list": days})


def _noons(asked: Asked, count: int) -> range:
    """Return the times that days are stamped with: noon of the nautical zone, as in recordings of 2020 and 2022."""
    offset = nautical_hours(asked.place.lon) * _HOUR
    first = (asked.moment + offset) // sun.DAY * sun.DAY + sun.DAY // 2 - offset
    return range(first, first + count * sun.DAY, sun.DAY)


def _day(asked: Asked, dt: int) -> dict[str, Any]:
    told = day_told(asked, dt)
    day = {
        "dt": dt,
        "sunrise": told.get("sunrise", 0),
        "sunset": told.get("sunset", 0),
        **{name: told[name] for name in ("temp", "feels_like", "pressure", "humidity", "weather")},
        "speed": told["wind_speed"],
        "deg": told["wind_deg"],
    }
    if "wind_gust" in told:
        day["gust"] = told["wind_gust"]
    return day | {name: told[name] for name in ("clouds", "pop", "rain", "snow") if name in told}


def _city(place: Place) -> dict[str, Any]:
    city = place.city
    return {
        "id": 0 if city is None or place.asked_by == "zip" else city.id,
        "name": city.name if city else "",
        "coord": {"lon": tidy(place.lon, 4), "lat": tidy(place.lat, 4)},
        "country": city.country if city else "",
        "population": 0 if city is None or place.asked_by == "id" else city.population,
    }


def _took(moment: int) -> float:
    """Return `message`, which is a small fraction in these products."""
    return 0.01 + moment % 997 / 10_000

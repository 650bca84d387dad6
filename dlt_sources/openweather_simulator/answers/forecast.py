"""`/data/2.5/forecast`: five days in steps of three hours. Source: openweathermap.org/api/forecast5."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import orjson

from dlt_sources.openweather_simulator.answers.current import wind
from dlt_sources.openweather_simulator.answers.places import Params, Place, place_of
from dlt_sources.openweather_simulator.answers.units import Units, tidy, units_of
from dlt_sources.openweather_simulator.world import conditions, sun
from dlt_sources.openweather_simulator.world.weather import state_at

STEP = 10_800
STEPS = 40


def forecast(params: Params, moment: int) -> bytes:
    """Return the forecast made at `moment`; the first step is the next 3-hour mark after it."""
    return steps_forecast(params, moment, STEP, STEPS)


def steps_forecast(params: Params, moment: int, step: int, most: int) -> bytes:
    """Return a forecast in steps of so many seconds, which `cnt` may shorten."""
    place = place_of(params)
    units = units_of(params.get("units"))
    first = moment // step * step + step
    count = count_of(params, most, most)
    steps = [_step(place, units, dt, moment, step) for dt in range(first, first + count * step, step)]
    return orjson.dumps(
        {"cod": "200", "message": 0, "cnt": count, "list": steps, "city": _city(place, moment)},
    )


def count_of(params: Params, most: int, usual: int) -> int:
    """Return how many rows are asked for; too many, none and nonsense give the usual number (all undocumented)."""
    text = params.get("cnt", "")
    wanted = int(text) if text.isdecimal() and len(text) < 10 else 0
    return wanted if 0 < wanted <= most else usual


def _step(place: Place, units: Units, dt: int, issued: int, step: int) -> dict[str, Any]:
    state = state_at(place.lat, place.lon, dt, (dt - issued) / 3600.0)
    # The first steps are bound to measurements; "temp_kf" is that correction.
    correction = 0.35 * max(0.0, 1.0 - (dt - issued) / (3.0 * STEP))
    hours = step // 3600
    row: dict[str, Any] = {
        "dt": dt,
        "main": {
            "temp": units.temperature(state.temperature),
            "feels_like": units.temperature(state.feels_like),
            "temp_min": units.temperature(state.temperature - correction),
            "temp_max": units.temperature(state.temperature),
            "pressure": state.pressure,
            "sea_level": state.pressure,
            "grnd_level": state.pressure - state.ground_drop,
            "humidity": state.humidity,
            "temp_kf": tidy(correction),
        },
        "weather": conditions.entries(state.codes[:1], day=state.day),
        "clouds": {"all": state.clouds},
        "wind": wind(state, units),
        "visibility": state.visibility,
        "pop": tidy(state.probability),
    }
    if state.rain:
        row["rain"] = {f"{hours}h": tidy(state.rain * hours)}
    if state.snow:
        row["snow"] = {f"{hours}h": tidy(state.snow * hours)}
    row["sys"] = {"pod": "d" if state.day else "n"}
    row["dt_txt"] = datetime.fromtimestamp(dt, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    return row


def _city(place: Place, moment: int) -> dict[str, Any]:
    city = place.city
    offset = place.utc_offset(moment)
    sunrise, sunset = sun.sun_times(place.lat, place.lon, moment, offset) or (0, 0)
    return {
        "id": 0 if city is None or place.asked_by == "zip" else city.id,
        "name": city.name if city else "",
        "coord": {"lat": tidy(place.lat, 4), "lon": tidy(place.lon, 4)},
        "country": city.country if city else "",
        # For requests by id, the service leaves out the population.
        "population": 0 if city is None or place.asked_by == "id" else city.population,
        "timezone": offset,
        "sunrise": sunrise,
        "sunset": sunset,
    }

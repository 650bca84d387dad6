"""`/data/2.5/weather`. Source: openweathermap.org/api/current."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import orjson

from dlt_sources.openweather_simulator.answers.places import Params, Place, place_of
from dlt_sources.openweather_simulator.answers.units import Units, tidy, units_of
from dlt_sources.openweather_simulator.world import conditions, sun
from dlt_sources.openweather_simulator.world.weather import State, state_at


def weather(params: Params, moment: int) -> bytes:
    """Return the current weather as of `moment`, which becomes `dt`."""
    place = place_of(params)
    units = units_of(params.get("units"))
    state = state_at(place.lat, place.lon, moment)
    seal = crc32(f"{place.lat},{place.lon}".encode())
    offset = place.utc_offset(moment)
    city = place.city
    answer: dict[str, Any] = {
        "coord": {"lon": tidy(place.lon, 4), "lat": tidy(place.lat, 4)},
        "weather": conditions.entries(state.codes, day=state.day),
        "base": "stations",
        "main": _main(state, units, seal),
    }
    # Points seen only by the model (all of the sea, some on land) now and then come without visibility.
    if city is not None or (seal + moment // 3600) % 3:
        answer["visibility"] = state.visibility
    answer["wind"] = wind(state, units, leave_out_calm=True)
    if state.rain:
        answer["rain"] = {"1h": tidy(state.rain)}
    if state.snow:
        answer["snow"] = {"1h": tidy(state.snow)}
    answer["clouds"] = {"all": state.clouds}
    answer["dt"] = moment
    answer["sys"] = _sys(place, moment, offset, seal)
    answer["timezone"] = offset
    answer["id"] = 0 if city is None or place.asked_by == "zip" else city.id
    answer["name"] = city.name if city else ""
    answer["cod"] = 200
    return orjson.dumps(answer)


def wind(state: State, units: Units, *, leave_out_calm: bool = False) -> dict[str, float | int]:
    """Return the `wind` object; a calm has no direction, and gusts are only known sometimes."""
    answer = {"speed": units.speed(state.wind_speed)}
    if not (leave_out_calm and state.wind_speed < 0.5):
        answer["deg"] = state.wind_degrees
    if state.gust is not None:
        answer["gust"] = units.speed(state.gust)
    return answer


def _main(state: State, units: Units, seal: int) -> dict[str, float | int]:
    # "min" and "max" are the spread over the city now, in most places none.
    spread = (0.0, 0.0, 0.6, 1.1)[seal % 4]
    main = {
        "temp": units.temperature(state.temperature),
        "feels_like": units.temperature(state.feels_like),
        "temp_min": units.temperature(state.temperature - spread),
        "temp_max": units.temperature(state.temperature + spread * 0.8),
        "pressure": state.pressure,
        "humidity": state.humidity,
    }
    # Where a station reports, the model's two pressures used to be left out.
    if seal % 6:
        main["sea_level"] = state.pressure
        main["grnd_level"] = state.pressure - state.ground_drop
    return main


def _sys(place: Place, moment: int, offset: int, seal: int) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if place.city is not None:
        if seal % 9:
            station = not seal % 6
            answer = {
                "type": 1 if station else 2,
                "id": seal % 9_000 if station else 2_000_000 + seal % 90_000,
            }
        answer["country"] = place.city.country
    answer["sunrise"], answer["sunset"] = sun.sun_times(place.lat, place.lon, moment, offset) or (0, 0)
    return answer

"""Whole days: the `daily` part of One Call 3.0, the rows of 4.0, and `/data/3.0/onecall/day_summary`.

Sources: openweathermap.org/api/one-call-3, openweathermap.org/api/one-call-4.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import orjson

from dlt_sources.openweather_simulator.answers.errors import bad_parameter
from dlt_sources.openweather_simulator.answers.one_call.moments import Asked, state_told
from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.openweather_simulator.answers.places import Params, Place, coordinates, place_at
from dlt_sources.openweather_simulator.answers.units import Units, tidy, units_of
from dlt_sources.openweather_simulator.world import conditions, sun
from dlt_sources.openweather_simulator.world.weather import State

_NEW_MOON = 947_182_440  # 2000-01-06 18:14 UTC, the usual epoch for the mean phase
_LUNATION = 29.530588853 * sun.DAY
_FIRST_DAY = 284_083_200  # 1979-01-02
_LAST_DAYS_AHEAD = 548


def day_part(asked: Asked, ahead: int) -> dict[str, Any]:
    """Return one element of `daily` of One Call 3.0: so many days after the local day of the moment."""
    place, _, moment, _ = asked
    offset = place.utc_offset(moment + ahead * sun.DAY)
    noon = (moment + offset) // sun.DAY * sun.DAY - offset + ahead * sun.DAY + sun.DAY // 2
    part = day_told(asked, noon, conditions.entries)
    part["summary"] = f"Expect a day of {part['weather'][0]['description']}"
    return part


def day_told(asked: Asked, dt: int, words: conditions.Words = conditions.entries_of_4) -> dict[str, Any]:
    """Return the day of a place that is stamped with `dt`, as it is told at the moment of the call.

    `words` returns the `weather` array in the words of the product.

    Rain and snow are plain numbers here, millimetres in the day, and not objects.
    """
    place, units, _, rules = asked
    number = dt // sun.DAY if rules.day_at == "utc_midnight" else (dt + place.utc_offset(dt)) // sun.DAY
    noon = number * sun.DAY + sun.DAY // 2
    offset = place.utc_offset(noon)
    midnight = number * sun.DAY - offset
    states = _three_hourly(asked, midnight)
    at_noon = states[4]
    times = sun.sun_times(place.lat, place.lon, noon - offset, offset)
    worst = max(states, key=lambda state: state.rain + state.snow)
    falling = worst if worst.rain + worst.snow > 0.3 else at_noon
    part: dict[str, Any] = {
        "dt": dt,
        **({"sunrise": times[0], "sunset": times[1]} if times else {}),
        **_moon(midnight),
        **_temperatures(states, units),
        "pressure": at_noon.pressure,
        "humidity": at_noon.humidity,
        "dew_point": units.temperature(at_noon.dew_point),
        "wind_speed": units.speed(max(state.wind_speed for state in states)),
        "wind_deg": at_noon.wind_degrees,
    }
    gusts = [state.gust for state in states if state.gust is not None]
    if gusts:
        part["wind_gust"] = units.speed(max(gusts))
    part["weather"] = words(falling.codes[:1], day=True)
    part["clouds"] = at_noon.clouds
    part["pop"] = tidy(max(state.probability for state in states))
    for name, amount in (
        ("rain", sum(s.rain for s in states) * 3),
        ("snow", sum(s.snow for s in states) * 3),
    ):
        if amount:
            part[name] = tidy(amount)
    part["uvi"] = tidy(max(state.uv_index for state in states))
    return part


def _temperatures(states: list[State], units: Units) -> dict[str, Any]:
    t = units.temperature
    told, felt = [t(state.temperature) for state in states], [t(state.feels_like) for state in states]
    times = (("day", 4), ("night", 7), ("eve", 6), ("morn", 2))
    return {
        "temp": {"min": min(told), "max": max(told), **{name: told[i] for name, i in times}},
        "feels_like": {name: felt[i] for name, i in times},
    }


def day_summary(params: Params, moment: int, rules: Rules) -> bytes:
    """Return the aggregates of one day.

    Percentages, pressure and direction are floats, and coordinates are echoed.

    Raises:
        ApiError: 400 for bad coordinates, and a `date` or `tz` that is unreadable or outside.
    """
    place, units = place_at(*coordinates(params)), units_of(params.get("units"))
    offset = _offset(params, place, moment)
    try:
        day = datetime.strptime(params.get("date", ""), "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        raise bad_parameter("Invalid date format", "date") from None
    midnight = int(day.timestamp()) - offset
    if not _FIRST_DAY <= midnight + offset <= moment + _LAST_DAYS_AHEAD * sun.DAY:
        raise bad_parameter("requested time is out the available range", "date")
    states = _three_hourly(Asked(place, units, moment, rules), midnight)
    afternoon, windiest = states[4], max(states, key=lambda state: state.wind_speed)
    t = units.temperature
    answer = {
        "lat": float(params["lat"]),
        "lon": float(params["lon"]),
        "tz": offset_text(offset),
        "date": f"{day:%Y-%m-%d}",
        "units": units.name,
        "cloud_cover": {"afternoon": float(afternoon.clouds)},
        "humidity": {"afternoon": float(afternoon.humidity)},
        "precipitation": {"total": tidy(3.0 * sum(state.rain + state.snow for state in states))},
        "temperature": {
            "min": t(min(state.temperature for state in states)),
            "max": t(max(state.temperature for state in states)),
            **{
                n: t(states[i].temperature) for n, i in (("afternoon", 4), ("night", 0), ("evening", 6), ("morning", 2))
            },
        },
        "pressure": {"afternoon": float(afternoon.pressure)},
        "wind": {"max": {"speed": units.speed(windiest.wind_speed), "direction": float(windiest.wind_degrees)}},
    }
    return orjson.dumps(answer)


def offset_text(offset: int) -> str:
    """Return an offset from UTC in seconds as `+03:00`."""
    minutes = abs(offset) // 60
    return f"{'-' if offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _three_hourly(asked: Asked, midnight: int) -> list[State]:
    """Return the states at 0, 3, ... 21 h of a day that begins at `midnight`."""
    return [state_told(asked, dt) for dt in range(midnight, midnight + sun.DAY, 10_800)]


def _moon(midnight: int) -> dict[str, int | float]:
    """Return rise, set and phase of a mean moon; a rise or set that does not happen is 0."""
    phase = (midnight + sun.DAY / 2 - _NEW_MOON) % _LUNATION / _LUNATION
    rise = int(phase * sun.DAY + 6.5 * 3600) % sun.DAY
    set_ = (rise + 43_200) % sun.DAY
    # The moon rises 49 minutes later each day: once in a lunation a day passes without it.
    return {
        "moonrise": midnight + rise if rise >= 2_940 else 0,
        "moonset": midnight + set_ if set_ >= 2_940 else 0,
        "moon_phase": tidy(phase),
    }


def _offset(params: Params, place: Place, moment: int) -> int:
    text = params.get("tz")
    if text is None:
        return place.utc_offset(moment)
    found = re.fullmatch(r"([+-]|%2B| )?(\d\d):(\d\d)", text)
    if found is None:
        raise bad_parameter("Invalid tz format", "tz")
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds

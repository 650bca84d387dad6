"""Whole days: the `daily` part of One Call 3.0, and `/data/3.0/onecall/day_summary`.

Source: openweathermap.org/api/one-call-3.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import orjson

from dlt_sources.openweather_simulator.answers.errors import bad_parameter
from dlt_sources.openweather_simulator.answers.places import Params, Place, coordinates, place_at
from dlt_sources.openweather_simulator.answers.units import Units, tidy, units_of
from dlt_sources.openweather_simulator.world import conditions, sun
from dlt_sources.openweather_simulator.world.weather import State, state_at

_NEW_MOON = 947_182_440  # 2000-01-06 18:14 UTC, the usual epoch for the mean phase
_LUNATION = 29.530588853 * sun.DAY
_FIRST_DAY = 284_083_200  # 1979-01-02
_LAST_DAYS_AHEAD = 548


def day_part(place: Place, units: Units, moment: int, ahead: int) -> dict[str, Any]:
    """Return one element of `daily`: `ahead` days after the local day of `moment`.

    Rain and snow are plain numbers here, millimetres in the day, and not objects.
    """
    offset = place.utc_offset(moment + ahead * sun.DAY)
    midnight = (moment + offset) // sun.DAY * sun.DAY - offset + ahead * sun.DAY
    states = _three_hourly(place, midnight, moment)
    noon = states[4]
    times = sun.sun_times(place.lat, place.lon, midnight + sun.DAY // 2, offset)
    worst = max(states, key=lambda state: state.rain + state.snow)
    falling = worst if worst.rain + worst.snow > 0.3 else noon
    codes = falling.codes[:1]
    t = units.temperature
    part: dict[str, Any] = {
        "dt": midnight + sun.DAY // 2,
        **({"sunrise": times[0], "sunset": times[1]} if times else {}),
        **_moon(midnight),
        "summary": f"Expect a day of {conditions.entries(codes, day=True)[0]['description']}",
        "temp": {
            "day": t(noon.temperature),
            "min": t(min(state.temperature for state in states)),
            "max": t(max(state.temperature for state in states)),
            **{name: t(states[i].temperature) for name, i in (("night", 7), ("eve", 6), ("morn", 2))},
        },
        "feels_like": {
            name: t(states[i].feels_like) for name, i in (("day", 4), ("night", 7), ("eve", 6), ("morn", 2))
        },
        "pressure": noon.pressure,
        "humidity": noon.humidity,
        "dew_point": t(noon.dew_point),
        "wind_speed": units.speed(max(state.wind_speed for state in states)),
        "wind_deg": noon.wind_degrees,
    }
    gusts = [state.gust for state in states if state.gust is not None]
    if gusts:
        part["wind_gust"] = units.speed(max(gusts))
    part["weather"] = conditions.entries(codes, day=True)
    part["clouds"] = noon.clouds
    part["pop"] = tidy(max(state.probability for state in states))
    for name, amount in (
        ("rain", sum(s.rain for s in states) * 3),
        ("snow", sum(s.snow for s in states) * 3),
    ):
        if amount:
            part[name] = tidy(amount)
    part["uvi"] = tidy(max(state.uv_index for state in states))
    return part


def day_summary(params: Params, moment: int) -> bytes:
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
    states = _three_hourly(place, midnight, moment)
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


def _three_hourly(place: Place, midnight: int, issued: int) -> list[State]:
    """Return the states at 0, 3, ... 21 h of a day that begins at `midnight`."""
    moments = range(midnight, midnight + sun.DAY, 10_800)
    return [state_at(place.lat, place.lon, dt, max(0, dt - issued) / 3600.0) for dt in moments]


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

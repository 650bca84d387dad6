"""One Call 3.0: current, minutes, hours and days in one answer, and single moments and days of any time.

Source: openweathermap.org/api/one-call-3. There are no alerts, whose key the service leaves out when there
are none.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from dlt_sources.openweather_simulator.answers.errors import bad_parameter, bad_request
from dlt_sources.openweather_simulator.answers.one_call.days import day_part, offset_text
from dlt_sources.openweather_simulator.answers.one_call.moments import (
    EARLIEST,
    HOUR,
    RECENT,
    Asked,
    head,
    measures,
    state_told,
    sun_part,
)
from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.openweather_simulator.answers.places import Params, coordinates, place_at
from dlt_sources.openweather_simulator.answers.units import Units, tidy, units_of
from dlt_sources.openweather_simulator.world import conditions, sun
from dlt_sources.openweather_simulator.world.weather import State

_DAYS_AHEAD = 4


def one_call(params: Params, moment: int, rules: Rules) -> bytes:
    """Return `current`, `minutely` (60), `hourly` (48, from the current hour) and `daily` (8, from today)."""
    asked = Asked(place_at(*coordinates(params)), units_of(params.get("units")), moment, rules)
    excluded = params.get("exclude", "").split(",")
    answer = head(asked.place, moment)
    if "current" not in excluded:
        answer["current"] = _moment(asked, moment)
    if "minutely" not in excluded:
        answer["minutely"] = [_minute(asked, dt) for dt in _minutes_after(moment)]
    if "hourly" not in excluded:
        first = moment // HOUR * HOUR
        answer["hourly"] = [_hour(asked, dt) for dt in range(first, first + 48 * HOUR, HOUR)]
    if "daily" not in excluded:
        answer["daily"] = [day_part(asked, ahead) for ahead in range(8)]
    return orjson.dumps(answer)


def timemachine(params: Params, moment: int, rules: Rules) -> bytes:
    """Return one moment, from 1979 to four days ahead.

    Raises:
        ApiError: 400 for bad coordinates, and a `dt` that is missing, unreadable or outside.
    """
    asked = Asked(place_at(*coordinates(params)), units_of(params.get("units")), moment, rules)
    try:
        dt = int(params["dt"])
    except (KeyError, ValueError):
        raise bad_parameter("Invalid dt format", "dt") from None
    if not EARLIEST <= dt <= moment + _DAYS_AHEAD * sun.DAY:
        raise bad_request("requested time is out the available range")
    data = _moment(asked, dt)
    if dt < moment - RECENT:
        del data["uvi"]
    return orjson.dumps({**head(asked.place, dt), "data": [data]})


def overview(params: Params, moment: int, rules: Rules) -> bytes:
    """Return a sentence about today or tomorrow.

    Raises:
        ApiError: 400 for bad coordinates or a `date` that is neither.
    """
    place, units = place_at(*coordinates(params)), units_of(params.get("units"))
    offset = place.utc_offset(moment)
    today = datetime.fromtimestamp(moment + offset, timezone.utc).date()
    days = {str(today + timedelta(days=ahead)): ahead for ahead in (0, 1)}
    date = params.get("date", str(today))
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date) or date not in days:
        raise bad_parameter("Invalid date format", "date")
    day = day_part(Asked(place, units, moment, rules), days[date])
    text = (
        f"The day brings {day['weather'][0]['description']}, temperatures from {day['temp']['min']}"
        f" to {day['temp']['max']}, and wind of up to {day['wind_speed']}."
    )
    head = {"lat": tidy(place.lat, 4), "lon": tidy(place.lon, 4), "tz": offset_text(offset), "date": date}
    return orjson.dumps({**head, "units": units.name, "weather_overview": text})


def _moment(asked: Asked, dt: int) -> dict[str, Any]:
    return {"dt": dt, **sun_part(asked.place, dt), **_measures(state_told(asked, dt), asked.units)}


def _measures(state: State, units: Units) -> dict[str, Any]:
    return measures(state, units, conditions.entries(state.codes, day=state.day))


def _hour(asked: Asked, dt: int) -> dict[str, Any]:
    state = state_told(asked, dt)
    part = _measures(state, asked.units)
    if state.humidity % 23 == 0:
        # Single hours of recorded answers have no visibility.
        del part["visibility"]
    falling: dict[str, Any] = {key: part.pop(key) for key in ("rain", "snow") if key in part}
    return {"dt": dt, **part, "pop": tidy(state.probability), **falling}


def _minutes_after(moment: int) -> range:
    first = moment // 60 * 60 + 60
    return range(first, first + HOUR, 60)


def _minute(asked: Asked, dt: int) -> dict[str, Any]:
    state = state_told(asked, dt)
    return {"dt": dt, "precipitation": tidy(state.rain + state.snow)}

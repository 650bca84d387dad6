"""One Call 3.0: current, minutes, hours and days in one answer, and single moments and days of any time.

Source: openweathermap.org/api/one-call-3. There are no alerts, whose key the service leaves out when there
are none.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from dlt_sources.openweather_simulator.answers.days import day_part, offset_text
from dlt_sources.openweather_simulator.answers.errors import bad_parameter, bad_request
from dlt_sources.openweather_simulator.answers.places import Params, Place, coordinates, place_at
from dlt_sources.openweather_simulator.answers.units import Units, tidy, units_of
from dlt_sources.openweather_simulator.world import conditions, sun
from dlt_sources.openweather_simulator.world.weather import State, state_at

HOUR = 3600
_FIRST_MOMENT = 283_996_800  # 1979-01-01
_DAYS_AHEAD = 4


def one_call(params: Params, moment: int) -> bytes:
    """Return `current`, `minutely` (60), `hourly` (48, from the current hour) and `daily` (8, from today)."""
    place, units = place_at(*coordinates(params)), units_of(params.get("units"))
    excluded = params.get("exclude", "").split(",")
    answer = _head(place, moment)
    if "current" not in excluded:
        answer["current"] = _moment(place, units, moment, moment)
    if "minutely" not in excluded:
        answer["minutely"] = [_minute(place, dt) for dt in range(moment // 60 * 60 + 60, moment + 3601, 60)][:60]
    if "hourly" not in excluded:
        first = moment // HOUR * HOUR
        answer["hourly"] = [_hour(place, units, dt, first) for dt in range(first, first + 48 * HOUR, HOUR)]
    if "daily" not in excluded:
        answer["daily"] = [day_part(place, units, moment, ahead) for ahead in range(8)]
    return orjson.dumps(answer)


def timemachine(params: Params, moment: int) -> bytes:
    """Return one moment, from 1979 to four days ahead.

    Raises:
        ApiError: 400 for bad coordinates, and a `dt` that is missing, unreadable or outside.
    """
    place, units = place_at(*coordinates(params)), units_of(params.get("units"))
    try:
        dt = int(params["dt"])
    except (KeyError, ValueError):
        raise bad_parameter("Invalid dt format", "dt") from None
    if not _FIRST_MOMENT <= dt <= moment + _DAYS_AHEAD * sun.DAY:
        raise bad_request("requested time is out the available range")
    data = _moment(place, units, dt, moment)
    if dt < moment - 5 * sun.DAY:
        del data["uvi"]
    return orjson.dumps({**_head(place, dt), "data": [data]})


def overview(params: Params, moment: int) -> bytes:
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
    day = day_part(place, units, moment, days[date])
    text = (
        f"The day brings {day['weather'][0]['description']}, temperatures from {day['temp']['min']}"
        f" to {day['temp']['max']}, and wind of up to {day['wind_speed']}."
    )
    head = {"lat": tidy(place.lat, 4), "lon": tidy(place.lon, 4), "tz": offset_text(offset), "date": date}
    return orjson.dumps({**head, "units": units.name, "weather_overview": text})


def _head(place: Place, moment: int) -> dict[str, Any]:
    return {
        "lat": tidy(place.lat, 4),
        "lon": tidy(place.lon, 4),
        "timezone": place.zone,
        "timezone_offset": place.utc_offset(moment),
    }


def _moment(place: Place, units: Units, dt: int, issued: int) -> dict[str, Any]:
    state = state_at(place.lat, place.lon, dt, max(0, dt - issued) / 3600.0)
    times = sun.sun_times(place.lat, place.lon, dt, place.utc_offset(dt))
    # In polar day and night the keys are left out here, where the current weather has zeros.
    sun_part: dict[str, Any] = {"sunrise": times[0], "sunset": times[1]} if times else {}
    return {"dt": dt, **sun_part, **_measures(state, units)}


def _hour(place: Place, units: Units, dt: int, issued: int) -> dict[str, Any]:
    state = state_at(place.lat, place.lon, dt, (dt - issued) / 3600.0)
    measures = _measures(state, units)
    if state.humidity % 23 == 0:
        # Single hours of recorded answers have no visibility.
        del measures["visibility"]
    falling: dict[str, Any] = {key: measures.pop(key) for key in ("rain", "snow") if key in measures}
    return {"dt": dt, **measures, "pop": tidy(state.probability), **falling}


def _minute(place: Place, dt: int) -> dict[str, Any]:
    state = state_at(place.lat, place.lon, dt)
    return {"dt": dt, "precipitation": tidy(state.rain + state.snow)}


def _measures(state: State, units: Units) -> dict[str, Any]:
    measures: dict[str, Any] = {
        "temp": units.temperature(state.temperature),
        "feels_like": units.temperature(state.feels_like),
        "pressure": state.pressure,
        "humidity": state.humidity,
        "dew_point": units.temperature(state.dew_point),
        "uvi": tidy(state.uv_index),
        "clouds": state.clouds,
        "visibility": state.visibility,
        "wind_speed": units.speed(state.wind_speed),
        "wind_deg": state.wind_degrees,
    }
    if state.gust is not None:
        measures["wind_gust"] = units.speed(state.gust)
    measures["weather"] = conditions.entries(state.codes, day=state.day)
    if state.rain:
        measures["rain"] = {"1h": tidy(state.rain)}
    if state.snow:
        measures["snow"] = {"1h": tidy(state.snow)}
    return measures

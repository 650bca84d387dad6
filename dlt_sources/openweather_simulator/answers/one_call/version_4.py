"""One Call 4.0: the current weather, four timelines and the text of a warning.

Source: openweathermap.org/api/one-call-4. Warnings are ids in every row; the key is left out where there are none.
"""

from __future__ import annotations

from typing import Any

import orjson

from dlt_sources.openweather_simulator.answers.errors import NOT_FOUND, ApiError, bad_parameter
from dlt_sources.openweather_simulator.answers.one_call import timelines
from dlt_sources.openweather_simulator.answers.one_call.days import day_told
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
from dlt_sources.openweather_simulator.answers.places import Params, degrees, place_at
from dlt_sources.openweather_simulator.answers.units import tidy, units_of
from dlt_sources.openweather_simulator.world import conditions, sun
from dlt_sources.openweather_simulator.world.alerts import alert_of, alerts_at
from dlt_sources.openweather_simulator.world.weather import State

_TIMELINE = "/data/4.0/onecall/timeline/"
_TWO_DAYS = 2 * sun.DAY
_DAYS_AHEAD = 548


def current(params: Params, moment: int, rules: Rules) -> bytes:
    """Return the weather at `moment`, a list of one row."""
    asked = _asked(params, moment, rules)
    row = {"dt": moment, **sun_part(asked.place, moment), **_measures(asked, moment, state_told(asked, moment))}
    return orjson.dumps({**head(asked.place, moment), "data": [_with_alerts(asked, row)]})


def minutes(params: Params, moment: int, rules: Rules) -> bytes:
    """Return the precipitation of the next hour."""
    return timelines.page(_MINUTES, _asked(params, moment, rules), params)


def quarter_hours(params: Params, moment: int, rules: Rules) -> bytes:
    """Return a page of the next 48 hours in steps of 15 minutes."""
    return timelines.page(_QUARTER_HOURS, _asked(params, moment, rules), params)


def hours(params: Params, moment: int, rules: Rules) -> bytes:
    """Return a page of the hours from 1979 to 48 hours ahead."""
    return timelines.page(_HOURS, _asked(params, moment, rules), params)


def days(params: Params, moment: int, rules: Rules) -> bytes:
    """Return a page of the days from 1979 to a year and a half ahead."""
    return timelines.page(_DAYS, _asked(params, moment, rules), params)


def alert(name: str) -> bytes:
    """Return the text of a warning.

    Raises:
        ApiError: 404 for an id that no warning has.
    """
    found = alert_of(name)
    if found is None:
        raise ApiError(404, NOT_FOUND)
    return orjson.dumps(found._asdict())


def _asked(params: Params, moment: int, rules: Rules) -> Asked:
    """Return what a request asks.

    Raises:
        ApiError: 400 for bad coordinates, in the newer style that names the parameter.
    """
    lat, lon = degrees(params, "lat", 90.0), degrees(params, "lon", 180.0)
    if lat is None:
        raise bad_parameter("wrong latitude", "lat")
    if lon is None:
        raise bad_parameter("wrong longitude", "lon")
    return Asked(place_at(round(lat, 4), round(lon, 4)), units_of(params.get("units")), moment, rules)


def _minute(asked: Asked, dt: int) -> dict[str, Any]:
    state = state_told(asked, dt)
    return _with_alerts(asked, {"dt": dt, "precipitation": tidy(state.rain + state.snow)})


def _quarter_hour(asked: Asked, dt: int) -> dict[str, Any]:
    row = _step(asked, dt, 900)
    # Documented, but in none of 50 rows whose hours had it in 20 of 20 (seen by users in 2026).
    row.pop("rain", None)
    row.pop("snow", None)
    return row


def _hour(asked: Asked, dt: int) -> dict[str, Any]:
    return _step(asked, dt, HOUR)


def _step(asked: Asked, dt: int, seconds: int) -> dict[str, Any]:
    state = state_told(asked, dt)
    row = {"dt": dt, **_measures(asked, dt, state)}
    if state.humidity % 23 == 0:
        # Single hours of recorded answers of 3.0 have no visibility.
        del row["visibility"]
    # The step that holds now is the first of the forecast.
    if dt + seconds > asked.moment:
        row["pop"] = tidy(state.probability)
    return _with_alerts(asked, row)


def _measures(asked: Asked, dt: int, state: State) -> dict[str, Any]:
    part = measures(state, asked.units, conditions.entries_of_4(state.codes, day=state.day))
    if dt < asked.moment - RECENT:
        del part["uvi"]
    return part


def _day(asked: Asked, dt: int) -> dict[str, Any]:
    row = day_told(asked, dt)
    if dt < asked.moment - RECENT:
        del row["uvi"]
    # Today still has a probability.
    if dt < asked.moment - sun.DAY // 2:
        del row["pop"]
    if "sunrise" not in row:
        del row["moonrise"], row["moonset"]
    if asked.rules.day_rain == "object":
        row |= {name: {"1h": row[name]} for name in ("rain", "snow") if name in row}
    return _with_alerts(asked, row)


def _with_alerts(asked: Asked, row: dict[str, Any]) -> dict[str, Any]:
    """Name the warnings in force; how long the service remembers them is not known, taken are five days."""
    dt: int = row["dt"]
    if dt >= asked.moment - RECENT and (alerts := alerts_at(asked.place.lat, asked.place.lon, dt)):
        row["alerts"] = alerts
    return row


_MINUTES = timelines.Series(f"{_TIMELINE}1min", 60, 60, None, HOUR - 60, _minute, names_count=False)
_QUARTER_HOURS = timelines.Series(f"{_TIMELINE}15min", 900, 50, None, _TWO_DAYS, _quarter_hour, names_count=False)
_HOURS = timelines.Series(f"{_TIMELINE}1h", HOUR, 20, EARLIEST // HOUR, _TWO_DAYS, _hour, names_count=True)
_DAYS = timelines.Series(
    f"{_TIMELINE}1day", sun.DAY, 10, EARLIEST // sun.DAY, _DAYS_AHEAD * sun.DAY, _day, names_count=True
)

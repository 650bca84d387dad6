"""Single moments of a place: what the parts of One Call 3.0 and the timelines of 4.0 have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.openweather_simulator.answers.places import Place
from dlt_sources.openweather_simulator.answers.units import Units, tidy
from dlt_sources.openweather_simulator.world import sun
from dlt_sources.openweather_simulator.world.weather import State, state_at

HOUR = 3600
EARLIEST = 283_996_800  # 1979-01-01
# The UV index is only given for the last five days; revisions are taken to end there too.
RECENT = 5 * sun.DAY


class Asked(NamedTuple):
    """What a call asks, and when: rows are told as they are known at `moment`, in the units."""

    place: Place
    units: Units
    moment: int
    rules: Rules


def head(place: Place, moment: int) -> dict[str, Any]:
    """Return what every answer begins with; the offset is that of `moment`."""
    return {
        "lat": tidy(place.lat, 4),
        "lon": tidy(place.lon, 4),
        "timezone": place.zone,
        "timezone_offset": place.utc_offset(moment),
    }


def state_told(asked: Asked, dt: int) -> State:
    """Return the weather at `dt` as it is told at the moment of the call.

    A forecast misses the more the further ahead it looks. A past hour that is revised misses a little, less every
    day, until it is five days old. Whatever is asked, and by which endpoint, the same hour has the same weather.
    """
    place, _, moment, rules = asked
    ahead = dt - moment // HOUR * HOUR
    if ahead > 0:
        return state_at(place.lat, place.lon, dt, ahead / 3600.0)
    age = moment - dt
    # 1.2 h for each day that is left: the forecast error of six hours at most.
    lead = (5 - age // sun.DAY) * 1.2 if rules.revised and HOUR <= age < RECENT else 0.0
    return state_at(place.lat, place.lon, dt, lead)


def sun_part(place: Place, dt: int) -> dict[str, Any]:
    """Return sunrise and sunset; in polar day and night the keys are left out, where other products send zeros."""
    times = sun.sun_times(place.lat, place.lon, dt, place.utc_offset(dt))
    return {"sunrise": times[0], "sunset": times[1]} if times else {}


def measures(state: State, units: Units, weather: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the fields that a current weather and an hour share, with the conditions in the product's words."""
    part: dict[str, Any] = {
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
        part["wind_gust"] = units.speed(state.gust)
    part["weather"] = weather
    if state.rain:
        part["rain"] = {"1h": tidy(state.rain)}
    if state.snow:
        part["snow"] = {"1h": tidy(state.snow)}
    return part

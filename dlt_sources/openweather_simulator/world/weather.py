"""Atmosphere: the weather at a place and moment, by arithmetic alone.

Climate by latitude and season, a daily cycle by solar time, and drifting fields of noise for pressure
waves, wet and dry air, and wind. There is no altitude, no sea and no memory: the same (lat, lon, moment)
always gives the same weather, so a forecast can be checked against the weather "later".
"""

from __future__ import annotations

from math import cos, exp, log, pi, radians, sin
from typing import NamedTuple

from dlt_sources.openweather_simulator.world import conditions, sun
from dlt_sources.openweather_simulator.world.noise import Field, lattice

_WAVES = Field(degrees=15.0, hours=60.0, drift=0.35, seed=11)
_FRONTS = Field(degrees=5.0, hours=20.0, drift=0.45, seed=23)
_AIR_MASS = Field(degrees=12.0, hours=72.0, drift=0.2, seed=37)
_MOISTURE = Field(degrees=4.0, hours=9.0, drift=0.4, seed=41)
_SHOWERS = Field(degrees=1.2, hours=3.0, drift=0.4, seed=53)
_WIND = Field(degrees=3.0, hours=8.0, drift=0.4, seed=67)
_DIRECTION = Field(degrees=10.0, hours=30.0, drift=0.3, seed=71)

_YEAR_HOURS = 365.2425 * 24.0
_WARMEST_HOUR = 200 * 24.0
_WET = 0.40
# A forecast is as wrong as it gets after five days.
_FORECAST_HOURS = 120.0
# Most of what is asked is past, and misses nothing.
_NO_MISSES = (0.0, 0.0, 0.0, 0.0)


class State(NamedTuple):
    """Weather of one place and moment: Celsius, hPa, m/s, mm/h, metres, per cent."""

    temperature: float
    feels_like: float
    dew_point: float
    pressure: int
    ground_drop: int
    humidity: int
    clouds: int
    wind_speed: float
    wind_degrees: int
    gust: float | None
    visibility: int
    rain: float
    snow: float
    probability: float
    uv_index: float
    day: bool
    codes: tuple[int, ...]


def climate(lat: float, hour: float) -> float:
    """Return the mean temperature in Celsius of a latitude in a season; `hour` counts from the epoch."""
    s = sin(radians(lat))
    season = cos(2.0 * pi * (hour - _WARMEST_HOUR) / _YEAR_HOURS)
    return float(27.0 - 40.0 * abs(s) ** 3.5 + 12.5 * s * season)


def state_at(lat: float, lon: float, moment: float, lead_hours: float = 0.0) -> State:
    """Return the weather at a place and moment.

    Args:
        lat: Latitude in degrees.
        lon: Longitude in degrees.
        moment: Unix seconds.
        lead_hours: Hours from the issue of the forecast to the moment; 0 is the truth, and errors grow for five days.
    """
    hour = moment / 3600.0
    misses = _misses(lat, lon, hour, lead_hours) if lead_hours else _NO_MISSES
    height = sun.elevation_sine(lat, lon, moment)
    calm = cos(radians(lat))
    storminess = 0.3 + 0.7 * (1.0 - calm)

    waves = 0.7 * _WAVES.at(lat, lon, hour) + 0.45 * _FRONTS.at(lat, lon, hour)
    wet = 0.55 * _MOISTURE.at(lat, lon, hour) + 0.3 * _SHOWERS.at(lat, lon, hour) - 0.45 * waves
    # The tropics and the storm tracks near 55 degrees are wet, the horse latitudes and the poles dry.
    wet += 0.10 * cos(radians(lat * 6.4)) + 0.25 * misses[2]
    clouds = min(max(round(48.0 + 105.0 * wet), 0), 100)

    warmth = cos(2.0 * pi * (sun.solar_hour(lon, moment) - 15.0) / 24.0)
    temperature = (
        climate(lat, hour)
        + (6.5 - 0.045 * clouds) * calm * warmth
        + (1.0 + 11.0 * storminess) * _AIR_MASS.at(lat, lon, hour)
        + 4.0 * misses[0]
    )
    pressure = 1014.0 + 34.0 * storminess * waves + 5.0 * misses[1]
    blow = 0.5 + 0.5 * _WIND.at(lat, lon, hour) + 0.25 * misses[3]
    speed = max(0.0, 15.0 * blow * blow * (0.55 + 0.45 * abs(waves) + 0.3 * storminess))
    humidity = min(max(66.0 + 34.0 * wet - 13.0 * warmth * calm, 9.0), 100.0)
    rain, snow = _falling(wet, temperature)
    return _describe(
        temperature=temperature,
        pressure=pressure,
        humidity=humidity,
        clouds=clouds,
        speed=speed,
        rain=rain,
        snow=snow,
        wet=wet,
        height=height,
        lat=lat,
        lon=lon,
        hour=hour,
    )


def _misses(lat: float, lon: float, hour: float, lead_hours: float) -> tuple[float, float, float, float]:
    """Return by how much a forecast of so many hours ahead misses in four ways, each -1 to 1."""
    doubt = min(lead_hours / _FORECAST_HOURS, 1.0)
    # Three hours miss in the same way, as forecasts do.
    x, y, t = int(lat * 10), int(lon * 10), int(hour) // 3
    return (
        doubt * lattice(x, y, t, 101),
        doubt * lattice(x, y, t, 102),
        doubt * lattice(x, y, t, 103),
        doubt * lattice(x, y, t, 104),
    )


def _falling(wet: float, temperature: float) -> tuple[float, float]:
    """Return rain and snow in mm/h. Warm air holds more water."""
    over = wet - _WET
    if over <= 0.0:
        return 0.0, 0.0
    amount = (0.06 + 13.0 * over**1.7) * exp(min(temperature, 30.0) / 28.0)
    amount = round(amount, 2)
    if temperature >= 2.0:
        return amount, 0.0
    if temperature > 0.3:
        return round(amount * 0.5, 2), round(amount * 0.5, 2)
    return (amount, 0.0) if -0.4 < temperature < 0.0 and wet < _WET + 0.03 else (0.0, amount)


def _seen(
    temperature: float, humidity: float, clouds: int, speed: float, *, rain: float, snow: float
) -> tuple[tuple[int, ...], int]:
    """Return the condition codes, the primary one first, and the visibility in metres."""
    thick_air = humidity >= 92.0 and speed < 4.0
    if rain + snow:
        visibility = max(600, int(10_000 - 1_400 * (rain + snow) - (4_000 if thick_air else 0)))
        code = conditions.precipitation(rain, snow, temperature)
        if not thick_air:
            return (code,), visibility
        # A wet, still hour is reported with up to three conditions at once.
        return ((500, 301, 701) if code == 500 and rain >= 0.5 else (code, 701)), visibility
    if not thick_air:
        return (conditions.sky(clouds),), 10_000
    if humidity >= 97.0 and speed < 1.5:
        return (741,), 300
    return (701,), 3_000 + int(speed * 500)


def _describe(
    *,
    temperature: float,
    pressure: float,
    humidity: float,
    clouds: int,
    speed: float,
    rain: float,
    snow: float,
    wet: float,
    height: float,
    lat: float,
    lon: float,
    hour: float,
) -> State:
    falling = rain + snow
    if falling:
        humidity = min(100.0, max(humidity, 78.0 + 6.0 * falling))
        clouds = max(clouds, 40 if wet < _WET + 0.02 else 75)
    codes, visibility = _seen(temperature, humidity, clouds, speed, rain=rain, snow=snow)
    direction = int(360.0 * (1.5 + 1.5 * _DIRECTION.at(lat, lon, hour))) % 360
    vapour = humidity / 100.0 * 6.105 * exp(17.27 * temperature / (237.7 + temperature))
    gamma = log(max(humidity, 1.0) / 100.0) + 17.62 * temperature / (243.12 + temperature)
    return State(
        temperature=temperature,
        # Apparent temperature without radiation: Steadman 1994, as used by the Australian Bureau of
        # Meteorology.
        feels_like=temperature + 0.33 * vapour - 0.70 * speed - 4.0,
        # Magnus formula with the constants of the WMO guide (Sonntag 1990).
        dew_point=243.12 * gamma / (17.62 - gamma),
        pressure=round(pressure),
        ground_drop=int(7.0 + 7.0 * lattice(int(lat * 4), int(lon * 4), 0, 5)),
        humidity=round(humidity),
        clouds=clouds,
        wind_speed=speed,
        wind_degrees=direction,
        gust=speed * (1.45 + 0.2 * lattice(int(lat), int(lon), int(hour), 6)) if speed > 4.5 else None,
        visibility=visibility // 100 * 100,
        rain=rain,
        snow=snow,
        probability=min(max((wet - _WET + 0.25) / 0.4, 0.0), 1.0),
        uv_index=max(0.0, 11.5 * height**1.3 * (1.0 - 0.0065 * clouds)) if height > 0.0 else 0.0,
        day=height > -0.01454,
        codes=codes,
    )

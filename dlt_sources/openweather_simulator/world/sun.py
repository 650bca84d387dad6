"""Position of the sun, after NOAA's general solar position calculations.

Source: NOAA Global Monitoring Division, "General Solar Position Calculations" (gml.noaa.gov/grad/solcalc).
Accurate to about a minute at middle latitudes.
"""

from __future__ import annotations

from math import acos, cos, degrees, pi, radians, sin

DAY = 86_400
_YEAR = 365.2425 * DAY
# Sunrise is the moment when the upper limb appears: refraction and the sun's radius add 0.833 degrees (NOAA).
_ZENITH_COSINE = cos(radians(90.833))


def declination_and_equation_of_time(moment: float) -> tuple[float, float]:
    """Return the sun's declination in radians and the equation of time in minutes."""
    g = 2.0 * pi * (moment % _YEAR) / _YEAR
    c1, s1, c2, s2 = cos(g), sin(g), cos(2 * g), sin(2 * g)
    declination = (
        0.006918
        - 0.399912 * c1
        + 0.070257 * s1
        - 0.006758 * c2
        + 0.000907 * s2
        - 0.002697 * cos(3 * g)
        + 0.00148 * sin(3 * g)
    )
    equation = 229.18 * (0.000075 + 0.001868 * c1 - 0.032077 * s1 - 0.014615 * c2 - 0.040849 * s2)
    return declination, equation


def solar_hour(lon: float, moment: float) -> float:
    """Return mean solar time in hours, 0 to 24: the clock that day and night follow."""
    return (moment / 3600.0 + lon / 15.0) % 24.0


def elevation_sine(lat: float, lon: float, moment: float) -> float:
    """Return the sine of the sun's elevation above the horizon, -1 to 1."""
    declination, equation = declination_and_equation_of_time(moment)
    hour_angle = radians(15.0 * (solar_hour(lon, moment) + equation / 60.0 - 12.0))
    phi = radians(lat)
    return sin(phi) * sin(declination) + cos(phi) * cos(declination) * cos(hour_angle)


def sun_times(lat: float, lon: float, moment: float, utc_offset: int) -> tuple[int, int] | None:
    """Return sunrise and sunset (Unix seconds) of the local calendar day, or None in polar day or night.

    Args:
        lat: Latitude in degrees.
        lon: Longitude in degrees.
        moment: Any moment of the day, Unix seconds.
        utc_offset: The place's offset from UTC in seconds; it decides the day.
    """
    local_date = (moment + utc_offset) // DAY * DAY
    midnight = local_date - utc_offset
    declination, equation = declination_and_equation_of_time(midnight + DAY / 2)
    phi = radians(min(max(lat, -89.99), 89.99))
    cosine = (_ZENITH_COSINE - sin(phi) * sin(declination)) / (cos(phi) * cos(declination))
    if not -1.0 < cosine < 1.0:
        return None
    noon = local_date + (720.0 - 4.0 * lon - equation) * 60.0
    # Zones far from their meridian (Kiribati) would otherwise get yesterday's or tomorrow's sun.
    noon = midnight + (noon - midnight) % DAY
    half_day = degrees(acos(cosine)) * 240.0
    return int(noon - half_day), int(noon + half_day)

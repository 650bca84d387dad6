"""Distance of two points on Earth."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

# kilometres: mean radius of the Earth by the International Union of Geodesy and Geophysics
EARTH_RADIUS = 6371.0088


def kilometres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return the distance of two points along a great circle, by the haversine formula.

    Args:
        lat: latitude of one point, degrees.
        lon: its longitude, degrees.
        other_lat: latitude of the other, degrees.
        other_lon: its longitude, degrees.
    """
    a, b = radians(lat), radians(other_lat)
    haversine = sin((a - b) / 2) ** 2 + cos(a) * cos(b) * sin(radians(lon - other_lon) / 2) ** 2
    return 2 * EARTH_RADIUS * asin(sqrt(min(1.0, max(0.0, haversine))))

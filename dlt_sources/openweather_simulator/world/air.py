"""Air pollution: eight concentrations per hour with a traffic cycle, a sun cycle and stagnant spells.

Everything is counted in hundredths of a microgram per cubic metre, as integers: histories of many thousand
hours are requested at once, and integers are quickly printed without a trailing `.0`.

The index is the worst class over six pollutants (openweathermap.org/api/air-pollution).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import cos, exp, floor, pi, radians, sin
from typing import NamedTuple

from dlt_sources.openweather_simulator.world.noise import along_time, lattice

HOUR = 3600
# The history begins on 27 November 2020 (openweathermap.org/api/air-pollution).
EARLIEST = 1_606_435_200

NAMES = ("co", "no", "no2", "o3", "so2", "pm2_5", "pm10", "nh3")
# Upper bounds (exclusive) of the classes 1 to 4, in hundredths of ug/m3.
LIMITS = {
    "so2": (2_000, 8_000, 25_000, 35_000),
    "no2": (4_000, 7_000, 15_000, 20_000),
    "pm10": (2_000, 5_000, 10_000, 20_000),
    "pm2_5": (1_000, 2_500, 5_000, 7_500),
    "o3": (6_000, 10_000, 14_000, 18_000),
    "co": (440_000, 940_000, 1_240_000, 1_540_000),
}
_CLASSES = tuple(
    (
        LIMITS["so2"][k],
        LIMITS["no2"][k],
        LIMITS["pm10"][k],
        LIMITS["pm2_5"][k],
        LIMITS["o3"][k],
        LIMITS["co"][k],
    )
    for k in range(4)
)

# Places where the air is bad in reality: latitude, longitude, reach in degrees, strength.
_POLLUTED = ((28.0, 79.0, 8.0, 3.2), (35.0, 115.0, 8.0, 1.8), (24.0, 45.0, 10.0, 1.3), (12.0, 8.0, 9.0, 1.2))
# Two rush hours over a night minimum, and the height of the sun, by solar hour.
_TRAFFIC = tuple(0.5 + 0.9 * exp(-((h - 8) ** 2) / 5.0) + 0.8 * exp(-((h - 19) ** 2) / 8.0) for h in range(24))
_SUNSHINE = tuple(max(0.0, sin(pi * (h - 6.5) / 14.0)) if 6 < h < 21 else 0.0 for h in range(24))

# Whole numbers have no fraction, and 12.50 is printed as 12.5.
_FRACTION = tuple("" if n == 0 else f".{n:02d}".rstrip("0") for n in range(100))

Row = tuple[int, int, int, int, int, int, int, int, int]


class AirShed(NamedTuple):
    """Constants of a place: identity for the noise, strengths, and the hour offset of its sun."""

    x: int
    y: int
    level: float
    season: float
    ozone: float
    hour_shift: int


@lru_cache(maxsize=8192)
def shed_at(lat: float, lon: float) -> AirShed:
    """Return the constants of a place."""
    x, y = floor(lon * 100), floor(lat * 100)
    level = 0.35 + 0.25 * (1.0 + lattice(x, y, 0, 201))
    for lat0, lon0, reach, strength in _POLLUTED:
        level += strength * exp(-((lat - lat0) ** 2 + (lon - lon0) ** 2) / (2.0 * reach * reach))
    # Near the poles there are no sources, and wind carries little there.
    level *= max(0.15, min(1.0, (85.0 - abs(lat)) / 20.0))
    southern = -1.0 if lat < 0.0 else 1.0
    return AirShed(x, y, level, southern * min(1.0, abs(lat) / 45.0), 0.7 + 0.3 * cos(radians(lat)), round(lon / 15.0))


def index_of(row: Row) -> int:
    """Return the air quality index, 1 to 5, of a row in the order of `NAMES` plus anything."""
    co, _, no2, o3, so2, pm2_5, pm10 = row[:7]
    index = 1
    for so2_limit, no2_limit, pm10_limit, pm2_5_limit, o3_limit, co_limit in _CLASSES:
        if (
            so2 < so2_limit
            and no2 < no2_limit
            and pm10 < pm10_limit
            and pm2_5 < pm2_5_limit
            and o3 < o3_limit
            and co < co_limit
        ):
            break
        index += 1
    return index


def hours(shed: AirShed, first: int, count: int, issued: int | None = None) -> Iterator[Row]:
    """Yield one row per hour: the concentrations in the order of `NAMES`, in hundredths, then the Unix time.

    Args:
        shed: The place.
        first: Unix seconds of the first row, on the hour.
        count: Number of rows.
        issued: For a forecast, the hour it was made: errors grow with the distance from it. None is the
            truth.
    """
    x, y, level, season, ozone, shift = shed
    block, stagnation, step, winter = None, 1.0, 0.0, 0.0
    for dt in range(first, first + count * HOUR, HOUR):
        hour = dt // HOUR
        if hour // 12 != block:
            block = hour // 12
            stagnation = _stagnation(block, x, y)
            step = (_stagnation(block + 1, x, y) - stagnation) / 12.0
            winter = 1.0 + 0.35 * season * cos(2.0 * pi * (block * 12 - 360) / 8765.82)
        strength = level * winter * (stagnation + step * (hour % 12))
        if issued is not None:
            strength *= 1.0 + 0.3 * min(dt - issued, 345_600) / 345_600 * lattice(x, y, hour, 203)
        solar = (hour + shift) % 24
        traffic = _TRAFFIC[solar] * strength
        sunshine = _SUNSHINE[solar]
        pm2_5 = int(traffic * 650.0 + strength * 700.0)
        yield (
            int(16_500.0 + traffic * 9_000.0),
            min(10_000, int(traffic * traffic * (60.0 + 240.0 * sunshine))) if solar > 5 else 0,
            int(traffic * 1_900.0),
            int(ozone * (3_600.0 + 5_200.0 * sunshine / winter) / (0.7 + 0.35 * traffic)),
            int(strength * 190.0 + traffic * 60.0),
            pm2_5,
            int(pm2_5 * 1.35 + strength * 180.0),
            max(0, int(strength * 95.0 * (2.0 - winter)) - 20),
            dt,
        )


def _stagnation(block: int, x: int, y: int) -> float:
    """Return how much the air stands still at the start of a half day, 0.35 (windy) to 2.9 (trapped)."""
    return exp(1.05 * along_time(block / 5.0, x, y, 207) + 0.35 * lattice(x, y, block, 209)) * 0.85


def list_bytes(rows: Iterator[Row]) -> bytes:
    """Return rows as the elements of the answer's `list`, without the brackets."""
    f = _FRACTION
    return ",".join(
        [
            f'{{"main":{{"aqi":{index_of(row)}}},"components":{{'
            f'"co":{row[0] // 100}{f[row[0] % 100]},"no":{row[1] // 100}{f[row[1] % 100]},'
            f'"no2":{row[2] // 100}{f[row[2] % 100]},"o3":{row[3] // 100}{f[row[3] % 100]},'
            f'"so2":{row[4] // 100}{f[row[4] % 100]},"pm2_5":{row[5] // 100}{f[row[5] % 100]},'
            f'"pm10":{row[6] // 100}{f[row[6] % 100]},'
            f'"nh3":{row[7] // 100}{f[row[7] % 100]}}},"dt":{row[8]}}}'
            for row in rows
        ]
    ).encode("ascii")

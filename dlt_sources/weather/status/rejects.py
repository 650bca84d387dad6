"""Open rejects: requests and rows that no later answer has replaced, by location and cause."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import Location, Reject
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.status.late import CAUSES_SINCE, pauses


class OpenReject(NamedTuple):
    """Rejects of one location, resource and class of error since the location's newest row of the resource.

    Attributes:
        resource: name of the resource.
        location_id: the location.
        error_class: class of the error.
        message: the newest message.
        number: number of rejects; of a location that the API does not know, of look-ups.
        since: moment of the first, UTC.
        last: moment of the newest, UTC.
        http_status: HTTP status of one of them; None if there was no response.
        asked_again_at: moment from which on a location that the API does not know is looked up again, UTC.
    """

    resource: str
    location_id: str
    error_class: str
    message: str
    number: int
    since: datetime
    last: datetime
    http_status: int | None = None
    asked_again_at: datetime | None = None


def open_rejects(reader: DestinationReader, queries: Mapping[str, str], now: datetime) -> list[OpenReject]:
    """Return the open rejects of the last two days, the most frequent first.

    A reject is open until its location has a newer row of the resource, or is no longer in the list: nothing asks for
    it then. A refused look-up is over, too, when its entry has been corrected and kept its ``location_id``. An entry of
    the list that is no location has no ``location_id``, and is reported by ``late_locations``.

    Args:
        reader: reads the destination.
        queries: the locations of the list as the user wrote them, by location_id.
        now: the present moment, UTC.
    """
    since = now - CAUSES_SINCE
    recent, *load_id = reader.recently_loaded(Reject.table, since)
    sql = f"SELECT DISTINCT resource FROM {{rejects}} WHERE {recent} AND rejected_at >= %s"
    there = {resource for (resource,) in reader.rows(sql, *load_id, since, rejects=Reject.table)}
    resources = [resource for resource in (LOCATIONS, *BY_NAME) if resource in there]
    found = [reject for resource in resources for reject in _open(reader, resource, since, queries)]
    return sorted(found, key=lambda reject: (-reject.number, reject.location_id, reject.resource))


def _open(reader: DestinationReader, resource: str, since: datetime, queries: Mapping[str, str]) -> list[OpenReject]:
    contract = Location if resource == LOCATIONS else BY_NAME[resource].parts[0].contract
    recent, *load_id = reader.recently_loaded(Reject.table, since)
    rejects = (
        f"SELECT location_id, query, error_class, message, rejected_at, http_status, {pauses(reader)} FROM {{rejects}}"
        f" WHERE {recent} AND resource = %s AND rejected_at >= %s AND location_id IS NOT NULL"
    )
    newest = "CAST(NULL AS TIMESTAMP WITH TIME ZONE)"
    if reader.columns(contract.table):
        newest = reader.newest_of_location(contract, "fetched_at")
    # the look-ups are those of the rejected locations only
    sql = (
        "SELECT r.location_id, r.error_class, max(r.message), count(*) - count(times) + coalesce(max(times), 0),"
        " min(coalesce(first_rejected_at, r.rejected_at)), max(r.rejected_at), max(r.http_status), max(asked_again_at),"
        " r.query"
        f" FROM ({rejects}) AS r JOIN (SELECT l.location_id, {newest} AS newest"
        f" FROM (SELECT DISTINCT location_id FROM ({rejects}) AS d) AS l) AS n ON n.location_id = r.location_id"
        " WHERE n.newest IS NULL OR r.rejected_at > n.newest GROUP BY r.location_id, r.error_class, r.query"
    )
    parameters = (*load_id, resource, since)
    return [
        OpenReject(resource, place, error_class, text, number, utc(first), utc(last), status, again and utc(again))
        for place, error_class, text, number, first, last, status, again, query in reader.rows(
            sql, *parameters, *parameters, rejects=Reject.table, table=contract.table
        )
        if place in queries and query in (None, queries[place])
    ]

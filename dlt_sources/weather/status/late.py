"""Locations whose rows are older than the schedule demands, with the cause of each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.common.clock import HOUR, utc
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.settings.schedule import schedule_gap
from dlt_sources.weather.contracts import LoadRun, Location, OneCallAlerts, Reject
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.extract.limits import ASKED_AGAIN, UNREACHABLE
from dlt_sources.weather.extract.resources import resource_names
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.locations.model import InvalidLocation

# a load may take half an hour to reach a location that it reached at once the time before
LATE_AFTER = timedelta(minutes=30)
# history is late by the hours that it describes, and the API has the newest hours an hour or two late
HISTORY_LATE_AFTER = timedelta(hours=2)
# a day is complete 14 hours after the place's noon (extract/requests/steps.py), and the next one a day later
DAY_LATE_AFTER = timedelta(hours=14 + 24) + HISTORY_LATE_AFTER
# a location that fails is rejected by every load, so older rejects explain nothing
CAUSES_SINCE = timedelta(days=2)
# an early end without an error
INTERRUPTED = "the run was interrupted"


class LateLocation(NamedTuple):
    """Configured location without a recent row of a resource.

    Attributes:
        resource: name of the resource.
        location_id: the location, as in ``bronze.locations``; None for an entry of the list that is no location.
        query: the location as the user wrote it.
        newest: newest ``fetched_at``, or for history ``dt``, UTC; None for a location without any row.
        cause: class and message of its newest reject since then, or the error of the resource's newest run; None if
            neither is known, for example because nothing has run.
        http_status: HTTP status of that reject; None if there was no response, or no reject.
        refused_since: moment of the first refused look-up of a location that the API does not know, UTC.
        asked_again_at: moment from which on that location is looked up again, UTC.
    """

    resource: str
    location_id: str | None
    query: str
    newest: datetime | None
    cause: str | None
    http_status: int | None = None
    refused_since: datetime | None = None
    asked_again_at: datetime | None = None


class _Reject(NamedTuple):
    """The newest reject of a location: when, its cause, by which resource and run, and the text that was looked up."""

    at: datetime
    cause: str
    resource: str
    run_id: str
    http_status: int | None
    query: str | None
    refused_since: datetime | None
    asked_again_at: datetime | None


def late_after(resource: str, schedule: str) -> timedelta:
    """Return the age from which on the newest row of a location is late.

    Args:
        resource: name of the resource.
        schedule: the schedule of the loads, as in the settings.
    """
    gap = schedule_gap(schedule)
    if resource not in BY_NAME or not BY_NAME[resource].incremental:
        return gap + LATE_AFTER
    timeline = BY_NAME[resource].timeline
    return gap + (DAY_LATE_AFTER if timeline and timeline.step > HOUR else HISTORY_LATE_AFTER)


def has_a_row_of_each_location(resource: str) -> bool:
    """Return whether every location has rows of a resource: all but look-ups, and warnings, which few have."""
    return resource != LOCATIONS and BY_NAME[resource].parts[0].contract is not OneCallAlerts


def late_locations(
    reader: DestinationReader, settings: WeatherSettings, resource: str, now: datetime
) -> list[LateLocation]:
    """Return the configured locations without a recent row in the main table of a resource, longest waiting first.

    A location that was never looked up is late for every resource; for the resource ``locations``, only such a location
    is late.

    Args:
        reader: reads the destination.
        settings: the user's list of locations.
        resource: name of the resource.
        now: the present moment, UTC.

    Raises:
        ConfigurationError: the file of locations cannot be read.
    """
    known = {row[0] for row in reader.rows("SELECT location_id FROM {locations}", locations=Location.table)}
    stale: dict[str, datetime | None] = {}
    if has_a_row_of_each_location(resource):
        endpoint = BY_NAME[resource]
        moment = "dt" if endpoint.incremental else "fetched_at"
        since = now - late_after(resource, settings.schedule)
        stale = reader.stale_locations(endpoint.parts[0].contract, since, moment)
    late: dict[str, LateLocation] = {}
    invalid = []
    for query in location_queries(settings):
        if isinstance(query, InvalidLocation):
            invalid.append(LateLocation(resource, None, query.text, None, f"{query.position}: {query.message}"))
        elif query.location_id in stale or query.location_id not in known:
            newest = stale.get(query.location_id)
            late[query.location_id] = LateLocation(resource, query.location_id, query.query, newest, None)
    explained = _with_causes(reader, resource, late.values(), now)
    return sorted(invalid + explained, key=lambda one: (one.newest is not None, one.newest, one.query))


def late_by_resource(
    reader: DestinationReader, settings: WeatherSettings, now: datetime
) -> dict[str, list[LateLocation]]:
    """Return the late locations of each chosen resource that has any; those never looked up only under ``locations``.

    Args:
        reader: reads the destination.
        settings: the user's list of locations, and the resources.
        now: the present moment, UTC.

    Raises:
        ConfigurationError: the file of locations cannot be read, or a name is no resource.
    """
    unknown = late_locations(reader, settings, LOCATIONS, now)
    late = {LOCATIONS: unknown}
    reported = {one.location_id for one in unknown}
    for resource in resource_names(settings.resources):
        if resource != LOCATIONS:
            found = late_locations(reader, settings, resource, now)
            late[resource] = [one for one in found if one.location_id not in reported and one.location_id is not None]
    return {resource: found for resource, found in late.items() if found}


def _with_causes(
    reader: DestinationReader, resource: str, late: Iterable[LateLocation], now: datetime
) -> list[LateLocation]:
    late = list(late)
    if not late:
        return []
    rejects = _newest_rejects(reader, resource, now - CAUSES_SINCE)
    sql = "SELECT finished_at, status, error, run_id FROM {runs} WHERE resource = %s ORDER BY finished_at DESC LIMIT 1"
    runs = [(utc(at), *others) for at, *others in reader.rows(sql, resource, runs=LoadRun.table)]
    explained = []
    for one in late:
        causes: list[tuple[datetime, str | None, int | None]]
        causes = [(at, cause_of(error) if error else _without_error(status), None) for at, status, error, _ in runs]
        reject = rejects.get(one.location_id or "")
        # a corrected entry may have kept its location_id
        if reject and reject.query in (None, one.query):
            # a run that ends early rejects only what it asked: its error explains the others, not an older reject
            is_of_resource = reject.resource == resource != LOCATIONS
            newer = [error for *_, error, of in runs if error and of != reject.run_id and is_of_resource]
            if not newer:
                causes = [(reject.at, reject.cause, reject.http_status)]
                one = one._replace(refused_since=reject.refused_since, asked_again_at=reject.asked_again_at)  # noqa: PLW2901
        newer_causes = [(text, code) for at, text, code in causes if one.newest is None or at > one.newest]
        cause, http_status = next(iter(newer_causes), (None, None))
        explained.append(one._replace(cause=cause, http_status=http_status))
    return explained


def _newest_rejects(reader: DestinationReader, resource: str, since: datetime) -> dict[str, _Reject]:
    """Return the newest reject of each location since a moment, by a resource or by the look-up of locations."""
    recent, *parameters = reader.recently_loaded(Reject.table, since)
    # a location that cannot be looked up is rejected by the resource `locations`, and never asked for by the others
    newest = (
        "SELECT location_id, rejected_at, error_class, message, resource, run_id, http_status, query,"
        f" {pauses(reader)}, row_number() OVER (PARTITION BY location_id ORDER BY rejected_at DESC) AS place"
        " FROM {rejects}"
        f" WHERE {recent} AND resource IN (%s, %s) AND rejected_at >= %s AND location_id IS NOT NULL"
    )
    sql = (
        "SELECT location_id, rejected_at, error_class, message, resource, run_id, http_status, query,"
        f" first_rejected_at, asked_again_at FROM ({newest}) AS r WHERE place = 1"
    )
    rows = reader.rows(sql, *parameters, resource, LOCATIONS, since, rejects=Reject.table)
    return {
        location_id: _Reject(
            utc(at), f"{error_class}: {message}", *others, *(utc(moment) if moment else None for moment in moments)
        )
        for location_id, at, error_class, message, *others, first, again in rows
        for moments in [(first, again)]
    }


def pauses(reader: DestinationReader) -> str:
    """Return SQL for the columns of ``rejects`` about refused look-ups; null where an earlier release made the table.

    Args:
        reader: reads the destination.
    """
    if "asked_again_at" in reader.columns(Reject.table):
        return "times, first_rejected_at, asked_again_at"
    nothing = "CAST(NULL AS TIMESTAMP WITH TIME ZONE)"
    return f"CAST(NULL AS BIGINT) AS times, {nothing} AS first_rejected_at, {nothing} AS asked_again_at"


def cause_of(error: str) -> str:
    """Return a run's error; if the API cannot be reached, as the rejects of the run name the cause."""
    if error.startswith(UNREACHABLE) and error.endswith(ASKED_AGAIN):
        return f"connection: {error.removeprefix(UNREACHABLE).removesuffix(ASKED_AGAIN)}"
    return error


def _without_error(status: str) -> str | None:
    return INTERRUPTED if status in ("interrupted", "not_reached") else None

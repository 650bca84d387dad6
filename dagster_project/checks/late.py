"""Check of a resource by location: every configured location has a row as recent as the schedule demands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dagster_project.checks.queries import MOST_SHOWN, CheckResult, plain
from dagster_project.checks.rows import listed, since_text, words_of
from dagster_project.common.schedule import configured_schedule
from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.status.late import LateLocation, late_after, late_locations


def describe(resource: str) -> str:
    """Return the description of the check of a resource."""
    if resource == LOCATIONS:
        return "Every place of the list is looked up."
    return f"Every place of the list has a row that is at most {span(late_after(resource, configured_schedule()))} old."


def locations_are_recent(
    reader: DestinationReader, settings: WeatherSettings, resource: str, now: datetime
) -> CheckResult:
    """Return the configured locations without a recent row, longest waiting first, each with the cause.

    Args:
        reader: reads the destination.
        settings: the list of locations.
        resource: name of the resource.
        now: the present moment, UTC.
    """
    late = late_locations(reader, settings, resource, now)
    number = sum(1 for _ in location_queries(settings))
    rows = [_row(one) for one in late[:MOST_SHOWN]]
    description = None
    if late:
        named = listed([_text(one, now) for one in late[:MOST_SHOWN]], len(late))
        state = "not looked up" if resource == LOCATIONS else "without recent rows"
        description = f"{resource}: {len(late)} of {number} places {state}: {named}."
    return CheckResult(not late, rows, {"late_places": len(late), "places": number}, description)


def _text(late: LateLocation, now: datetime) -> str:
    since = f"since {since_text(late.newest, now)}" if late.newest else "never"
    again = ""
    if late.refused_since and late.asked_again_at:
        since_when, when = since_text(late.refused_since, now), since_text(late.asked_again_at, now)
        again = f" (refused since {since_when}, asked again {when})"
    return f"{late.query} {since}: {words_of(late.cause, late.http_status)}{again}"


def _row(late: LateLocation) -> dict[str, Any]:
    # an entry of the list that is no location has no id
    return {
        "location_id": late.location_id or late.query,
        "query": late.query,
        "newest": plain(late.newest),
        "cause": late.cause,
        "http_status": late.http_status,
        "since": plain(late.refused_since),
        "asked_again": plain(late.asked_again_at),
    }


def span(duration: timedelta) -> str:
    """Return a duration in words, in hours where it is whole ones."""
    minutes = duration // timedelta(minutes=1)
    return f"{minutes} minutes" if minutes % 60 else f"{minutes // 60} hours"

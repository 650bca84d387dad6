"""The state of the destination that a run must know, read in one phase before anything is asked."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from heapq import nsmallest
from typing import NamedTuple

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable

from dlt_sources.weather.api.endpoints import BY_NAME, DEFAULT_RESOURCES, Endpoint
from dlt_sources.weather.common.clock import floor_hour, utc
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.reader import DestinationReader, destination_reader
from dlt_sources.weather.extract.locations import match_locations
from dlt_sources.weather.extract.requests.history import active_pipeline, history_of, merges_rows
from dlt_sources.weather.extract.requests.queue import MOST_SORTED, NEVER, History, RequestQueue
from dlt_sources.weather.locations.geocoding import Lookup


class LoadedState(NamedTuple):
    """The state of the destination at the start of a run.

    Attributes:
        lookup: the user's list, compared with the locations that the destination knows.
        history: the hours to ask for; None if no resource of the run has history.
        waiting: for each resource without history, see ``waiting_locations``.
    """

    lookup: Lookup
    history: History | None
    waiting: dict[str, dict[str, datetime | None]]

    def queue(self, endpoint: Endpoint, settings: WeatherSettings) -> RequestQueue:
        """Return the requests of an endpoint, once all locations are looked up; each endpoint has one queue a run."""
        history = self.history if endpoint.incremental else None
        return RequestQueue(endpoint, self.lookup.locations, settings, history, self.waiting.pop(endpoint.name, {}))


def read_loaded_state(
    settings: WeatherSettings, reader: DestinationReader, now: datetime, *, unknown: bool
) -> LoadedState:
    """Read the known locations and what is loaded of each; a location that is looked up afterwards has nothing.

    Args:
        settings: the resources, the list of locations and the hours.
        reader: reads the destination.
        now: the moment of the run, UTC.
        unknown: whether to keep locations that must be looked up, and entries that are no location.

    Raises:
        ConfigurationError: the file of locations cannot be read, or the range of hours is empty.
    """
    lookup = match_locations(settings, reader, now, unknown=unknown)
    endpoints = [BY_NAME[name] for name in settings.resources or DEFAULT_RESOURCES if name in BY_NAME]
    history = None
    if any(endpoint.incremental for endpoint in endpoints):
        history = history_of(settings, reader, now, overlap=merges_rows(active_pipeline()))
    return LoadedState(
        lookup, history, {endpoint.name: waiting_locations(settings, reader, endpoint, now) for endpoint in endpoints}
    )


def waiting_locations(
    settings: WeatherSettings, reader: DestinationReader, endpoint: Endpoint, now: datetime
) -> dict[str, datetime | None]:
    """Return the newest row (UTC) of known locations that lack a recent one, by location_id.

    Recent is, with ``only_missing``, the present hour. Otherwise it is the time since the endpoint's last run began, so
    that a healthy table yields nothing; and of many locations those are returned that have waited longest.

    Args:
        settings: whether only locations are asked that lack a row.
        reader: reads the destination.
        endpoint: the endpoint; with history, nothing is returned, since its watermarks say what is missing.
        now: the moment of the run, UTC.
    """
    if endpoint.incremental:
        return {}
    contract = endpoint.parts[0].contract
    if settings.only_missing:
        return reader.stale_locations(contract, floor_hour(now))
    sql = "SELECT started_at FROM {runs} WHERE resource = %s AND requests > 0 ORDER BY run_id DESC LIMIT 1"
    last_runs = reader.rows(sql, endpoint.name, runs=LoadRun.table)
    if not last_runs:
        return {}
    stale = reader.stale_locations(contract, utc(last_runs[0][0])).items()
    return dict(nsmallest(MOST_SORTED, stale, key=lambda item: item[1] or NEVER))


def active_reader() -> AbstractContextManager[DestinationReader]:
    """Return a reader of the active dlt pipeline's destination; without a pipeline, nothing is loaded."""
    return destination_reader(active_pipeline(), _refreshed_tables())


def _refreshed_tables() -> frozenset[str]:
    """Return the tables that dlt is about to empty or drop (``refresh``), which it does only after the extraction."""
    try:
        state = dlt.current.load_package_state()["state"]
    except CurrentLoadPackageStateNotAvailable:
        return frozenset()
    return frozenset(table["name"] for table in (*state.get("truncated_tables", ()), *state.get("dropped_tables", ())))

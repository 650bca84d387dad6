"""The state of the destination that a run must know, read in one phase before anything is asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import islice
from typing import Any, NamedTuple

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable

from dlt_sources.weather.api.endpoints import ALERTS, BY_NAME, DEFAULT_RESOURCES, LOCATIONS, Endpoint
from dlt_sources.weather.common.clock import floor_hour, utc
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.capabilities.load_options import active_load_options, active_pipeline
from dlt_sources.weather.destination.connection import connected
from dlt_sources.weather.destination.published.publisher import drop_views
from dlt_sources.weather.destination.reader import DestinationReader, destination_reader
from dlt_sources.weather.destination.reading.sizes import database_bytes
from dlt_sources.weather.destination.target import POSTGRES
from dlt_sources.weather.extract.locations import match_locations
from dlt_sources.weather.extract.requests.alerts import NAMING, AlertQueue, NamedAlerts, OpenReader
from dlt_sources.weather.extract.requests.history import windows_of
from dlt_sources.weather.extract.requests.queue import MOST_SORTED, NEVER, RequestQueue
from dlt_sources.weather.extract.requests.windows import Windows
from dlt_sources.weather.locations.geocoding import Lookup
from dlt_sources.weather.locations.model import ResolvedLocation

logger = logging.getLogger(__name__)
# new locations of which rows are looked for: history by the call is loaded for few
MOST_NEW = 500


class LoadedState(NamedTuple):
    """The state of the destination at the start of a run.

    Attributes:
        lookup: the user's list, compared with the locations that the destination knows.
        windows: the windows of each resource that is asked for a range of time.
        waiting: for each resource without history, see ``waiting_locations``.
        named: the warnings that the run's answers name.
        new: locations that may have rows though they are not in ``locations``, see ``loaded_spans``.
        database_bytes: size of the database, for ``load_runs``; None if the destination does not tell it.
    """

    lookup: Lookup
    windows: dict[str, Windows | None]
    waiting: dict[str, dict[str, datetime | None]]
    named: NamedAlerts
    new: Sequence[ResolvedLocation] = ()
    database_bytes: int | None = None

    def queue(
        self, endpoint: Endpoint, settings: WeatherSettings, open_reader: OpenReader, now: Callable[[], datetime]
    ) -> RequestQueue | AlertQueue:
        """Return the requests of an endpoint, once all locations are looked up; each endpoint has one queue a run.

        Args:
            endpoint: the endpoint.
            settings: the settings of the run.
            open_reader: opens a reader, for texts of warnings, which only answers of the run name.
            now: the clock, UTC.
        """
        queue: RequestQueue | AlertQueue
        if endpoint.name == ALERTS:
            queue = AlertQueue(self.lookup.locations, self.named, open_reader, now)
        else:
            windows, waiting = self.windows.pop(endpoint.name), self.waiting.pop(endpoint.name)
            named = self.named if endpoint in NAMING and ALERTS in (settings.resources or ()) else None
            queue = RequestQueue(endpoint, self.lookup.locations, settings, windows, waiting, named=named)
        # a run of a few chosen locations is judged by the whole list
        queue.up_to_date += self.lookup.left_out
        return queue


class Queues:
    """The requests of a run's resources.

    Args:
        loaded: the state of the destination.
        settings: the resources, and what their requests ask for.
        open_reader: opens a reader of the destination, for texts of warnings.
        now: the clock, UTC.
        expect: announces the number of requests of a resource, before the first is made.
    """

    def __init__(
        self,
        loaded: LoadedState,
        settings: WeatherSettings,
        open_reader: OpenReader,
        now: Callable[[], datetime],
        expect: Callable[[str, int], None],
    ) -> None:
        self._loaded = loaded
        self._settings = settings
        self._open_reader = open_reader
        self._now = now
        self._expect = expect
        self._queues: dict[str, RequestQueue | AlertQueue] = {}
        expect(LOCATIONS, len(loaded.lookup.to_resolve))

    def of(self, endpoint: Endpoint) -> RequestQueue | AlertQueue:
        """Return the queue of an endpoint.

        Before a queue of history, those of all answers that cannot be asked for again are made: history leaves them
        their part of the budget, though the resources of a package are asked in turns. Warnings have to wait for the
        answers that name them.
        """
        if endpoint.name not in self._queues:
            chosen = [BY_NAME[name] for name in self._settings.resources or DEFAULT_RESOURCES if name != LOCATIONS]
            for other in chosen if endpoint.incremental else ():
                if not other.incremental and other.name != ALERTS:
                    self._make(other)
            self._make(endpoint)
        return self._queues[endpoint.name]

    def made(self, resource: str) -> RequestQueue | AlertQueue | None:
        """Return the queue of a resource; None if nothing was asked for it."""
        return self._queues.get(resource)

    def have_more(self, resources: Iterable[str]) -> bool:
        """Return whether any of the resources has something left to ask."""
        return any(name not in self._queues or not self._queues[name].finished for name in resources)

    def are_ahead(self, resources: Iterable[str]) -> bool:
        """Return whether results of any of the resources wait that were asked ahead."""
        queues = map(self._queues.get, resources)
        return any(isinstance(queue, RequestQueue) and queue.is_ahead for queue in queues)

    def rows_under_way(self, resource: str) -> int:
        """Return the number of rows of a resource that are asked for and not in a package yet, if many may be."""
        queue = self._queues.get(resource)
        return queue.rows_under_way if isinstance(queue, RequestQueue) else 0

    def next_ahead(self, resources: Iterable[str]) -> RequestQueue | None:
        """Return the queue of the resource that is asked next; None if it cannot be asked ahead.

        Args:
            resources: the resources that may be asked, in their order.
        """
        unfinished = (self._queues.get(name) for name in resources if self.have_more([name]))
        queue = next(unfinished, None)
        return queue if isinstance(queue, RequestQueue) and queue.may_be_ahead else None

    def leave_out_loaded(self, now: datetime) -> None:
        """Leave out the windows of history that another run has loaded since they were chosen.

        Args:
            now: the moment of the run, UTC.
        """
        with self._open_reader() as reader:
            for name, queue in self._queues.items():
                endpoint = BY_NAME[name]
                if endpoint.incremental and isinstance(queue, RequestQueue):
                    windows = windows_of(endpoint, self._settings, reader, now, new=self._loaded.new)
                    queue.leave_out_loaded(windows)

    def _make(self, endpoint: Endpoint) -> None:
        if endpoint.name not in self._queues:
            queue = self._loaded.queue(endpoint, self._settings, self._open_reader, self._now)
            self._queues[endpoint.name] = queue
            self._expect(endpoint.name, queue.total)


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
    for endpoint in endpoints:
        warn_of_mixed_units(settings, reader, endpoint)
    overlap = active_load_options().strategy is not None
    new = list(islice((location for location in lookup.locations if location.is_new), MOST_NEW))
    return LoadedState(
        lookup,
        {
            endpoint.name: windows_of(endpoint, settings, reader, now, overlap=overlap, new=new)
            for endpoint in endpoints
        },
        {endpoint.name: waiting_locations(settings, reader, endpoint, now) for endpoint in endpoints},
        NamedAlerts(),
        new,
        database_bytes(reader.client) if reader.client else None,
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
        endpoint: the endpoint; with history, nothing is returned, since its watermarks say what is missing; nor for
            the texts of warnings, which most locations have none of.
        now: the moment of the run, UTC.
    """
    if endpoint.incremental or endpoint.name == ALERTS:
        return {}
    contract = endpoint.parts[0].contract
    if settings.only_missing:
        return reader.stale_locations(contract, floor_hour(now))
    last_run = _last_run(reader, endpoint, "requests > 0")
    if last_run is None:
        return {}
    stale = reader.stale_locations(contract, last_run).items()
    return dict(nsmallest(MOST_SORTED, stale, key=lambda item: item[1] or NEVER))


def warn_of_mixed_units(settings: WeatherSettings, reader: DestinationReader, endpoint: Endpoint) -> None:
    """Log that the units are others than those of the rows of the endpoint's last run, so that it is said once.

    Which of those rows this run replaces, in its hour all or none, shows only when it is loaded.

    Args:
        settings: the units of this run.
        reader: reads the destination.
        endpoint: the endpoint.
    """
    last_run = _last_run(reader, endpoint, "rows_loaded > 0") if endpoint.has_units else None
    if last_run is None:
        return
    table = endpoint.parts[0].contract.table
    recent, *parameters = reader.recently_loaded(table, last_run - timedelta(minutes=1))
    sql = f"SELECT DISTINCT units FROM {{table}} WHERE {recent} AND units IS NOT NULL ORDER BY units"
    so_far = [units for (units,) in reader.rows(sql, *parameters, table=table)]
    if so_far and settings.units not in so_far:
        logger.warning(
            "%s: the rows of the last load are %s, those of this one %s. Rows that it does not replace keep their "
            "units; the column units of each row says which.",
            table,
            " and ".join(so_far),
            settings.units,
        )


def _last_run(reader: DestinationReader, endpoint: Endpoint, condition: str) -> datetime | None:
    """Return the start (UTC) of the endpoint's newest run for which an SQL condition holds."""
    sql = f"SELECT started_at FROM {{runs}} WHERE resource = %s AND {condition} ORDER BY run_id DESC LIMIT 1"
    rows = reader.rows(sql, endpoint.name, runs=LoadRun.table)
    return utc(rows[0][0]) if rows else None


def active_reader() -> AbstractContextManager[DestinationReader]:
    """Return a reader of the active dlt pipeline's destination; without a pipeline, nothing is loaded."""
    pipeline, emptied, dropped = active_pipeline(), _refreshed_tables("truncated"), _refreshed_tables("dropped")
    if pipeline and dropped and pipeline.destination and pipeline.destination.destination_type == POSTGRES:
        # PostgreSQL drops no table that a view reads, and dlt does not ask for that
        with connected(pipeline) as client:
            drop_views(client, is_postgres=True)
    return destination_reader(pipeline, emptied | dropped)


def _refreshed_tables(how: str) -> frozenset[str]:
    """Return the tables that dlt is about to empty or drop (``refresh``), which it does only after the extraction.

    Args:
        how: "truncated" for those that it empties, "dropped".
    """
    try:
        state: Any = dlt.current.load_package_state()["state"]
    except CurrentLoadPackageStateNotAvailable:
        return frozenset()
    return frozenset(table["name"] for table in state.get(f"{how}_tables", ()))

"""The look-up of a run's locations: a step before any endpoint is asked; the resource ``locations`` yields its rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.responses import Failure
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import Location, Reject
from dlt_sources.weather.convert.items import as_table, to_table
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.locations.batches import ResolvedLocations
from dlt_sources.weather.locations.geocoding import Lookup, location_queries, match_known_locations, resolve
from dlt_sources.weather.locations.model import LocationQuery, ResolvedLocation
from dlt_sources.weather.locations.refusals import LONGEST_PAUSE, again_text, read_refusals, refusal_id

logger = logging.getLogger(__name__)


def match_locations(settings: WeatherSettings, reader: DestinationReader, now: datetime, *, unknown: bool) -> Lookup:
    """Compare the user's list with the locations that the destination knows.

    Args:
        settings: the list and the choice from it.
        reader: reads the destination.
        now: the moment of the run, UTC.
        unknown: whether to keep locations that must be looked up, and entries that are no location.

    Raises:
        ConfigurationError: the file of locations cannot be read.
    """
    queries = location_queries(settings)
    if not unknown:
        queries = (query for query in queries if isinstance(query, LocationQuery))
    lookup = match_known_locations(queries, reader.locations(), now)
    if unknown:
        hold_back_refused(lookup, reader, now)
    else:
        lookup.to_resolve.clear()
    lookup.left_out = _left_out(settings)
    return lookup


def _left_out(settings: WeatherSettings) -> int:
    """Return the number of locations of the list that ``only_location_ids`` leaves out."""
    if settings.only_location_ids is None:
        return 0
    whole = settings.copy()
    whole.only_location_ids = None
    every = location_queries(whole)
    listed = {query.location_id for query in every if isinstance(query, LocationQuery)}
    return len(listed.difference(settings.only_location_ids))


def hold_back_refused(lookup: Lookup, reader: DestinationReader, now: datetime) -> None:
    """Move the locations whose pause lasts from those that must be looked up to ``refused``.

    Args:
        lookup: the user's list, compared with the locations that the destination knows.
        reader: reads the destination.
        now: the moment of the run, UTC.
    """
    refusals = read_refusals(reader, lookup.to_resolve)
    if not refusals:
        return
    queries = list(lookup.to_resolve)
    lookup.to_resolve.clear()
    for query in queries:
        refusal = refusals.get(refusal_id(query))
        # a clock that was ahead has no say
        if refusal and now < refusal.asked_again_at <= now + LONGEST_PAUSE:
            again = again_text(refusal.since, refusal.asked_again_at)
            logger.warning("%s is not looked up now: %s (%s)", query.query, refusal.message, again)
            lookup.refused.append((query, refusal))
        elif refusal:
            lookup.to_resolve.append(replace(query, refusals=refusal.times, refused_since=refusal.since))
        else:
            lookup.to_resolve.append(query)


class LocationStep:
    """The step in which a run looks up its locations, in one load package or, if the look-ups take long, in several.

    A location that could not be looked up is rejected and not stored, so the next run asks for it again; if the API
    does not know it, a run after a pause (``locations/refusals.py``).

    Args:
        lookup: the user's list, compared with the locations that the destination knows.
        metrics: counts of the resource ``locations``.
        now: the clock, UTC.
    """

    def __init__(self, lookup: Lookup, metrics: LoadMetrics, now: Callable[[], datetime]) -> None:
        self._lookup = lookup
        self._metrics = metrics
        self._now = now
        self._tables: list[pa.Table] = []
        self._rejects = [
            *(metrics.reject_location(entry.position, entry.text, entry.message, now()) for entry in lookup.invalid),
            *(metrics.reject_unasked(query, refusal, now()) for query, refusal in lookup.refused),
        ]
        self._has_items = False
        metrics.expected = len(lookup.to_resolve)

    @property
    def is_finished(self) -> bool:
        """Whether no location is left to look up."""
        return not self._lookup.to_resolve

    @property
    def has_items(self) -> bool:
        """Whether results were collected that ``items`` has not yielded."""
        return self._has_items

    @property
    def known(self) -> int:
        """The number of locations with coordinates, those of the list that are not chosen included."""
        return len(self._lookup.locations) + self._lookup.left_out

    @property
    def locations(self) -> ResolvedLocations:
        """The locations with coordinates."""
        return self._lookup.locations

    def results(self, client: Client, has_room: Callable[[], bool]) -> Iterator[ResolvedLocation | Failure]:
        """Look locations up while the package has room, and yield each result."""
        return resolve(self._lookup, client, has_room)

    def give_up(self) -> None:
        """Look up no more locations in this run; the next one asks for them."""
        self._lookup.to_resolve.clear()

    def collect(self, results: Iterable[ResolvedLocation | Failure]) -> int:
        """Count results and keep their rows and rejects until ``items`` yields them.

        Args:
            results: the results of this step, as the caller passes them on.

        Returns:
            The bytes of the new rows of ``bronze.locations``.
        """
        for result in results:
            if isinstance(result, Failure):
                self._rejects.append(self._metrics.reject_request(result, result.request.path, self._now()))
            else:
                self._metrics.requests += 1
        tables = self._lookup.rows.take()
        rows = sum(table.num_rows for table in tables)
        self._metrics.rows_fetched += rows
        self._metrics.rows_loaded += rows
        self._tables += tables
        self._has_items = bool(self._tables or self._rejects)
        return sum(table.nbytes for table in tables)

    def items(self) -> Iterator[object]:
        """Yield the dlt items of the look-up, once: new rows of ``locations``, then rejects."""
        tables, rejects, self._tables, self._rejects = self._tables, self._rejects, [], []
        self._has_items = False
        for table in tables:
            yield as_table(Location, table)
        if rejects:
            yield to_table(Reject, rejects)

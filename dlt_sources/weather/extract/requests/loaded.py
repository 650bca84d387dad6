"""The state of the destination that a run must know, read in one phase before anything is asked."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple

from dlt_sources.weather.api.endpoints import BY_NAME, DEFAULT_RESOURCES
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.reader import DestinationReader, destination_reader
from dlt_sources.weather.extract.locations import match_locations
from dlt_sources.weather.extract.requests.history import active_pipeline, history_of, merges_rows
from dlt_sources.weather.extract.requests.queue import History
from dlt_sources.weather.locations.geocoding import Lookup


class LoadedState(NamedTuple):
    """The state of the destination at the start of a run.

    Attributes:
        lookup: the user's list, compared with the locations that the destination knows.
        history: the hours to ask for; None if no resource of the run has history.
    """

    lookup: Lookup
    history: History | None


def read_loaded_state(
    settings: WeatherSettings, reader: DestinationReader, now: datetime, *, unknown: bool
) -> LoadedState:
    """Read the known locations and the loaded hours; a location that is looked up afterwards has none.

    Args:
        settings: the resources, the list of locations and the hours.
        reader: reads the destination.
        now: the moment of the run, UTC.
        unknown: whether to keep locations that must be looked up, and entries that are no location.

    Raises:
        ConfigurationError: the file of locations cannot be read, or the range of hours is empty.
    """
    lookup = match_locations(settings, reader, now, unknown=unknown)
    history = None
    if any(BY_NAME[name].incremental for name in settings.resources or DEFAULT_RESOURCES if name in BY_NAME):
        history = history_of(settings, reader, now, overlap=merges_rows(active_pipeline()))
    return LoadedState(lookup, history)


def active_reader() -> AbstractContextManager[DestinationReader]:
    """Return a reader of the active dlt pipeline's destination; without a pipeline, nothing is loaded."""
    return destination_reader(active_pipeline())

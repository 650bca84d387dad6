"""One run: settings, client, places, work and counts, shared by the resources of all its load packages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from time import monotonic

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination.exceptions import DestinationCapabilitiesException
from dlt.common.destination.utils import resolve_merge_strategy
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.utils import new_table

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS, Endpoint
from dlt_sources.weather.api.rate_limit import RateLimiter
from dlt_sources.weather.api.responses import Failure
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import IncompleteError, KeyRefusedError, WeatherError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.convert.converter import Converter
from dlt_sources.weather.convert.new_columns import columns_beyond
from dlt_sources.weather.destination.reader import DestinationReader, destination_reader
from dlt_sources.weather.extract.counts import LoadMetrics, Status
from dlt_sources.weather.extract.history import history_of
from dlt_sources.weather.extract.requests import History, RequestQueue
from dlt_sources.weather.locations.batches import ResolvedLocations
from dlt_sources.weather.locations.geocoding import Lookup, location_queries, match_known_locations

# of rows in a load package: a destination takes several times that in memory while it merges them
PACKAGE_BYTES = 20_000_000


def new_run_id(now: datetime) -> str:
    """An id that sorts by time and is unique."""
    return f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


class Run:
    """What the resources of one run share. Close it, or use it as a context manager, to close its connections.

    Args:
        settings: the source's settings.
        now: the clock; tests hold it still.
        many_packages: whether the caller loads the run in several packages and looks at ``stopped_by`` itself;
            otherwise a resource raises what stopped it, as a dlt user expects.
        command: load or replay, for the run log.
        on_progress: called with a resource's counts as work goes on.
        turns: what holds calls back, if not a throttle of this process.
    """

    def __init__(
        self,
        settings: WeatherSettings,
        *,
        now: Callable[[], datetime] = utc_now,
        command: str = "load",
        many_packages: bool = False,
        on_progress: Callable[[LoadMetrics], None] = lambda _: None,
        rate_limiter: RateLimiter | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.command = command
        self.started_at = now()
        self.run_id = new_run_id(self.started_at)
        self.many_packages = many_packages
        self.on_progress = on_progress
        self.client = Client(settings, now, rate_limiter)
        self.metrics_by_resource: dict[str, LoadMetrics] = {}
        # what reads the destination; without one, each look opens a connection of its own
        self.loaded: DestinationReader | None = None
        self.stopped_by: WeatherError | None = None
        self.interrupted = False
        self._works: dict[str, RequestQueue] = {}
        self._converters: dict[str, Converter] = {}
        self.begin_package()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the client."""
        self.client.close()

    @cached_property
    def lookup(self) -> Lookup:
        """The user's list of places, those known told from those to look up."""
        with self._reading() as loaded:
            known = loaded.locations()
        return match_known_locations(location_queries(self.settings), known, self.started_at)

    @property
    def locations_known(self) -> bool:
        """Whether every place is looked up, so that the endpoints can be asked."""
        return LOCATIONS in self.metrics_by_resource and not self.lookup.to_resolve

    @property
    def locations(self) -> ResolvedLocations:
        """The places with coordinates."""
        return self.lookup.locations

    def metrics_of(self, resource: str) -> LoadMetrics:
        """The counts of a resource in this run."""
        if resource not in self.metrics_by_resource:
            self.metrics_by_resource[resource] = LoadMetrics(resource, self.run_id, self.command, self.now())
        return self.metrics_by_resource[resource]

    def converter(self, contract: type[Contract]) -> Converter:
        """The converter of a table, which knows the columns that the API has added to it before."""
        if contract.table not in self._converters:
            self._converters[contract.table] = Converter(contract, columns_beyond(contract))
        return self._converters[contract.table]

    def work(self, endpoint: Endpoint) -> RequestQueue:
        """What is left to ask of an endpoint."""
        if endpoint.name not in self._works:
            history = self._history() if endpoint.incremental else None
            self._works[endpoint.name] = RequestQueue(endpoint, self.locations, self.settings, history)
        return self._works[endpoint.name]

    def _history(self) -> History:
        overlap = _merges(_active_pipeline())
        with self._reading() as loaded:
            return history_of(self.settings, loaded, self.started_at, overlap=overlap)

    @contextmanager
    def _reading(self) -> Iterator[DestinationReader]:
        if self.loaded:
            yield self.loaded
            return
        with destination_reader(_active_pipeline()) as loaded:
            yield loaded

    def begin_package(self) -> None:
        """Note that a new load package begins, with all its room."""
        self._package_began = monotonic()
        self._package_rows = 0
        self._package_bytes = 0
        self._calls_before = self.client.calls
        self.looked_up = False

    def count_rows(self, rows: int) -> None:
        """Note rows that went into the current package."""
        self._package_rows += rows

    def count_bytes(self, size: int) -> None:
        """Note the bytes of rows that went into the current package."""
        self._package_bytes += size

    def has_room(self) -> bool:
        """Whether more may be asked for the current package: a kill loses one package at most, so it is bounded."""
        if self.stopped_by or self.interrupted:
            return False
        if not self.many_packages:
            return True
        if self.client.calls == self._calls_before:
            return True  # a package that asks nothing would never get anywhere
        full = self._package_rows >= self.settings.chunk_rows or self._package_bytes >= PACKAGE_BYTES
        return not full and monotonic() - self._package_began < self.settings.chunk_seconds

    def has_more(self, resources: list[str]) -> bool:
        """Whether any of the resources has something left to ask."""
        if self.stopped_by or self.interrupted:
            return False
        if not self.locations_known:
            return True
        names = [name for name in resources if name != LOCATIONS]
        return any(name not in self._works or not self._works[name].finished for name in names)

    def status(self, resource: str) -> Status:
        """How a resource stands."""
        metrics = self.metrics_of(resource)
        if metrics.error:
            return "failed"
        if self.interrupted:
            return "interrupted"
        if resource == LOCATIONS and not self.locations_known:
            return "running"
        work = self._works.get(resource)
        if work is not None and not work.finished:
            return "running"
        return "partial" if metrics.rows_rejected else "ok"

    def raise_if_alone(self) -> None:
        """Raise what stopped the run, unless the caller looks at ``stopped_by`` itself."""
        if self.stopped_by and not self.many_packages:
            raise self.stopped_by

    def stop_for(self, failure: Failure, metrics: LoadMetrics) -> None:
        """Ask nothing more, since every request would fail alike; what came is still loaded."""
        if failure.error_class == "key_refused":
            error: WeatherError = KeyRefusedError(refusal(failure))
        else:
            error = IncompleteError(
                "OpenWeather keeps refusing calls (429). Lower calls_per_minute and run again later."
            )
        self.stopped_by = self.stopped_by or error
        metrics.error = str(error)


def refusal(failure: Failure) -> str:
    """The sentence for a refused key: what, where to set it, and why a right key may be refused."""
    endpoint = next((e for e in BY_NAME.values() if e.path == failure.request.path), None)
    if endpoint is not None and endpoint.subscription == "one_call":
        return (
            "OpenWeather refuses the key for One Call 3.0, which needs its own subscription "
            "(https://openweathermap.org/price). Subscribe, or leave one_call out of the resources."
        )
    return (
        f"OpenWeather refuses the API key ({failure.http_status}). Check OPENWEATHER_API_KEY, or api_key under "
        "[sources.weather] in .dlt/secrets.toml. A new key needs up to 2 hours until it works."
    )


def _active_pipeline() -> dlt.Pipeline | None:
    # asked first, since dlt.current.pipeline() makes a new pipeline where none is active
    return dlt.current.pipeline() if Container()[PipelineContext].is_active() else None


def _merges(pipeline: dlt.Pipeline | None) -> bool:
    """Whether the destination replaces a row that comes again; one that cannot must not be sent it."""
    if pipeline is None or pipeline.destination is None:
        return True
    table = new_table("any", write_disposition="merge")
    table["x-merge-strategy"] = "upsert"  # type: ignore[typeddict-unknown-key]
    try:
        return resolve_merge_strategy({"any": table}, table, pipeline.destination.capabilities()) is not None
    except DestinationCapabilitiesException:
        return False

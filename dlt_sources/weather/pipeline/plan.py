"""The calls that a load would make, computed from the settings and the loaded rows, without a call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.api.rate_limit import WINDOW_MILLISECONDS
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.requests import RequestQueue
from dlt_sources.weather.extract.requests.history import windows_of
from dlt_sources.weather.extract.requests.loaded import waiting_locations
from dlt_sources.weather.extract.resources import resource_names
from dlt_sources.weather.locations.geocoding import location_queries, match_known_locations
from dlt_sources.weather.locations.model import InvalidLocation, ResolvedLocation


@dataclass(frozen=True)
class Step:
    """The calls of one resource."""

    resource: str
    path: str
    calls: int
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The calls of a whole load, without retries."""

    steps: tuple[Step, ...]
    locations: int
    to_resolve: int
    invalid: tuple[InvalidLocation, ...]
    calls_per_minute: int
    destination: str
    dataset_name: str

    @property
    def calls(self) -> int:
        """All calls."""
        return sum(step.calls for step in self.steps)

    @property
    def paid_calls(self) -> int:
        """Calls that need the One Call subscription."""
        return sum(s.calls for s in self.steps if s.resource != LOCATIONS and BY_NAME[s.resource].product == "one_call")

    @property
    def duration(self) -> timedelta:
        """Time that the rate limiter takes for the calls: it admits a window of them at once, then waits."""
        windows = max(self.calls - 1, 0) // self.calls_per_minute
        return timedelta(milliseconds=windows * WINDOW_MILLISECONDS)


def plan(target: Target, settings: WeatherSettings, now: datetime | None = None) -> Plan:
    """Compute the calls that a load into the target would make.

    Args:
        target: the destination and dataset.
        settings: the resources and locations.
        now: the moment of the load, UTC; by default the present.

    Raises:
        ConfigurationError: a setting cannot work.
        DestinationError: the destination, which knows the loaded rows, cannot be reached.
    """
    now = now or utc_now()
    if settings.chosen_shard:
        target.ensure_shards_supported()
    with target.reader(settings.lock_wait_seconds) as reader:
        lookup = match_known_locations(location_queries(settings), reader.locations(), now)
        # an unknown location has no loaded rows; its coordinates do not change the number of calls
        unknown = (ResolvedLocation(query.location_id, query.query, 0, 0, is_new=True) for query in lookup.to_resolve)
        locations = [*lookup.locations, *unknown]
        steps = [Step(LOCATIONS, "/geo/1.0", len(lookup.to_resolve), (LOCATIONS,))]
        for name in resource_names(settings.resources):
            if name == LOCATIONS:
                continue
            endpoint = BY_NAME[name]
            windows = windows_of(endpoint, settings, reader, now)
            waiting = waiting_locations(settings, reader, endpoint, now) if settings.only_missing else {}
            queue = RequestQueue(endpoint, locations, settings, windows, waiting)
            tables = endpoint.tables + (("weather_raw",) if endpoint.keeps_raw else ())
            steps.append(Step(name, endpoint.path, queue.total, tables))
    return Plan(
        steps=tuple(steps),
        locations=len(lookup.locations),
        to_resolve=len(lookup.to_resolve),
        invalid=tuple(lookup.invalid),
        calls_per_minute=settings.limits_of("free").per_minute,
        destination=target.description,
        dataset_name=target.dataset_name,
    )

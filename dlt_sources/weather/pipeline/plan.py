"""What a load would ask, worked out from the settings and from what is loaded; nothing is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dlt_sources.weather.api.endpoints import BY_NAME, DEFAULT_RESOURCES, LOCATIONS
from dlt_sources.weather.api.rate_limit import WINDOW_MILLISECONDS
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.history import history_of
from dlt_sources.weather.extract.requests import RequestQueue
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
    """The calls of a whole load; retries are not foreseen."""

    steps: tuple[Step, ...]
    locations: int
    to_resolve: int
    bad: tuple[InvalidLocation, ...]
    calls_per_minute: int
    where: str
    dataset_name: str

    @property
    def calls(self) -> int:
        """All calls."""
        return sum(step.calls for step in self.steps)

    @property
    def paid_calls(self) -> int:
        """Calls that need the One Call subscription."""
        return sum(
            s.calls for s in self.steps if s.resource != LOCATIONS and BY_NAME[s.resource].subscription == "one_call"
        )

    @property
    def duration(self) -> timedelta:
        """How long the throttle takes for the calls: a full window of them goes at once, then it waits."""
        windows = max(self.calls - 1, 0) // self.calls_per_minute
        return timedelta(milliseconds=windows * WINDOW_MILLISECONDS)


def plan(target: Target, settings: WeatherSettings, now: datetime | None = None) -> Plan:
    """Work out the calls that a load into the target would make.

    Args:
        target: where to.
        settings: what and how.
        now: the moment of the load, UTC; the present if left out.

    Raises:
        ConfigurationError: a setting cannot work.
        DestinationError: the destination, which knows what is loaded, cannot be reached.
    """
    now = now or utc_now()
    if settings.chosen_shard:
        target.ensure_shards_supported()
    with target.reader() as loaded:
        lookup = match_known_locations(location_queries(settings), loaded.locations(), now)
        # a place still to be looked up has nothing loaded; where it lies does not change the number of calls
        unknown = (ResolvedLocation(wanted.location_id, wanted.query, 0, 0) for wanted in lookup.to_resolve)
        locations = [*lookup.locations, *unknown]
        steps = [Step(LOCATIONS, "/geo/1.0", len(lookup.to_resolve), (LOCATIONS,))]
        for name in settings.resources or DEFAULT_RESOURCES:
            if name == LOCATIONS:
                continue
            endpoint = BY_NAME[name]
            history = history_of(settings, loaded, now) if endpoint.incremental else None
            tables = endpoint.tables + (("weather_raw",) if endpoint.keeps_raw else ())
            steps.append(Step(name, endpoint.path, RequestQueue(endpoint, locations, settings, history).total, tables))
    return Plan(
        steps=tuple(steps),
        locations=len(lookup.locations),
        to_resolve=len(lookup.to_resolve),
        bad=tuple(lookup.bad),
        calls_per_minute=settings.calls_per_minute,
        where=target.description,
        dataset_name=target.dataset_name,
    )

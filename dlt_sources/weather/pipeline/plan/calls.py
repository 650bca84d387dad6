"""The calls that a load would make, computed from the settings and the loaded rows, without a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dlt_sources.weather.api.endpoints import ALERTS, BY_NAME, LOCATIONS, Endpoint
from dlt_sources.weather.api.rate_limit import WINDOW_MILLISECONDS
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.locations import hold_back_refused
from dlt_sources.weather.extract.requests import RequestQueue
from dlt_sources.weather.extract.requests.alerts import NAMING
from dlt_sources.weather.extract.requests.history import windows_of
from dlt_sources.weather.extract.requests.loaded import waiting_locations
from dlt_sources.weather.extract.resources import resource_names
from dlt_sources.weather.locations.geocoding import location_queries, match_known_locations
from dlt_sources.weather.locations.model import InvalidLocation, ResolvedLocation
from dlt_sources.weather.pipeline.plan.costs import BackfillCosts, ScheduleCosts, Used, backfill_costs, schedule_costs
from dlt_sources.weather.pipeline.plan.pace import NOTHING, Pace, calls_of, pace_of
from dlt_sources.weather.status.budget import BudgetStatus, read_budget


@dataclass(frozen=True)
class Step:
    """The calls of one resource, in this load and by the schedule.

    Attributes:
        resource: name of the resource.
        path: path of its endpoint.
        calls: calls of this load.
        tables: tables that it writes.
        product: product that the calls are billed for.
        by_schedule: its calls by the schedule, once its history is loaded.
        is_history: whether it asks for what can be asked for later too.
    """

    resource: str
    path: str
    calls: int
    tables: tuple[str, ...]
    product: Product = "free"
    by_schedule: Pace = NOTHING
    is_history: bool = False


@dataclass(frozen=True)
class Plan:
    """The calls of a whole load, without retries, and what follows by the schedule.

    Attributes:
        steps: the calls by resource.
        locations: number of locations that are known.
        calls_per_minute: limit on the calls of any minute.
        one_call_per_minute: limit on those of One Call, if it has one and does not share the other.
        loads: loads of the schedule.
        refresh_minutes: minutes after which data of the plan are said to change.
        schedule: calls and money of each product by the schedule.
        package_seconds: time after which a load package is full.
        to_resolve: number of locations to look up.
        invalid: entries that are no location.
        destination: description of the destination.
        dataset_name: name of the dataset.
        backfill: calls, money and days of each product for history in this load.
        budgets: what is used and left of each product's day and month.
    """

    steps: tuple[Step, ...]
    locations: int
    calls_per_minute: int
    one_call_per_minute: int | None
    loads: Pace
    refresh_minutes: int
    schedule: tuple[ScheduleCosts, ...]
    package_seconds: float
    to_resolve: int = 0
    invalid: tuple[InvalidLocation, ...] = ()
    destination: str = ""
    dataset_name: str = ""
    backfill: tuple[BackfillCosts, ...] = ()
    budgets: tuple[BudgetStatus, ...] = ()

    def per_minute(self, product: Product) -> int:
        """Return the limit on the calls of a product in any minute."""
        return (product == "one_call" and self.one_call_per_minute) or self.calls_per_minute

    @property
    def calls(self) -> int:
        """All calls."""
        return sum(step.calls for step in self.steps)

    @property
    def money(self) -> float:
        """Money for the backfill's calls."""
        return sum(costs.money for costs in self.backfill)

    @property
    def duration(self) -> timedelta:
        """Time that the rate limiter takes for the calls: it admits a window of them at once, then waits."""
        one_call = sum(step.calls for step in self.steps if step.product == "one_call" and self.one_call_per_minute)
        windows = max(
            max(self.calls - one_call - 1, 0) // self.calls_per_minute,
            max(one_call - 1, 0) // (self.one_call_per_minute or 1),
        )
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
        hold_back_refused(lookup, reader, now)
        # an unknown location has no loaded rows; its coordinates do not change the number of calls
        unknown = (ResolvedLocation(query.location_id, query.query, 0, 0, is_new=True) for query in lookup.to_resolve)
        locations = [*lookup.locations, *unknown]
        steps = [Step(LOCATIONS, "/geo/1.0", len(lookup.to_resolve), (LOCATIONS,))]
        names = (name for name in resource_names(settings.resources) if name != LOCATIONS)
        steps.extend(_step(BY_NAME[name], locations, settings, reader, now) for name in names)
        budgets = read_budget(target, settings, reader)
    found = _by_schedule(steps, settings, now, len(lookup.locations))
    return replace(
        found,
        to_resolve=len(lookup.to_resolve),
        invalid=tuple(lookup.invalid),
        destination=target.description,
        dataset_name=target.dataset_name,
        backfill=tuple(_backfills(steps, found.schedule, settings, now, budgets)),
        budgets=tuple(budgets),
    )


def _by_schedule(steps: list[Step], settings: WeatherSettings, now: datetime, locations: int) -> Plan:
    """Return the part of a plan that follows from the calls of each resource."""
    return Plan(
        steps=tuple(steps),
        locations=locations,
        calls_per_minute=settings.limits_of("free").per_minute,
        one_call_per_minute=settings.one_call.calls_per_minute,
        loads=pace_of(settings.schedule, now),
        refresh_minutes=settings.subscription_plan.refresh_minutes,
        schedule=_schedule(steps, settings),
        package_seconds=settings.chunk_seconds,
    )


def plan_of_new(settings: WeatherSettings, locations: int, now: datetime | None = None) -> Plan:
    """Compute the calls of so many new locations by the schedule; they need no look-up, and no destination is read.

    Args:
        settings: the resources, the schedule and the limits; not its list of locations.
        locations: number of locations.
        now: the moment of the load, UTC; by default the present.
    """
    now = now or utc_now()
    places = [ResolvedLocation(str(number), "", 0, 0, is_new=True) for number in range(locations)]
    names = (name for name in resource_names(settings.resources) if name != LOCATIONS)
    steps = [_step(BY_NAME[name], places, settings, DestinationReader(None), now) for name in names]
    return _by_schedule(steps, settings, now, locations)


def _step(
    endpoint: Endpoint,
    locations: list[ResolvedLocation],
    settings: WeatherSettings,
    reader: DestinationReader,
    now: datetime,
) -> Step:
    if endpoint.name == ALERTS and {one.name for one in NAMING}.intersection(settings.resources or ()):
        # other answers name the warnings; the calls for texts of new ones cannot be foreseen
        locations = []
    windows = windows_of(endpoint, settings, reader, now)
    waiting = waiting_locations(settings, reader, endpoint, now) if settings.only_missing else {}
    queue = RequestQueue(endpoint, locations, settings, windows, waiting)
    tables = endpoint.tables + (("weather_raw",) if endpoint.keeps_raw else ())
    # the schedule asks for every location
    loads = NOTHING if settings.only_missing else pace_of(settings.schedule, now)
    return Step(
        endpoint.name,
        endpoint.path,
        queue.total,
        tables,
        endpoint.product,
        calls_of(endpoint, loads, len(locations), queue.total),
        is_history=endpoint.incremental,
    )


def _schedule(steps: list[Step], settings: WeatherSettings) -> tuple[ScheduleCosts, ...]:
    calls: dict[Product, Pace] = {}
    for step in steps:
        calls[step.product] = calls.get(step.product, NOTHING).plus(step.by_schedule)
    limits = {product: settings.limits_of(product) for product in calls}
    return schedule_costs(calls, limits, settings.one_call)


def _backfills(
    steps: list[Step],
    schedule: tuple[ScheduleCosts, ...],
    settings: WeatherSettings,
    now: datetime,
    budgets: list[BudgetStatus],
) -> Iterator[BackfillCosts]:
    """Yield the costs of each product's history in this load, beyond what each load of the schedule asks for."""
    calls: Counter[Product] = Counter()
    for step in steps:
        usual = 0 if settings.since else step.by_schedule.a_day
        if step.is_history and step.calls > usual:
            calls[step.product] += step.calls
    for costs in schedule:
        if calls[costs.product]:
            used = _used(budgets, costs.product)
            yield backfill_costs(costs, calls[costs.product], now.date(), settings.reserve_for_schedule, used)


def _used(budgets: list[BudgetStatus], product: Product) -> Used:
    found = {one.period: one for one in budgets if one.product == product and one.used}
    today, month, money = found.get("day"), found.get("month"), found.get("money")
    return Used(
        today.used if today else 0,
        month.used if month else 0,
        money.used if money else 0,
        today.left_for_backfill if today else None,
    )

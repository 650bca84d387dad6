"""The rate limiter of a run: it leases from the ledger of the dataset, and from the minute of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from dlt.common.pipeline import get_dlt_pipelines_dir

from dlt_sources.weather.api.machine_rate_limit import USABLE_SECONDS, MachineBudgets, account_of, minute_of, rates_of
from dlt_sources.weather.api.rate_limit import NO_LEASE, Budget, Lane, Lease, LeasingRateLimiter
from dlt_sources.weather.budget.ledger import Ledger, LedgerLimits
from dlt_sources.weather.budget.stores import TABLE, FileStore, PostgresStore, Store
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.destination.target import Target

# of a lease from a server, which takes a round trip or several
USABLE_SECONDS_OF_SERVER = 1.0


class LedgerAndMachine:
    """Budget that leases from a ledger, and as much from the minute of this machine.

    The ledger comes first: its window is the longer one, so that the machine seldom has less.

    Args:
        ledger: the ledger.
        machine: the minute of this machine, over all datasets.
    """

    def __init__(self, ledger: Ledger, machine: Budget) -> None:
        self._ledger = ledger
        self._machine = machine

    def take(self, lane: Lane, most: int, keep: int = 0, unused: Lease = NO_LEASE) -> Lease:
        """Lease calls from both."""
        lease = self._ledger.take(lane, most, keep, unused)
        if not lease.calls:
            return lease
        allowed = self._machine.take(lane, lease.calls)
        if allowed.calls < lease.calls:
            self._ledger.give_back(lane, lease._replace(calls=lease.calls - allowed.calls))
        return lease._replace(calls=allowed.calls, wait_seconds=allowed.wait_seconds)

    def close(self, unused: Mapping[Lane, Lease]) -> None:
        """Give back leases, and close both."""
        self._ledger.close(unused)
        self._machine.close({})


def ledger_file(target: Target | None) -> Path:
    """Return the file of the ledger of a target that is no PostgreSQL: next to DuckDB's file, else in dlt's folder."""
    if target is not None and target.file_path is not None:
        return target.file_path.with_name(f"{target.file_path.name}.calls")
    return Path(get_dlt_pipelines_dir()).parent / "weather_budgets" / "calls"


def store_of(target: Target | None) -> tuple[Store, float]:
    """Return the place of a target's ledger, and the time for which a lease of it holds."""
    if target is not None and target.is_postgres:
        url = target.postgres_credentials.to_native_representation()
        return PostgresStore(url, target.qualified_name(TABLE)), USABLE_SECONDS_OF_SERVER
    return FileStore(ledger_file(target)), USABLE_SECONDS


def run_rate_limiter(target: Target | None, settings: WeatherSettings) -> LeasingRateLimiter:
    """Return the rate limiter of a run. The ledger is opened with the first call.

    Args:
        target: the destination and dataset; None for a plain dlt pipeline.
        settings: the key and the limits. Shards lease no more calls than are waiting, so that none hoards them.
    """
    store, usable_seconds = store_of(target)
    ledger = Ledger(store, account_of(settings), ledger_limits(settings), usable_seconds)
    budget = LedgerAndMachine(ledger, MachineBudgets(settings))
    return LeasingRateLimiter(budget, rates_of(settings), usable_seconds, ahead=settings.chosen_shard is None)


def ledger_limits(settings: WeatherSettings) -> LedgerLimits:
    """Return the limits of the ledger."""
    products: tuple[Product, ...] = get_args(Product)
    minutes = {product: minute_of(settings, product) for product in products}
    return LedgerLimits(
        {product: settings.limits_of(product) for product in products},
        {product: frozenset(other for other in products if minutes[other] == minutes[product]) for product in products},
        settings.reserve_for_schedule,
    )

"""Reading of the ledger without a lock, for what only looks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dlt.destinations.exceptions import DatabaseException

from dlt_sources.weather.api.machine_rate_limit import account_of
from dlt_sources.weather.budget.calendar import HOUR, floor, month_begin
from dlt_sources.weather.budget.decision import Counts
from dlt_sources.weather.budget.ledger import DAYS, HOURS, counts_of
from dlt_sources.weather.budget.opening import ledger_file
from dlt_sources.weather.budget.reserve import LOOK_BACK
from dlt_sources.weather.budget.stores import SERVER_CLOCK, TABLE, for_sqlite, wall_clock
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target


def read_counts(
    target: Target, settings: WeatherSettings, product: Product, reader: DestinationReader | None = None
) -> Counts:
    """Return the calls of a product that the ledger of a target counts; none before its first call.

    Args:
        target: the destination and dataset.
        settings: the key.
        product: the product.
        reader: an open reader of the target; by default one is opened where the ledger is in the dataset.

    Raises:
        DestinationError: the destination cannot be reached.
    """
    # without a key, those of every key
    account = account_of(settings) if settings.secret_key else ""
    if not target.is_postgres:
        now = wall_clock()
        return counts_of(_rows_of_file(ledger_file(target), _parameters(account, product, now)), now)
    if reader is None:
        with target.reader() as opened:
            return read_counts(target, settings, product, opened)
    now = int(reader.rows(f"SELECT {SERVER_CLOCK}")[0][0])
    try:
        rows = reader.rows(_sql(account), *_parameters(account, product, now), calls=TABLE)
    except DatabaseException:
        # the table of an earlier release, which the next load replaces
        rows = []
    return counts_of(rows, now)


def _sql(account: str) -> str:
    sql = f"{DAYS} UNION ALL {HOURS}"
    return sql if account else sql.replace("account = %s", "account <> %s")


def _parameters(account: str, product: Product, now: int) -> tuple[object, ...]:
    return account, product, month_begin(now), account, product, floor(now, HOUR) - LOOK_BACK


def _rows_of_file(file: Path, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
    if not file.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(for_sqlite(_sql(str(parameters[0]))), parameters).fetchall()
    except sqlite3.Error:
        # a load says what is wrong with it
        return []

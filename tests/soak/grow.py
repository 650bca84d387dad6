"""`python -m tests.soak.grow`: a dataset as hourly loads of months would have left it, made by SQL within minutes.

One load from the simulator makes the tables. Its newest rows are then repeated for each hour before it, with moments,
run ids and load ids of that hour, measures that differ a little, and bodies of answers whose moments fit, so that they
can be replayed. As in reality, rows lie in the order of their hours; a few runs failed, were killed or had a reject.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import click

from dlt_sources.openweather_simulator import Fault, Simulator, serve
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.common.settings.model import DEFAULT_LOCATIONS
from dlt_sources.weather.contracts import AirPollution, LoadRun
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from tests.helpers.clock import SENTINEL_KEY
from tests.soak.dialect import dialect_of
from tests.soak.growth import HOURS_OF_MONTH, Growth


@dataclass(frozen=True)
class Grown:
    """What was made: hours before the newest load, and rows by table."""

    hours: int
    rows: dict[str, int]


def first_load(target: Target, locations: int) -> None:
    """Load a number of places from a simulator, twice: the first load has a reject, the second has none.

    Raises:
        WeatherError: a load failed.
    """
    grid = (f"{-60 + number // 700 * 0.5:.4f},{-175 + number % 700 * 0.5:.4f}" for number in range(locations))
    places = [*DEFAULT_LOCATIONS, *grid][:locations]
    simulator = Simulator()
    with serve(simulator) as url:
        settings = {"base_url": url, "api_key": SENTINEL_KEY, "locations": places, "calls_per_minute": 1_000_000}
        simulator.inject(Fault(path="/data/2.5/forecast", status=404, times=1))
        for _ in range(2):
            report = load(target, load_settings(**settings))
            if report.error:
                raise report.error


def grow(target: Target, months: float, say: Callable[[str], None] = lambda _: None) -> Grown:
    """Replace the rows of a dataset by those of hourly loads over months, the newest load's as they are.

    Args:
        target: a dataset in DuckDB or PostgreSQL that a load filled a moment ago.
        months: how many months lie before that load.
        say: told what is done.
    """
    hours = round(months * HOURS_OF_MONTH)
    dialect = dialect_of(target)
    with target.connection() as client:
        client.execute_sql("SET work_mem = '256MB'" if dialect.is_postgres else "SET memory_limit = '2GB'")
        if dialect.is_postgres:
            # as much as several months, once: nothing waits for the disk
            client.execute_sql("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        growth = Growth(client, dialect, hours, say)
        tables = growth.tables
        for table in tables:
            growth.snapshots(table)
        growth.history()
        growth.locations()
        growth.rejects()
        growth.dlt_tables()
        # last: the others read the newest run
        growth.runs()
        if dialect.is_postgres:
            client.execute_sql("VACUUM ANALYZE")
        else:
            client.execute_sql("CHECKPOINT")
        qualified = client.make_qualified_table_name
        names = [*tables, AirPollution.table, LoadRun.table]
        rows = {}
        for name in names:
            ((rows[name],),) = client.execute_sql(f"SELECT count(*) FROM {qualified(name)}") or ()
    return Grown(hours, rows)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--destination", default="duckdb", show_default=True, help="duckdb or postgres, as dlt is configured.")
@click.option("--months", default=36.0, show_default=True, help="Months of hourly loads.")
@click.option("--locations", default=5, show_default=True, help="Places of the first load, where nothing is loaded.")
def main(*, destination: str, months: float, locations: int) -> None:
    """Grow the configured dataset to months of hourly loads; an empty one is loaded first, from the simulator."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    target = Target(destination)
    with target.reader() as reader:
        is_loaded = bool(reader.columns(LoadRun.table))
    if not is_loaded:
        first_load(target, locations)
    grow(target, months, click.echo)


if __name__ == "__main__":
    main()

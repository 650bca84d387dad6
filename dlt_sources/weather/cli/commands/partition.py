"""Command ``weather partition``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any

import click
from rich.table import Table

from dlt_sources.weather.cli.console import as_called, tell, wide_console
from dlt_sources.weather.cli.interrupts import told_interrupts
from dlt_sources.weather.cli.options import destination_options, log_options, target_and_settings, target_options
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import ConfigurationError, DestinationError, counted
from dlt_sources.weather.common.logs import LogFormat
from dlt_sources.weather.destination.connection import translated_errors
from dlt_sources.weather.destination.postgres.partitioning.migration import (
    PlainTable,
    add_bound,
    default_rows,
    exchange,
    obstacles,
    plain_tables,
    spread_default,
    validate_bound,
)
from dlt_sources.weather.destination.postgres.partitions import read_tables
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.retention.turns import InterruptedPruneError, Turns

logger = logging.getLogger(__name__)


@click.command("partition")
@destination_options
@click.option(
    "--dry-run", is_flag=True, help="List the tables with their sizes, and what is in the way; change nothing."
)
@log_options
def partition_command(*, dry_run: bool, demo: bool, log_format: LogFormat, quiet: bool, **given: Any) -> None:
    """Partition the tables of an earlier release by month, in PostgreSQL; new datasets are from the first load on.

    Forecasts and raw answers of a month can then be dropped whole. No row is copied: the old table becomes the first
    partition. Loads go on meanwhile, and wait for moments only. It can be killed at any moment, and run again.
    """
    with (
        target_and_settings(demo=demo, log_format=log_format, quiet=quiet, **given) as (target, settings),
        told_interrupts("stopping") as on_start,
    ):
        if not target.is_postgres:
            raise ConfigurationError(
                "Only tables in PostgreSQL are partitioned; DuckDB stores the range of each column for each part of a "
                "table. Use --destination postgres."
            )
        now = utc_now()
        with _connection(target) as client:
            plain = plain_tables(client, now)
            blocked = {table.name: found for table in plain if (found := obstacles(client, table))}
            partitioned = sorted(read_tables(client).partitioned)
            unsorted = {name: rows for name in partitioned if dry_run and (rows := default_rows(client, name))}
        if not quiet and log_format == "text":
            _print(plain, blocked, partitioned)
        for name, rows in unsorted.items():
            tell(f"{name}: {counted(rows, 'row')} of no month would be moved into months.")
        if dry_run:
            if plain or unsorted:
                tell(f"Next: {as_called(f'partition {target_options(demo=demo, **given)}'.rstrip())}")
            return
        turns = Turns(target, settings.lock_wait_seconds)
        on_start(turns)
        try:
            for table in plain:
                if table.name not in blocked:
                    _partition(target, turns, table)
            _spread(turns, [*partitioned, *(table.name for table in plain if table.name not in blocked)], now)
        except InterruptedPruneError:
            tell("Interrupted. Each table is as it was, or partitioned; run again for the rest.", logging.WARNING)
            raise click.exceptions.Exit(130) from None
    if blocked:
        reasons = "; ".join(f"{name}: {', '.join(found)}" for name, found in blocked.items())
        raise DestinationError(
            f"Not partitioned, since it would not survive: {reasons}. Remove that, run again, and create it again."
        )


def _partition(target: Target, turns: Turns, table: PlainTable) -> None:
    began = monotonic()
    with turns.turn() as client:
        add_bound(client, table)
    logger.info("%s: its rows are read once, %.1f MB; loads go on", table.name, table.bytes / 1e6)
    with _connection(target) as client:
        turns.run(client, lambda: validate_bound(client, table))
    with turns.turn() as client:
        exchange(client, table)
    logger.info("%s is partitioned, %.1f s; its rows are in %s", table.name, monotonic() - began, table.old_name)


def _spread(turns: Turns, tables: list[str], now: datetime) -> None:
    for table in tables:
        with turns.turn() as client:
            if number := spread_default(client, table, now):
                logger.info("%s: %s moved into months", table, counted(number, "row"))


@contextmanager
def _connection(target: Target) -> Iterator[Any]:
    with translated_errors(), target.connection() as client:
        yield client


def _print(plain: list[PlainTable], blocked: dict[str, list[str]], partitioned: list[str]) -> None:
    console = wide_console()
    if not plain:
        names = ", ".join(partitioned) or "there is none yet"
        console.print(f"No table is to be partitioned; partitioned by month: {names}.", highlight=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("table", "rows, about", "MB", "becomes", "in the way"):
        table.add_column(name, justify="right" if name in ("rows, about", "MB") else "left")
    for one in plain:
        way = ", ".join(blocked.get(one.name, []))
        table.add_row(one.name, f"{one.rows:,}", f"{one.bytes / 1e6:,.1f}", one.old_name, way)
    console.print(table)

"""Command ``weather status``."""

from __future__ import annotations

import logging
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

from dlt_sources.weather.cli.console import wide_console
from dlt_sources.weather.cli.options import destination_options
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.logs import configure_logging
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.pipeline.demo import DEMO_TARGET
from dlt_sources.weather.status.report import Status, read_status

UNIT_SIGNS = {"standard": "K", "metric": "°C", "imperial": "°F"}
# rows of the conditions table, about one screen; further locations are counted
MOST_PLACES = 20


@click.command("status")
@destination_options
def status_command(*, demo: bool, destination: str | None) -> None:
    """Show the state of the tables and the newest weather.

    The output has rows, places and lag of each table, the last run of each resource with its rejects, and the newest
    conditions of each place.
    """
    configure_logging(level=logging.WARNING)
    target = DEMO_TARGET if demo else Target(destination or DEFAULT_DESTINATION)
    with target.reader() as reader:
        result = read_status(reader)
    console = wide_console()
    if not result.tables:
        console.print(f"Nothing is loaded yet in {target.description}, dataset {target.dataset_name}.", highlight=False)
        return
    _print_tables(console, result, utc_now())
    _print_runs(console, result)
    _print_conditions(console, result)
    console.print(f"\nThe data is in {target.description}, dataset {target.dataset_name}.", highlight=False)


def _print_tables(console: Console, result: Status, now: datetime) -> None:
    table = _table("table", rows="right", locations="right", newest="left", lag="right")
    for entry in result.tables:
        newest = f"{entry.newest:%Y-%m-%d %H:%MZ}" if entry.newest else ""
        # a forecast's newest row lies in the future: no lag
        lag = "" if entry.newest is None or entry.newest > now else _span((now - entry.newest).total_seconds())
        table.add_row(
            entry.table, f"{entry.rows:,}", "" if entry.locations is None else f"{entry.locations:,}", newest, lag
        )
    console.print(table)
    if result.missing_hours:
        console.print(
            f"[yellow]{result.missing_hours:,} hours are missing inside air_pollution's series; load them with --since."
        )


def _print_runs(console: Console, result: Status) -> None:
    table = _table("last run of", at="left", status="left", loaded="right", rejected="right", error="left")
    for run in result.runs:
        table.add_row(
            run.resource,
            f"{run.finished_at:%Y-%m-%d %H:%MZ}",
            run.status,
            f"{run.rows_loaded:,}",
            f"{run.rows_rejected:,}",
            run.error or "",
        )
    console.print()
    console.print(table)


def _print_conditions(console: Console, result: Status) -> None:
    table = _table("place", observed="left", temperature="right", weather="left", aqi="right")
    for entry in result.conditions[:MOST_PLACES]:
        degrees = f"{entry.temp:.1f} {UNIT_SIGNS.get(entry.units, '')}"
        table.add_row(
            entry.location,
            f"{entry.dt:%Y-%m-%d %H:%MZ}",
            degrees,
            entry.description or "",
            "" if entry.aqi is None else str(entry.aqi),
        )
    console.print()
    console.print(table)
    if len(result.conditions) > MOST_PLACES:
        console.print(f"… and {len(result.conditions) - MOST_PLACES:,} more places.")


def _table(first: str, **columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first)
    for name, side in columns.items():
        table.add_column(name, justify="right" if side == "right" else "left")
    return table


def _span(seconds: float) -> str:
    hours, minutes = divmod(int(seconds) // 60, 60)
    return (
        f"{hours // 24} d {hours % 24} h"
        if hours >= 48
        else f"{hours} h {minutes:02} min"
        if hours
        else f"{minutes} min"
    )

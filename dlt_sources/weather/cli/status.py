"""``weather status``."""

from __future__ import annotations

from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

from dlt_sources.weather.cli.console import wide_console
from dlt_sources.weather.cli.options import where_options
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.logs import configure_logging
from dlt_sources.weather.destination.status import Status, status
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.pipeline.demo import DEMO_TARGET

UNIT_SIGNS = {"standard": "K", "metric": "°C", "imperial": "°F"}
# rows of the conditions table; more places than a screen are counted, not shown
MOST_PLACES = 20


@click.command("status")
@where_options
def status_command(*, demo: bool, destination: str | None) -> None:
    """Show how the tables stand: rows, places, lag, last run, open rejects, and the newest conditions per place."""
    configure_logging(level=30)
    target = DEMO_TARGET if demo else Target(destination or DEFAULT_DESTINATION)
    with target.reader() as loaded:
        found = status(loaded)
    console = wide_console()
    if not found.tables:
        console.print(f"Nothing is loaded yet in {target.description}, dataset {target.dataset_name}.", highlight=False)
        return
    _print_tables(console, found, utc_now())
    _print_runs(console, found)
    _print_conditions(console, found)
    console.print(f"\nThe data is in {target.description}, dataset {target.dataset_name}.", highlight=False)


def _print_tables(console: Console, found: Status, now: datetime) -> None:
    table = _table("table", rows="right", locations="right", newest="left", lag="right")
    for one in found.tables:
        newest = f"{one.newest:%Y-%m-%d %H:%MZ}" if one.newest else ""
        # a forecast's newest row lies ahead: that is no lag
        lag = "" if one.newest is None or one.newest > now else _span((now - one.newest).total_seconds())
        table.add_row(one.table, f"{one.rows:,}", "" if one.locations is None else f"{one.locations:,}", newest, lag)
    console.print(table)
    if found.missing_hours:
        console.print(
            f"[yellow]{found.missing_hours:,} hours are missing inside air_pollution's series; load them with --since."
        )


def _print_runs(console: Console, found: Status) -> None:
    table = _table("last run of", at="left", status="left", loaded="right", rejected="right", error="left")
    for one in found.runs:
        table.add_row(
            one.resource,
            f"{one.finished_at:%Y-%m-%d %H:%MZ}",
            one.status,
            f"{one.rows_loaded:,}",
            f"{one.rows_rejected:,}",
            one.error or "",
        )
    console.print()
    console.print(table)


def _print_conditions(console: Console, found: Status) -> None:
    table = _table("place", observed="left", temperature="right", weather="left", aqi="right")
    for one in found.conditions[:MOST_PLACES]:
        degrees = f"{one.temp:.1f} {UNIT_SIGNS.get(one.units, '')}"
        table.add_row(
            one.location,
            f"{one.dt:%Y-%m-%d %H:%MZ}",
            degrees,
            one.description or "",
            "" if one.aqi is None else str(one.aqi),
        )
    console.print()
    console.print(table)
    if len(found.conditions) > MOST_PLACES:
        console.print(f"… and {len(found.conditions) - MOST_PLACES:,} more places.")


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

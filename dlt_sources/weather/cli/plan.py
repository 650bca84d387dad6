"""``weather plan``."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from dlt_sources.weather.cli.console import wide_console
from dlt_sources.weather.cli.options import resolved, what_options, where_options
from dlt_sources.weather.pipeline.plan import Plan, plan


@click.command("plan")
@where_options
@what_options
def plan_command(*, demo: bool, **given: Any) -> None:
    """Say what a load would ask, how many calls, how long, into which tables. Asks nothing."""
    with resolved(demo=demo, **given) as (target, settings):
        _print(plan(target, settings))


def _print(found: Plan) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("resource", "path"):
        table.add_column(name)
    table.add_column("calls", justify="right")
    table.add_column("tables")
    for step in found.steps:
        table.add_row(step.resource, step.path, f"{step.calls:,}", ", ".join(step.tables))
    console = wide_console()
    console.print(table)
    console.print(
        f"\n{found.locations:,} places known, {found.to_resolve:,} to look up. {found.calls:,} calls in all: "
        f"{found.duration} at {found.calls_per_minute:,} calls a minute."
    )
    for entry in found.invalid:
        console.print(f"[yellow]{entry.position} is no place: {entry.message}[/yellow]")
    if found.paid_calls:
        console.print(
            f"[yellow]{found.paid_calls:,} of them are One Call: 1,000 a day are free, then they cost money "
            "(openweathermap.org/price).[/yellow]"
        )
    console.print(f"They would be loaded into {found.where}, dataset {found.dataset_name}.", highlight=False)

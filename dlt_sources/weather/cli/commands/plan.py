"""Command ``weather plan``."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from dlt_sources.weather.cli.console import wide_console
from dlt_sources.weather.cli.options import destination_options, settings_options, target_and_settings
from dlt_sources.weather.common.errors import counted
from dlt_sources.weather.destination.postgres.interrupts import interruptible_queries
from dlt_sources.weather.pipeline.plan import Plan, plan
from dlt_sources.weather.pipeline.plan.sentences import (
    backfill_said,
    excess_said,
    refresh_said,
    schedule_said,
    turns_said,
    used_said,
)


@click.command("plan")
@destination_options
@settings_options
def plan_command(*, demo: bool, **given: Any) -> None:
    """Show the calls that a load would make, and their price; make none.

    The output has the calls of each resource, its tables, and the time that the calls take at the rate limit; then the
    calls and the money by hour, day and month if loads follow the schedule, and of history that is to be loaded.
    """
    with interruptible_queries(), target_and_settings(demo=demo, **given) as (target, settings):
        _print_plan(plan(target, settings))


def _print_plan(result: Plan) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("resource", "path"):
        table.add_column(name)
    table.add_column("calls", justify="right")
    table.add_column("tables")
    for step in result.steps:
        table.add_row(step.resource, step.path, f"{step.calls:,}", ", ".join(step.tables))
    console = wide_console()
    console.print(table)
    one_call = f", and {result.one_call_per_minute:,} of One Call" if result.one_call_per_minute else ""
    console.print(
        f"\n{counted(result.locations, 'place')} known, {result.to_resolve:,} to look up. "
        f"{counted(result.calls, 'call')} in all: {result.duration or 'less than a minute'} at "
        f"{counted(result.calls_per_minute, 'call')} a minute{one_call}."
    )
    for entry in result.invalid:
        console.print(f"[yellow]{entry.position} is not a place: {entry.message}[/yellow]")
    for sentence in [*schedule_said(result), *refresh_said(result), *used_said(result), *backfill_said(result)]:
        console.print(sentence, highlight=False)
    for sentence in [*turns_said(result), *excess_said(result)]:
        console.print(f"[yellow]{escape(sentence)}[/yellow]", highlight=False)
    console.print(f"The rows would go to {result.destination}, dataset {result.dataset_name}.", highlight=False)

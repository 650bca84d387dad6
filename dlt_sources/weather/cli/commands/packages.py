"""Command ``weather packages``."""

from __future__ import annotations

import logging

import click
from rich.table import Table

from dlt_sources.weather.cli.console import as_called, tell, wide_console
from dlt_sources.weather.cli.options import destination_options, target_options
from dlt_sources.weather.common.errors import ConfigurationError, counted
from dlt_sources.weather.common.logs import configure_logging
from dlt_sources.weather.destination.target import DEFAULT_DESTINATION, Target
from dlt_sources.weather.pipeline.demo import DEMO_TARGET
from dlt_sources.weather.pipeline.quarantine import SetAsidePackage, retry_set_aside, set_aside_packages
from dlt_sources.weather.pipeline.working_directories import bring_runs, runs_elsewhere


@click.command("packages")
@destination_options
@click.option("--retry", is_flag=True, help="Bring them back: the next load loads them before anything new.")
@click.option("--run", "run_ids", metavar="RUN_ID", multiple=True, help="Only those of this run. Repeatable.")
@click.option(
    "--from",
    "address",
    metavar="FOLDER",
    help="With --retry: bring the interrupted runs that wait for another address of the destination, in a folder that "
    "this command prints. Only if it is the same database, moved.",
)
def packages_command(
    *, retry: bool, run_ids: tuple[str, ...], address: str | None, demo: bool, destination: str | None
) -> None:
    """List what interrupted runs left on this machine that no load takes by itself.

    That is load packages that are set aside, with the cause, and runs that wait for another address of the destination.

    A package is set aside if the destination refuses its rows three times, so that it does not hold up later hours. Its
    rows are in no table until it is retried.
    """
    configure_logging(level=logging.WARNING)
    target = DEMO_TARGET if demo else Target(destination or DEFAULT_DESTINATION)
    if address is not None:
        if not retry:
            raise click.UsageError("--from needs --retry.")
        runs = counted(len(bring_runs(target, address, run_ids)), "run")
        tell(f"{runs} will be loaded before anything new by the next load.")
        return
    packages = [one for one in set_aside_packages(target) if not run_ids or one.run_id in run_ids]
    if missing := set(run_ids) - {one.run_id for one in packages}:
        raise ConfigurationError(f"No package of {', '.join(sorted(missing))} is set aside for {target.description}.")
    if not retry:
        for one in runs_elsewhere(target):
            tell(one.sentence(target), logging.WARNING)
    if not packages:
        tell(f"No package is set aside for {target.description}, dataset {target.dataset_name}.")
        return
    if not retry:
        _print(packages)
        command = f"packages --retry {target_options(demo=demo, destination=destination)}".rstrip()
        tell(f"Once the cause is corrected: {as_called(command)}")
        return
    moved = retry_set_aside(target, [one.run_id for one in packages])
    tell(f"{counted(len(moved), 'package')} will be loaded before anything new by the next load.")


def _print(packages: list[SetAsidePackage]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "fetched", "rows", "size", "cause"):
        table.add_column(name, justify="right" if name in ("rows", "size") else "left")
    for one in packages:
        first, last = one.hours or (one.started_at, one.started_at)
        fetched = f"{first:%Y-%m-%d %H:%MZ}" + (f" to {last:%Y-%m-%d %H:%MZ}" if last > first else "")
        rows = f"{sum(one.tables.values()):,}"
        table.add_row(one.run_id, fetched, rows, f"{one.bytes / 1e6:.1f} MB", one.reason or "")
    console = wide_console()
    console.print(table)
    for one in packages:
        console.print(f"{one.run_id}: {one.path}", highlight=False)

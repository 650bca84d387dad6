"""Command ``weather prune``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

import click
from rich.table import Table

from dlt_sources.weather.cli.console import as_called, tell, wide_console
from dlt_sources.weather.cli.interrupts import told_interrupts
from dlt_sources.weather.cli.options import destination_options, log_options, target_and_settings, target_options
from dlt_sources.weather.cli.progress import SECONDS_BETWEEN_LINES
from dlt_sources.weather.common.logs import LogFormat
from dlt_sources.weather.retention.policy import sentence
from dlt_sources.weather.retention.prune import Pruned, PruneReport, prune

logger = logging.getLogger(__name__)


@click.command("prune")
@destination_options
@click.option("--dry-run", is_flag=True, help="Say which rows would go, and delete none.")
@log_options
def prune_command(*, dry_run: bool, demo: bool, log_format: LogFormat, quiet: bool, **given: Any) -> None:
    """Delete what [sources.weather.retention] does not keep, after it was archived if `archive` names a place.

    Observations, history and locations are kept for ever. Loads go on meanwhile. What is interrupted goes on with the
    next call.
    """
    with (
        target_and_settings(demo=demo, log_format=log_format, quiet=quiet, **given) as (target, settings),
        told_interrupts("stopping") as on_start,
    ):
        report = prune(target, settings, rehearse=dry_run, on_start=on_start, on_progress=_progress())
        where = f"The data is in {target.description}" if target.exists else f"There is no {target.description} yet"
        said = f"{sentence(settings.retention)}\n{where}, dataset {target.dataset_name}."
    if log_format == "json":
        logger.info("finished", extra=_facts(report, dry_run=dry_run))
    elif not quiet:
        _print(report, said, dry_run=dry_run, command=f"prune {target_options(demo=demo, **given)}".rstrip())
    if report.interrupted:
        tell("Interrupted. What was deleted is in the summary; the next call goes on with the rest.", logging.WARNING)
        raise click.exceptions.Exit(130)
    if report.error:
        raise report.error


def _progress() -> Callable[[Pruned], None]:
    """Return a function that logs the figures of a table, at most once in ten seconds."""
    last = monotonic()

    def log(pruned: Pruned) -> None:
        nonlocal last
        if monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = monotonic()
            logger.info("%s: %d of %d rows deleted", pruned.table, pruned.rows, pruned.expected)

    return log


def _print(report: PruneReport, said: str, *, dry_run: bool, command: str) -> None:
    console = wide_console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("table")
    for name in ("rows", "MB") if dry_run else ("rows", "deleted", "archived", "MB"):
        table.add_column(name, justify="right")
    table.add_column("which")
    for one in report.pruned:
        counts = [one.expected] if dry_run else [one.expected, one.rows, one.archived]
        table.add_row(one.table, *(f"{count:,}" for count in counts), f"{one.bytes / 1e6:,.1f}", _which(one))
    if report.pruned:
        console.print(table)
    rows = sum(one.expected for one in report.pruned) if dry_run else report.rows
    size = sum(one.bytes for one in report.pruned) if dry_run else report.bytes
    verb = "would be deleted" if dry_run else "deleted"
    kept = f", archived in {report.archive}" if report.archive and rows else ""
    console.print(
        f"\n{rows:,} row{'' if rows == 1 else 's'} {verb}, {size / 1e6:,.1f} MB{kept}, {report.seconds:.1f} s.",
        highlight=False,
    )
    console.print(said, highlight=False, markup=False)
    if dry_run and rows:
        console.print(f"Next: {as_called(command)}", highlight=False)


def _which(one: Pruned) -> str:
    oldest = f", the oldest of {one.first}" if one.first else ""
    how = "before" if one.kind == "dropped" else "of issues between the issue hours, before"
    return f"{how} {one.before:%Y-%m-%d}{oldest}"


def _facts(report: PruneReport, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "seconds": round(report.seconds, 3),
        "archive": report.archive,
        "interrupted": report.interrupted,
        "tables": [
            {
                "table": one.table,
                "kind": one.kind,
                "before": one.before.isoformat(),
                "rows": one.expected,
                "deleted": one.rows,
                "archived": one.archived,
                "bytes": one.bytes,
            }
            for one in report.pruned
        ],
    }

"""Command ``weather replay``."""

from __future__ import annotations

import logging
from typing import Any

import click

from dlt_sources.weather.cli.console import tell
from dlt_sources.weather.cli.interrupts import told_interrupts
from dlt_sources.weather.cli.options import (
    ResourceList,
    destination_options,
    log_options,
    target_and_settings,
    target_options,
)
from dlt_sources.weather.cli.progress import progress
from dlt_sources.weather.cli.summary import conclude
from dlt_sources.weather.common.logs import LogFormat
from dlt_sources.weather.pipeline.replay import replay


@click.command("replay")
@destination_options
@click.option("--resources", type=ResourceList(), help="Resources to rebuild; by default all whose answers are kept.")
@click.option("--archived", is_flag=True, help="Read the answers that `weather prune` has archived, too.")
@click.option("--restart", is_flag=True, help="Begin at the first answer, though an earlier replay was interrupted.")
@log_options
def replay_command(
    *,
    resources: list[str] | None,
    archived: bool,
    restart: bool,
    demo: bool,
    log_format: LogFormat,
    quiet: bool,
    **given: Any,
) -> None:
    """Rebuild the bronze tables from weather_raw, without a single call.

    Use it after a contract was corrected or a table dropped: every kept answer is converted again and merged by key.
    A replay that was interrupted or killed is continued by the next one. Air-pollution history is not kept verbatim;
    load it again with --since.
    """
    with (
        target_and_settings(demo=demo, log_format=log_format, quiet=quiet, **given) as (target, settings),
        progress(quiet=quiet) as on_progress,
        told_interrupts(
            "loading the package under way, after which the next replay goes on, then stopping"
        ) as on_start,
    ):
        report = replay(
            target,
            settings,
            resources,
            archived=archived,
            restart=restart,
            on_start=on_start,
            on_progress=on_progress,
        )
    if not report.metrics_by_resource:
        tell(f"No answers are kept in {report.dataset_name}.weather_raw, so nothing was rebuilt.", logging.WARNING)
    conclude(
        report,
        log_format=log_format,
        quiet=quiet,
        strict=False,
        target_options=target_options(demo=demo, **given),
    )

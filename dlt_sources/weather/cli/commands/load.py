"""Command ``weather load``."""

from __future__ import annotations

from typing import Any

import click

from dlt_sources.weather.cli.interrupts import told_interrupts
from dlt_sources.weather.cli.options import (
    destination_options,
    log_options,
    settings_options,
    target_and_settings,
    target_options,
)
from dlt_sources.weather.cli.progress import progress
from dlt_sources.weather.cli.summary import conclude
from dlt_sources.weather.common.logs import LogFormat
from dlt_sources.weather.pipeline.load import load


@click.command("load")
@destination_options
@settings_options
@click.option("--strict", is_flag=True, help="Fail if anything at all is rejected.")
@log_options
def load_command(*, strict: bool, demo: bool, log_format: LogFormat, quiet: bool, **given: Any) -> None:
    """Load new rows for every place (the default command).

    Histories (air_pollution, weather_history, weather_history_daily) continue from the newest row of each place; a new
    place gets the last 7 days, or everything from --since on. A load that meets the budget of calls ends with what it
    has, and says when a later one goes on; a range of --since goes on by the same command. Rerunning is safe: no row is
    loaded twice.
    """
    with (
        target_and_settings(demo=demo, log_format=log_format, quiet=quiet, **given) as (target, settings),
        progress(quiet=quiet) as on_progress,
        told_interrupts("loading the rows fetched so far, then stopping") as on_start,
    ):
        report = load(target, settings, on_start=on_start, on_progress=on_progress)
    conclude(
        report, log_format=log_format, quiet=quiet, strict=strict, target_options=target_options(demo=demo, **given)
    )

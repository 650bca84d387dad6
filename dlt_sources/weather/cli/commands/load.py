"""Command ``weather load``."""

from __future__ import annotations

import logging
from typing import Any

import click

from dlt_sources.weather.cli.console import tell
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
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.logs import LogFormat
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.settings.alerts import load_alert_settings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.status.heartbeat.beat import beat


@click.command("load")
@destination_options
@settings_options
@click.option("--strict", is_flag=True, help="Fail if anything at all is rejected.")
@click.option(
    "--heartbeat",
    is_flag=True,
    help="Afterwards, report to ALERTS__HEARTBEAT_URL whether every place of the list has recent rows.",
)
@log_options
def load_command(
    *, strict: bool, heartbeat: bool, demo: bool, log_format: LogFormat, quiet: bool, **given: Any
) -> None:
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
        # refused before a call is made, if it is wrong
        url = load_alert_settings().heartbeat_url if heartbeat and not demo else None
        try:
            report = load(target, settings, on_start=on_start, on_progress=on_progress)
        except WeatherError:
            _beat(url, target, settings, has_failed=True)
            raise
        _beat(url, target, settings, has_failed=bool(report.error or report.interrupted))
    conclude(
        report, log_format=log_format, quiet=quiet, strict=strict, target_options=target_options(demo=demo, **given)
    )


def _beat(url: str | None, target: Target, settings: WeatherSettings, *, has_failed: bool) -> None:
    if url:
        is_well, sentence = beat(url, target, settings, utc_now(), has_failed=has_failed)
        tell(sentence, logging.INFO if is_well else logging.WARNING)

"""Command ``weather load``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from dlt_sources.weather.cli.console import tell
from dlt_sources.weather.cli.options import (
    destination_options,
    log_options,
    settings_options,
    target_and_settings,
    target_options,
)
from dlt_sources.weather.cli.progress import progress
from dlt_sources.weather.cli.summary import conclude
from dlt_sources.weather.common.interrupts import interruptible
from dlt_sources.weather.common.logs import LogFormat
from dlt_sources.weather.extract.run import Run
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
        _interruptible() as on_start,
    ):
        report = load(target, settings, on_start=on_start, on_progress=on_progress)
    conclude(
        report, log_format=log_format, quiet=quiet, strict=strict, target_options=target_options(demo=demo, **given)
    )


@contextmanager
def _interruptible() -> Iterator[Callable[[Run], None]]:
    """Let the first SIGINT or SIGTERM end the requests, so that their rows are loaded, and the second stop at once.

    Yields:
        Function to call with the run when it starts; before that, the first signal stops at once.
    """
    runs: list[Run] = []

    def on_first(name: str) -> bool:
        for run in runs:
            run.interrupt()
            tell(
                f"{name}: loading the rows fetched so far, then stopping. A second signal stops at once.",
                logging.WARNING,
            )
        return bool(runs)

    with interruptible(on_first):
        yield runs.append

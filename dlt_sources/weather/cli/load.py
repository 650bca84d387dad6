"""``weather load``."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from dlt_sources.weather.cli.console import tell
from dlt_sources.weather.cli.options import log_options, resolved, target_options, what_options, where_options
from dlt_sources.weather.cli.progress import progress
from dlt_sources.weather.cli.summary import conclude
from dlt_sources.weather.common.logs import LogFormat
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.load import load


@click.command("load")
@where_options
@what_options
@click.option("--strict", is_flag=True, help="Fail if anything at all is rejected.")
@log_options
def load_command(*, strict: bool, demo: bool, log_format: LogFormat, quiet: bool, **given: Any) -> None:
    """Load what is new since the last time, for every place (the default command).

    Air pollution goes on where each place's newest hour stands; a place seen for the first time gets the last 7 days,
    or everything since --since. Nothing is loaded twice, however often this runs.
    """
    with (
        resolved(demo=demo, log_format=log_format, quiet=quiet, **given) as (target, settings),
        progress(quiet=quiet) as show,
        _graceful_signals() as on_start,
    ):
        report = load(target, settings, on_start=on_start, on_progress=show)
    conclude(report, log_format=log_format, quiet=quiet, strict=strict, where=target_options(demo=demo, **given))


@contextmanager
def _graceful_signals() -> Iterator[Any]:
    """On the first Ctrl-C (or SIGTERM) ask nothing more and load what came; the second one stops at once."""
    runs: list[Run] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if not runs or runs[0].interrupted:
            raise KeyboardInterrupt
        runs[0].interrupt()
        tell(f"{signal.Signals(number).name}: loading what came, then stopping. Again stops at once.", logging.WARNING)

    def on_start(run: Run) -> None:
        runs.append(run)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield on_start
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

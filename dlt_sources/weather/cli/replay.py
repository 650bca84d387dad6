"""``weather replay``."""

from __future__ import annotations

from typing import Any

import click

from dlt_sources.weather.cli.options import ResourceList, log_options, resolved, target_options, where_options
from dlt_sources.weather.cli.progress import progress
from dlt_sources.weather.cli.summary import conclude
from dlt_sources.weather.common.logs import LogFormat
from dlt_sources.weather.pipeline.replay import replay


@click.command("replay")
@where_options
@click.option("--resources", type=ResourceList(), help="Only these; by default all whose answers are kept.")
@log_options
def replay_command(*, demo: bool, log_format: LogFormat, quiet: bool, **given: Any) -> None:
    """Rebuild the bronze tables from weather_raw, without a single call.

    Needed after a contract was mended or a table was dropped: every kept answer is converted again and merged by key.
    Air-pollution history is not kept word for word; load it again with --since.
    """
    with (
        resolved(demo=demo, log_format=log_format, quiet=quiet, **given) as (target, settings),
        progress(quiet=quiet) as show,
    ):
        report = replay(target, settings, on_progress=show)
    conclude(
        report,
        log_format=log_format,
        quiet=quiet,
        strict=False,
        where=target_options(demo=demo, **given),
    )

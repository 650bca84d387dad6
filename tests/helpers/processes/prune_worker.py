"""A pruning in a process of its own, in many small chunks, so that a kill meets it anywhere."""

from __future__ import annotations

import gc
import os
import sys
from datetime import datetime

from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.retention.prune import prune
from dlt_sources.weather.retention.stores import duckdb_store, postgres_store
from tests.helpers.dlt_hints import remember


def work(  # noqa: PLR0917 - arguments travel to the process by position
    destination: str,
    settings: dict[str, object],
    moment: datetime,
    environment: dict[str, str],
    folder: str,
    chunk: int,
) -> None:
    """Prune to the end; the process has the test's environment, folder and clock.

    Args:
        destination: the destination.
        settings: settings of the source.
        moment: the present.
        environment: the test's environment, with the settings of retention.
        folder: the test's folder.
        chunk: rows that are read, archived and deleted at a time.
    """
    os.environ.update(environment)
    os.chdir(folder)
    remember()
    gc.freeze()
    duckdb_store.rows_of_a_chunk = postgres_store.rows_of_a_chunk = lambda _: chunk
    postgres_store.PostgresStore._rows = chunk
    try:
        report = prune(Target(destination), load_settings(**settings), now=lambda: moment)
    except WeatherError as error:
        sys.exit(error.exit_code)
    sys.exit(report.error.exit_code if report.error else 0)

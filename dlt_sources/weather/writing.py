"""Writing to a target: under its lock, after what an earlier run left behind, with the accounts held at the end."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract import DltSource
from structlog.contextvars import bound_contextvars

from dlt_sources.weather import duckdb_memory
from dlt_sources.weather.connection import outages_said
from dlt_sources.weather.dlt_tables import restore_dlt_tables
from dlt_sources.weather.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.errors import WeatherError
from dlt_sources.weather.indexes import ensure_indexes
from dlt_sources.weather.loaded import Loaded
from dlt_sources.weather.lock import only_writer
from dlt_sources.weather.packages import LoadPackage, load_package
from dlt_sources.weather.pending import finish_pending
from dlt_sources.weather.run import Run
from dlt_sources.weather.tally import Tally
from dlt_sources.weather.target import Target


@dataclass
class Report:
    """What a run did: counts by resource, packages, seconds, and what ended it early."""

    run_id: str
    where: str
    dataset_name: str
    tallies: dict[str, Tally] = field(default_factory=dict)
    packages: int = 0
    finished_before: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    error: WeatherError | None = None

    @property
    def rows_rejected(self) -> int:
        """Rows and requests that could not be loaded."""
        return sum(tally.rows_rejected for tally in self.tallies.values())


@dataclass
class Writer:
    """Loads the packages of one run and counts what dlt wrote."""

    pipeline: dlt.Pipeline
    report: Report
    load_package: LoadPackage
    connection: SqlClientBase[Any] | None
    rows: Counter[str] = field(default_factory=Counter)

    def load(self, source: DltSource) -> None:
        """Load one package.

        Raises:
            DestinationError: the destination did not take it; it is kept in the working directory.
        """
        rows = self.load_package(self.pipeline, source)
        self.rows += rows
        self.report.packages += 1
        kind = self.pipeline.destination.destination_type
        if self.connection and kind == "dlt.destinations.postgres":
            ensure_indexes(self.connection, rows)
        if self.connection and kind == "dlt.destinations.duckdb":
            duckdb_memory.empty_cache(self.connection)


@contextmanager
def writing(target: Target, run: Run, load_package: LoadPackage = load_package) -> Iterator[Writer]:
    """Hold the target's lock, finish what was left behind, and yield a writer for the run's packages.

    Raises:
        WriterBusyError: another run holds the dataset.
        DestinationError: the destination cannot be reached, or a disk is full.
    """
    began = monotonic()
    report = Report(run.run_id, target.where, target.dataset_name, run.tallies)
    working_directory = target.root / run.run_id
    with (
        bound_contextvars(run_id=run.run_id),
        outages_said(),
        only_writer(target, run.run_id, run.settings.lock_wait_seconds) as connection,
    ):
        if connection:
            restore_dlt_tables(connection)
            run.loaded = Loaded(connection)
        report.finished_before = finish_pending(target, load_package)
        writer = Writer(target.pipeline(working_directory), report, load_package, connection)
        yield writer
        check_accounts(run, writer.rows)
        shutil.rmtree(working_directory)
    report.seconds = monotonic() - began
    report.interrupted = run.interrupted


def check_accounts(run: Run, loaded: Counter[str]) -> None:
    """Hold the run's own counts against dlt's.

    Raises:
        RuntimeError: a row is unaccounted for, which is an error in this source.
    """
    for name, tally in run.tallies.items():
        tables = (LOCATIONS,) if name == LOCATIONS else BY_NAME[name].tables
        written = sum(loaded[table] for table in tables)
        if not tally.rows_fetched == tally.rows_loaded + tally.rows_rejected == written + tally.rows_rejected:
            raise RuntimeError(
                f"{name}: fetched {tally.rows_fetched}, loaded {tally.rows_loaded} (dlt wrote {written}), rejected "
                f"{tally.rows_rejected}: they do not add up."
            )

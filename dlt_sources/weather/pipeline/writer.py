"""Writing to a target: under its lock, after the recovery of interrupted runs, with a final check of all counts."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import monotonic

import dlt
from dlt.extract import DltSource
from structlog.contextvars import bound_contextvars

from dlt_sources.weather.api.machine_rate_limit import account_of
from dlt_sources.weather.budget.stores import ensure_table
from dlt_sources.weather.common.errors import BudgetSpentError, DestinationError, WeatherError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.convert.items import OWNER
from dlt_sources.weather.destination import duckdb as duckdb_memory
from dlt_sources.weather.destination.capabilities.datasets import ensure_exact_keys
from dlt_sources.weather.destination.capabilities.load_options import load_options
from dlt_sources.weather.destination.connection import translated_errors
from dlt_sources.weather.destination.dlt_tables import restore_dlt_tables
from dlt_sources.weather.destination.load_runs import close_dead_runs
from dlt_sources.weather.destination.postgres.maintenance import verify_rows_loaded
from dlt_sources.weather.destination.postgres.upkeep import Upkeep
from dlt_sources.weather.destination.published.publisher import Publisher
from dlt_sources.weather.destination.reader import DestinationReader, destination_reader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.destination.writer_lock import WriterLock, writer_lock
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.accounts import check_accounts
from dlt_sources.weather.pipeline.dlt_directory import keep_for_dlt
from dlt_sources.weather.pipeline.packages import BeforeLoad, PackageLoader, load_package, prepare_package
from dlt_sources.weather.pipeline.recovery import recover, recover_interrupted_runs
from dlt_sources.weather.pipeline.working_directories import keep_address, live_runs, lock_directory, runs_elsewhere

logger = logging.getLogger(__name__)
KEPT = "What was fetched is kept; the next run loads it."
APPENDED = (
    "Rows are appended, since this destination replaces none: a row that is fetched twice is there twice. docs/"
    "destinations.md has the query that reads the newest, and the table formats that keep one."
)
NOTHING_FETCHED = "Nothing was fetched in this run; what earlier runs left is loaded by the next one."


@dataclass
class Report:
    """The result of a run: counts by resource, packages, seconds, and the error that ended it early.

    ``errors`` has that of each resource which did not go well enough, for a caller that reports them one by one.
    ``budget`` has the resources whose calls are spent, and until when; ``upkeep`` says which indexes are missing and
    how to create them.
    """

    run_id: str
    destination: str
    dataset_name: str
    metrics_by_resource: dict[str, LoadMetrics] = field(default_factory=dict)
    packages: int = 0
    finished_before: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    error: WeatherError | None = None
    errors: dict[str, WeatherError] = field(default_factory=dict)
    budget: dict[str, BudgetSpentError] = field(default_factory=dict)
    upkeep: list[str] = field(default_factory=list)

    @property
    def rows_rejected(self) -> int:
        """Rows and requests that could not be loaded."""
        return sum(metrics.rows_rejected for metrics in self.metrics_by_resource.values())


@dataclass
class Writer:
    """Loader of a run's packages that counts the rows dlt wrote.

    Args:
        target: the destination and dataset.
        directory: the run's working directory.
        report: counts the packages.
        load_package: loads one package.
        lock: the lock of the dataset: its connection, and the context manager held while writing.
        is_shard: whether the run shares the dataset with other shards.
        publisher: keeps views and comments; None for a destination that has none.
        upkeep: keeps partitions and indexes; None if the destination is not PostgreSQL.
        while_loading: called when a package's rows are about to be loaded; it must not wait. A shard, which loads
            packages that it has prepared, does not call it.
    """

    target: Target
    directory: Path
    report: Report
    load_package: PackageLoader
    lock: WriterLock
    is_shard: bool
    publisher: Publisher | None = None
    upkeep: Upkeep | None = None
    rows: Counter[str] = field(default_factory=Counter)
    while_loading: Callable[[], object] = lambda: None

    @property
    def merges(self) -> bool:
        """Whether the destination replaces rows by their key, so that one may be loaded twice."""
        return load_options(self.pipeline.destination).strategy is not None

    @property
    def reload_directory(self) -> Path:
        """Scratch directory from which pending packages are reloaded."""
        return self.directory / "again"

    @cached_property
    def pipeline(self) -> dlt.Pipeline:
        """The pipeline of the working directory; it holds the lock when it writes, however long extraction took."""
        pipeline = self.target.pipeline(self.directory)
        pipeline.collector = BeforeLoad(lambda: self._before_load(pipeline))
        return pipeline

    def let_others_go(self, is_ended: Callable[[], bool]) -> bool:
        """Let runs that wait for the dataset write before the next package.

        Args:
            is_ended: returns whether this run was told to end; if it was, nothing may be loaded any more.

        Returns:
            Whether others wrote.
        """
        if not self.lock.let_others_go(is_ended):
            return False
        # the next package follows the schema that the destination has by then
        shutil.rmtree(self.directory, ignore_errors=True)
        self.__dict__.pop("pipeline", None)
        return True

    @contextmanager
    def reader(self) -> Iterator[DestinationReader]:
        """Yield a reader that uses the lock's connection, or one of the pipeline's if the lock has none."""
        if self.lock.connection:
            yield DestinationReader(self.lock.connection)
            return
        with destination_reader(self.pipeline) as reader:
            yield reader

    def load(self, source: DltSource) -> None:
        """Load one package.

        Raises:
            DestinationError: the destination did not take it; it is kept in the working directory.
            WriterBusyError: other shards did not finish writing in time; it is kept as well.
        """
        if not self.is_shard:
            self._count(self.load_and_verify(self.pipeline, source))
            return
        prepare_package(self.target.pipeline(self.directory), source)
        with self.lock.exclusive():
            self._count(recover(self.target, self.directory, self.reload_directory, self.load_and_verify) or Counter())
        # the next package follows the schema that the destination has by then
        shutil.rmtree(self.directory)

    def load_and_verify(self, pipeline: dlt.Pipeline, source: DltSource) -> Counter[str]:
        """Load one package, and delete its files when its rows are seen in the tables.

        Returns:
            Rows by table.

        Raises:
            DestinationError: the destination did not take it, or not all of it; it is kept in the working directory.
        """
        if not isinstance(pipeline.collector, BeforeLoad):
            # one of an interrupted run or of a shard, which is loaded under the lock
            pipeline.collector = BeforeLoad(lambda: self._prepare_tables(pipeline))
        rows = self.load_package(pipeline, source)
        load_ids = pipeline.list_completed_load_packages()
        if self.lock.connection and self.target.is_postgres:
            verify_rows_loaded(self.lock.connection, load_ids, rows)
        keep_for_dlt(pipeline)
        for load_id in load_ids:
            shutil.rmtree(pipeline.get_load_package_info(load_id).package_path)
        if self.lock.connection and self.publisher:
            self.publisher.publish(self.lock.connection, pipeline.default_schema)
        if self.lock.connection and self.target.is_duckdb:
            duckdb_memory.empty_cache(self.lock.connection)
        return rows

    def _before_load(self, pipeline: dlt.Pipeline) -> None:
        with self.lock.exclusive():
            self._prepare_tables(pipeline)
        self.while_loading()

    def _prepare_tables(self, pipeline: dlt.Pipeline) -> None:
        if self.lock.connection and self.upkeep:
            self.upkeep.before_load(self.lock.connection, pipeline)

    def _count(self, rows: Counter[str]) -> None:
        self.rows += rows
        self.report.packages += 1
        if self.lock.connection and self.upkeep:
            self.upkeep.after_load(self.lock.connection, rows)


@contextmanager
def writing(
    target: Target, run: Run, load_package: PackageLoader = load_package, shard: Shard | None = None
) -> Iterator[Writer]:
    """Hold the target's lock, recover interrupted runs, and yield a writer for the run's packages.

    Args:
        target: the destination and dataset.
        run: the run whose packages are loaded.
        load_package: loads one package.
        shard: the shard, if the run shares the dataset with others.

    Raises:
        WriterBusyError: another run holds the dataset.
        ConfigurationError: the run is a shard, and the destination is not PostgreSQL.
        DestinationError: the destination cannot be reached, or a disk is full.
    """
    began = monotonic()
    report = Report(run.run_id, target.description, target.dataset_name, run.metrics_by_resource)
    directory = target.root / run.run_id
    keep_address(target)
    with (
        bound_contextvars(run_id=run.run_id),
        _what_is_kept(run),
        translated_errors(),
        lock_directory(directory),
        writer_lock(target, run.run_id, run.settings.lock_wait_seconds, shard) as lock,
    ):
        publisher = _publisher(target, run.settings)
        upkeep = None
        if target.is_postgres:
            upkeep = Upkeep(target.postgres_credentials.for_loading, run.now, report.upkeep)
        writer = Writer(target, directory, report, load_package, lock, shard is not None, publisher, upkeep)
        with lock.exclusive():
            _prepare_destination(writer, account_of(run.settings))
        if not writer.merges:
            report.upkeep.append(APPENDED)
        if elsewhere := runs_elsewhere(target):
            logger.warning(" ".join(one.sentence(target) for one in elsewhere))
        yield writer
        check_accounts(run, writer.rows)
        if directory.exists():
            shutil.rmtree(directory)
    report.seconds = monotonic() - began
    report.interrupted = run.interrupted


def _publisher(target: Target, settings: WeatherSettings) -> Publisher | None:
    if not (target.is_postgres or target.is_duckdb):
        return None
    return Publisher(settings.units, settings.views, target.is_postgres, OWNER)


@contextmanager
def _what_is_kept(run: Run) -> Iterator[None]:
    """Let an error of the destination end with what becomes of the rows."""
    try:
        yield
    except DestinationError as error:
        text = str(error)
        if "kept" not in text:
            kept = KEPT if run.client.calls else NOTHING_FETCHED
            error.args = (f"{text}{'' if text.endswith(('.', '?', '!')) else '.'} {kept}",)
        raise


def _prepare_destination(writer: Writer, account: str) -> None:
    """Restore dlt's tables if any is missing, create the ledger's, and recover interrupted runs."""
    if writer.lock.connection:
        ensure_exact_keys(writer.lock.connection)
        restore_dlt_tables(writer.lock.connection)
        if writer.target.is_postgres:
            ensure_table(writer.lock.connection, account)
    writer.report.finished_before = recover_interrupted_runs(
        writer.target, writer.reload_directory, writer.load_and_verify
    )
    if writer.lock.connection:
        # one of them is the caller's, others let it go first
        alive = live_runs(writer.target)
        close_dead_runs(writer.lock.connection, writer.report.run_id, alive, is_postgres=writer.target.is_postgres)

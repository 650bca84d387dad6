"""Loading: under the writer's lock, in bounded packages, after whatever an earlier run left behind."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import dlt
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.weather.connection import is_down
from dlt_sources.weather.endpoints import BY_NAME, DEFAULT_RESOURCES, LOCATIONS
from dlt_sources.weather.errors import DestinationError, IncompleteError, RowsRefusedError, WeatherError, reason
from dlt_sources.weather.indexes import ensure_indexes
from dlt_sources.weather.lock import only_writer
from dlt_sources.weather.pending import finish_pending
from dlt_sources.weather.run import Run, utc_now
from dlt_sources.weather.settings import WeatherSettings
from dlt_sources.weather.source import source_of
from dlt_sources.weather.tally import Tally
from dlt_sources.weather.target import Target

logger = logging.getLogger(__name__)
LoadPackage = Callable[[dlt.Pipeline, DltSource], Counter[str]]


def run_pipeline(pipeline: dlt.Pipeline, source: DltSource, **options: Any) -> None:
    """Run the pipeline as plain dlt does."""
    pipeline.run(source, **options)


def load_package(pipeline: dlt.Pipeline, source: DltSource, *, run: Callable[..., None] = run_pipeline) -> Counter[str]:
    """Extract and load one package.

    Args:
        pipeline: where to.
        source: what.
        run: runs the pipeline with the source and dlt's options; an orchestrator may bring its own.

    Returns:
        Rows by table, as dlt counted them.

    Raises:
        DestinationError: the destination did not take it; it is kept in the working directory.
    """
    formats = pipeline.destination.capabilities().supported_loader_file_formats or ()
    options: dict[str, Any] = {"loader_file_format": "parquet"} if "parquet" in formats else {}
    try:
        run(pipeline, source, **options)
    except PipelineStepFailed as error:
        raise _cause(error) from None
    trace = pipeline.last_trace
    return Counter(trace.last_normalize_info.row_counts if trace and trace.last_normalize_info else {})


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


def load(
    target: Target,
    settings: WeatherSettings,
    *,
    on_start: Callable[[Run], None] = lambda _: None,
    on_progress: Callable[[Tally], None] = lambda _: None,
    load_package: LoadPackage = load_package,
    now: Callable[[], datetime] = utc_now,
) -> Report:
    """Load the settings' resources into the target.

    Args:
        target: where to.
        settings: what and how.
        on_start: called with the run before it asks anything; a signal handler may set its ``interrupted``.
        on_progress: called with a resource's counts as work goes on.
        load_package: loads one package; an orchestrator may put its own around it.
        now: the clock; tests hold it still.

    Returns:
        The report. Its ``error`` is set where the key was refused, calls were refused for too long, or most places
        failed; what came before is loaded.

    Raises:
        WriterBusyError: another run holds the dataset.
        DestinationError: the destination did not take the rows; they are kept for the next run.
    """
    resources = settings.resources or list(DEFAULT_RESOURCES)
    began = monotonic()
    with Run(settings, now=now, many_packages=True, on_progress=on_progress) as run:
        on_start(run)
        report = Report(run.run_id, target.where, target.dataset_name, run.tallies)
        working_directory = target.root / run.run_id
        pipeline = target.pipeline(working_directory)
        with only_writer(target, pipeline, run.run_id, settings.lock_wait_seconds):
            report.finished_before = finish_pending(target, load_package)
            # made again: finishing an older package leaves that package's pipeline active
            pipeline = target.pipeline(working_directory)
            loaded: Counter[str] = Counter()
            while True:
                run.begin_package()
                loaded += load_package(pipeline, source_of(run, resources))
                report.packages += 1
                if not run.has_more(resources):
                    break
            check_accounts(run, loaded)
            if target.destination == "postgres":
                ensure_indexes(pipeline)
            shutil.rmtree(working_directory)
    report.seconds = monotonic() - began
    report.interrupted = run.interrupted
    report.error = run.stopped_by or _most_failed(run)
    return report


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


def _cause(error: PipelineStepFailed) -> WeatherError | Exception:
    """What a failed package means to the caller."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, WeatherError):
            return inner
        inner = inner.__cause__ or inner.__context__
    if error.step in ("sync", "load") or is_down(error):
        kind = DestinationError if is_down(error) else RowsRefusedError
        return kind(f"The destination did not take the rows: {reason(error)}")
    return error


def _most_failed(run: Run) -> IncompleteError | None:
    """An error where more than half of a resource's requests failed, so that somebody is told."""
    for name, tally in run.tallies.items():
        # of the places, those that are known need no request
        known = len(run.places) if name == LOCATIONS else 0
        for what, failed, whole in (
            ("requests failed", tally.requests_failed, tally.requests + known),
            ("rows were rejected", tally.rows_rejected, tally.rows_fetched + known),
        ):
            if failed * 2 > whole:
                return IncompleteError(
                    f"{name}: {failed} of {whole} {what}. The rest is loaded; the rejects table says why, and the next "
                    "run asks again."
                )
    return None

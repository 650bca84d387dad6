"""Loading: the new rows of every location and resource, in bounded packages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from copy import copy
from datetime import datetime

from dlt_sources.weather.api.client import no_key
from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.budget.opening import run_rate_limiter
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.conversion import Origin
from dlt_sources.weather.extract.counts import LoadMetrics, shortfall_of
from dlt_sources.weather.extract.limits import Refusals, error_of
from dlt_sources.weather.extract.resources import closing_source, next_source, resource_names
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.journal import Journal
from dlt_sources.weather.pipeline.packages import PackageLoader, load_package
from dlt_sources.weather.pipeline.writer import Report, Writer, writing
from dlt_sources.weather.retention.policy import sentence

logger = logging.getLogger(__name__)


def load(
    target: Target,
    settings: WeatherSettings,
    *,
    resolve_unknown: bool = True,
    on_start: Callable[[Run], None] = lambda _: None,
    on_progress: Callable[[LoadMetrics], None] = lambda _: None,
    load_package: PackageLoader = load_package,
    now: Callable[[], datetime] = utc_now,
    orchestrator_run: str | None = None,
) -> Report:
    """Load the settings' resources into the target.

    Each package begins with the step that looks up unknown locations, until all are resolved; then endpoints are asked
    in the same package. Without unknown locations the step makes no call.

    Args:
        target: the destination and dataset.
        settings: the resources, locations and limits.
        resolve_unknown: whether unknown locations are looked up; otherwise they are left out.
        on_start: called with the run before it asks anything, so that a signal handler may interrupt it.
        on_progress: called with a resource's counts after each result.
        load_package: loads one package; an orchestrator may wrap it.
        now: the clock, UTC; tests make it stand still.
        orchestrator_run: the run of an orchestrator that makes this load, for ``load_runs``; None without one.

    Returns:
        The report. Its ``error`` is set if the key was refused, calls were refused for too long, or most locations
        failed; everything that was fetched is loaded.

    Raises:
        WriterBusyError: another run holds the dataset.
        ConfigurationError: a setting cannot work.
        KeyRefusedError: no key is set although an endpoint is asked; nothing was opened or made.
        DestinationError: the destination did not take the rows; they are kept for the next run.
    """
    resources = resource_names(settings.resources)
    _require_key(settings, resources)
    with (
        _run(target, settings, now, on_progress, Origin(orchestrator_run=orchestrator_run)) as run,
        writing(target, run, load_package, settings.chosen_shard) as writer,
    ):
        _announce_retention(target, writer, settings)
        run.use(writer.reader, Journal(writer.directory))
        on_start(run)
        _load_packages(run, writer, resources, resolve_unknown=resolve_unknown)
    writer.report.error = run.error
    writer.report.errors = _errors_by_resource(run, resources)
    writer.report.budget = run.postponed
    return writer.report


def _announce_retention(target: Target, writer: Writer, settings: WeatherSettings) -> None:
    """Say once what will not be kept for ever: before the first load into a dataset, or the first of this release."""
    if not (target.is_postgres or target.is_duckdb):
        return
    with writer.reader() as reader:
        columns = reader.columns(LoadRun.table)
    # the column is as old as retention
    if "database_bytes" not in columns:
        logger.log(logging.WARNING if columns else logging.INFO, "%s", sentence(settings.retention))


def _errors_by_resource(run: Run, names: Iterable[str]) -> dict[str, WeatherError]:
    """Return the errors of single resources of a run that has ended; one that went well enough has none."""
    errors = {}
    for name in names:
        metrics = run.metrics_by_resource.get(name)
        alone = Refusals([name], alone=False)
        # what ended the run early does not concern a resource that had all its answers by then
        went_well = name == LOCATIONS and run.locations_resolved
        if metrics:
            went_well = run.status(name) in ("ok", "partial") and not shortfall_of(metrics, run.known_locations)
        if not went_well:
            alone.stopped_by = copy(run.stopped_by)
        if refusal := run.refused.get(name):
            alone.by_resource = {name: refusal}
        if error := error_of(alone, {name: metrics} if metrics else {}, run.known_locations):
            errors[name] = error
    return errors


def _run(
    target: Target,
    settings: WeatherSettings,
    now: Callable[[], datetime],
    on_progress: Callable[[LoadMetrics], None],
    origin: Origin,
) -> Run:
    limiter = run_rate_limiter(target, settings)
    return Run(settings, now=now, origin=origin, many_packages=True, on_progress=on_progress, rate_limiter=limiter)


def _require_key(settings: WeatherSettings, resources: list[str]) -> None:
    """Raise if an endpoint is asked without a key: a first load would leave an empty database behind."""
    if settings.secret_key is None and set(resources) - {LOCATIONS}:
        raise no_key()


def _load_packages(run: Run, writer: Writer, resources: list[str], *, resolve_unknown: bool) -> None:
    if writer.merges:
        writer.while_loading = lambda: _ask_ahead(run, writer, resources)
    while run.has_more(resources):
        # a backfill takes long, and its hours can wait
        is_between = run.locations_resolved and not run.is_ahead
        if run.settings.since and is_between and writer.let_others_go(lambda: run.interrupted):
            if run.interrupted:
                # the lock is not held any more; the next load closes this run's rows of load_runs
                return
            run.leave_out_loaded()
            if not run.has_more(resources):
                break
        run.begin_package()
        run.resolve_locations(unknown=resolve_unknown)
        source = next_source(run, resources)
        # it is empty if all locations are known, and no other resource is loaded
        if source.resources:
            writer.load(source)
        run.end_package()
    if items := run.closing_items(resources):
        writer.load(closing_source(items))


def _ask_ahead(run: Run, writer: Writer, resources: list[str]) -> None:
    """Ask for the next package while one is loaded, unless a backfill lets others go before it."""
    if not (run.settings.since and writer.lock.others_wait):
        run.ask_ahead(resources)

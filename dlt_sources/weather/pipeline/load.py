"""Loading: what is new of every place and resource, in bounded packages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from dlt_sources.weather.api.endpoints import DEFAULT_RESOURCES, LOCATIONS
from dlt_sources.weather.api.shared_rate_limit import Budget, SharedRateLimiter
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import IncompleteError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.resources import source_of
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.packages import PackageLoader, load_package
from dlt_sources.weather.pipeline.writer import Report, writing


def load(
    target: Target,
    settings: WeatherSettings,
    *,
    on_start: Callable[[Run], None] = lambda _: None,
    on_progress: Callable[[LoadMetrics], None] = lambda _: None,
    load_package: PackageLoader = load_package,
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
        ConfigurationError: a setting cannot work.
        DestinationError: the destination did not take the rows; they are kept for the next run.
    """
    resources = settings.resources or list(DEFAULT_RESOURCES)
    with (
        _shared_rate_limiter(target, settings) as rate_limiter,
        Run(settings, now=now, many_packages=True, on_progress=on_progress, rate_limiter=rate_limiter) as run,
        writing(target, run, load_package, settings.chosen_shard) as writer,
    ):
        on_start(run)
        while run.has_more(resources):
            run.begin_package()
            writer.load(source_of(run, resources))
    writer.report.error = run.stopped_by or _most_failed(run)
    return writer.report


def _shared_rate_limiter(target: Target, settings: WeatherSettings) -> AbstractContextManager[SharedRateLimiter | None]:
    """What holds a shard's calls back together with the other shards'; a run of all places has its own throttle."""
    if settings.chosen_shard is None:
        return nullcontext()
    return SharedRateLimiter(Budget(target.connection, settings.calls_per_minute), settings.calls_per_minute)


def _most_failed(run: Run) -> IncompleteError | None:
    """An error where more than half of a resource's requests failed, so that somebody is told."""
    for name, metrics in run.metrics_by_resource.items():
        # of the places, those that are known need no request
        known = len(run.locations) if name == LOCATIONS else 0
        for what, failed, whole in (
            ("requests failed", metrics.requests_failed, metrics.requests + known),
            ("rows were rejected", metrics.rows_rejected, metrics.rows_fetched + known),
        ):
            if failed * 2 > whole:
                return IncompleteError(
                    f"{name}: {failed} of {whole} {what}. The rest is loaded; the rejects table says why, and the next "
                    "run asks again."
                )
    return None

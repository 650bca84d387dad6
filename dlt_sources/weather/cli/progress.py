"""Progress of a load: bars on a terminal, otherwise a log line every ten seconds."""

from __future__ import annotations

import logging
import sys
from time import monotonic

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from dlt_sources.weather.common.logs import logs_are_json
from dlt_sources.weather.extract.counts import LoadMetrics

logger = logging.getLogger(__name__)
SECONDS_BETWEEN_LINES = 10.0


class Bars:
    """Progress bars on standard error, one per resource. Use it as a context manager."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("requests  {task.fields[rows]:>9,} rows  {task.fields[rejected]:>5,} rejected"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, metrics: LoadMetrics) -> None:
        """Draw the counts of a resource."""
        # Rich would show a total of 100 for a task whose total is not given
        total = max(metrics.expected, metrics.requests) or None
        if metrics.resource not in self._tasks:
            self._tasks[metrics.resource] = self._progress.add_task(metrics.resource, total=total, rows=0, rejected=0)
        self._progress.update(
            self._tasks[metrics.resource],
            completed=metrics.requests,
            total=total,
            rows=metrics.rows_fetched - metrics.rows_rejected,
            rejected=metrics.rows_rejected,
        )


class Lines:
    """Log lines with the progress, at most one in ten seconds. Use it as a context manager."""

    def __init__(self) -> None:
        self._last_line = monotonic()
        # when a resource was first reported, and its requests by then
        self._begins: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, metrics: LoadMetrics) -> None:
        """Log the counts of a resource, unless the last line is too recent."""
        begin, requests = self._begins.setdefault(metrics.resource, (monotonic(), metrics.requests))
        if monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = monotonic()
            logger.info(
                "%s: %d of %d requests, %d rows, %d rejected%s",
                metrics.resource,
                metrics.requests,
                max(metrics.expected, metrics.requests),
                metrics.rows_fetched - metrics.rows_rejected,
                metrics.rows_rejected,
                _estimate(metrics, monotonic() - begin, metrics.requests - requests),
            )


def _estimate(metrics: LoadMetrics, seconds: float, requests: int) -> str:
    """Return how long the rest takes at the rate so far; empty where that is a moment."""
    left = metrics.left * seconds / requests / 60 if requests else 0.0
    return f", about {left:.0f} min left" if left >= 1 else ""


def progress(*, quiet: bool) -> Bars | Lines:
    """Return bars if standard error is a terminal and logs are text, otherwise log lines, which quiet logs drop."""
    # Rich would break a JSON line at the terminal's width
    return Bars() if sys.stderr.isatty() and not quiet and not logs_are_json() else Lines()

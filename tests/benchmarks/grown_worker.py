"""Checks and reports, or a part of a replay, on grown tables, in a fresh process; prints what was done as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.process_memory import keep_memory_flat
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.replay import replay

RESOURCES = ("locations", "current_weather", "forecast", "air_pollution", "air_pollution_forecast")
REPLAYED = 5_000
REPORT_DAYS = 14


def replay_part(target: Target) -> dict[str, object]:
    """Replay some packages of forecasts, and stop as a signal would."""
    keep_memory_flat()
    runs: list[Run] = []

    def stop(metrics: LoadMetrics) -> None:
        if metrics.requests >= REPLAYED:
            runs[0].interrupt()

    report = replay(target, load_settings(), ["forecast"], on_start=runs.append, on_progress=stop)
    metrics = report.metrics_by_resource["forecast"]
    return {"answers": metrics.requests, "of": metrics.expected, "rows": metrics.rows_loaded}


def check(target: Target, *, is_first: bool = False) -> dict[str, object]:
    """Evaluate every check as an hourly or the first run does, and read what reports and the catch-up sensor read."""
    seconds: dict[str, float] = {}
    with target.reader() as reader:
        for name, evaluate in _queries(reader, is_first=is_first):
            began = time.perf_counter()
            evaluate()
            seconds[name] = time.perf_counter() - began
    slowest = max(seconds, key=lambda name: seconds[name])
    return {"number": len(seconds), "seconds": sum(seconds.values()), "slowest": [slowest, seconds[slowest]]}


def _queries(reader: DestinationReader, *, is_first: bool) -> Iterator[tuple[str, Callable[[], object]]]:
    from dagster_project.checks.asset_checks import Scope, checks_of  # noqa: PLC0415 - a replay needs no Dagster
    from dagster_project.reports.queries import read_weather  # noqa: PLC0415

    now = utc_now()
    for resource in RESOURCES:
        for one in checks_of(resource):
            scope = Scope(now - timedelta(hours=2) if one.incremental and not is_first else None)
            yield f"{resource} {one.name}", lambda one=one, scope=scope: one.query(reader, scope)  # type: ignore[misc]
    yield "weather report", lambda: read_weather(reader, now, REPORT_DAYS)


def main() -> None:
    """Do what the arguments say: a destination, and ``checks``, ``first-checks`` or ``replay``."""
    works: dict[str, Callable[[Target], object]] = {
        "checks": check,
        "first-checks": partial(check, is_first=True),
        "replay": replay_part,
    }
    work = works[sys.argv[2]]
    sys.stdout.write(json.dumps(work(Target(sys.argv[1]))) + "\n")


if __name__ == "__main__":
    main()

"""One load by the product, in a process of its own; prints what was loaded as JSON.

With ``BENCHMARK_PROFILE`` set, every thread is profiled into a file of that name and a number, for ``pstats``,
by its processor time.
"""

from __future__ import annotations

import cProfile
import itertools
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlt_sources.weather.destination.target import Target


def load() -> dict[str, object]:
    """Load what the arguments say: a destination and the settings as JSON."""
    from dlt_sources.weather.common.process_memory import gc_frozen_imports, keep_memory_flat  # noqa: PLC0415 - as the command line does

    keep_memory_flat()
    with gc_frozen_imports():
        from dlt_sources.weather.common.settings import load_settings  # noqa: PLC0415
        from dlt_sources.weather.destination.target import Target  # noqa: PLC0415
        from dlt_sources.weather.pipeline.load import load as load_weather  # noqa: PLC0415 - measured and profiled too

    target = Target(sys.argv[1])
    report = load_weather(target, load_settings(**json.loads(sys.argv[2])))
    if report.error:
        raise report.error
    return {
        "rows": {name: metrics.rows_loaded for name, metrics in report.metrics_by_resource.items()},
        "rejected": report.rows_rejected,
        "calls": sum(metrics.calls for metrics in report.metrics_by_resource.values()),
        "packages": report.packages,
        "seconds": report.seconds,
        "state_bytes": _state_bytes(target),
    }


def _state_bytes(target: Target) -> int:
    """The size of the largest state that dlt keeps of the pipeline."""
    with target.reader() as loaded:
        rows = loaded.rows("SELECT max(length(state)) FROM {state}", state="_dlt_pipeline_state")
    return int(rows[0][0] or 0) if rows else 0


def profile_threads(prefix: str) -> None:
    """Have every thread that starts from now on write a profile of its own."""
    run, numbers = threading.Thread.run, itertools.count(1)

    def profiled(thread: threading.Thread) -> None:
        profile = cProfile.Profile(time.thread_time)
        try:
            profile.runcall(run, thread)
        finally:
            profile.dump_stats(f"{prefix}.{next(numbers)}")

    threading.Thread.run = profiled  # type: ignore[method-assign]


def main() -> None:
    """Load, and profile if asked to."""
    if prefix := os.environ.get("BENCHMARK_PROFILE"):
        profile_threads(prefix)
        profile = cProfile.Profile(time.thread_time)
        said = profile.runcall(load)
        profile.dump_stats(f"{prefix}.0")
    else:
        said = load()
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()

"""Whether the loader keeps the plan's limit and uses it up, where every answer takes 150 ms."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from tests.benchmarks.bench import Bench
from tests.benchmarks.results import Result
from tests.benchmarks.simulated import Api, simulator
from tests.benchmarks.workload import Workload

LIMITS = (60, 600, 3_000, 30_000)
WINDOWS = 2
LATENCY_MS = 150
SAMPLE_SECONDS = 0.1
LEAST_USED = 0.98


def rate(bench: Bench) -> Iterator[Result]:
    """At most the limit in any 60 seconds, no 429, and the limit used while there is work.

    Utilisation is 60 s divided by the mean time between call k and call k + limit, over all k: that is how long the
    loader takes for a minute's worth of calls, whether it sends them evenly or in bursts.
    """
    # the fastest has the machine to itself, since it takes a processor whole
    together = LIMITS[1:2] if bench.small else LIMITS[:-1]
    with ThreadPoolExecutor(len(together)) as pool:
        yield from pool.map(lambda limit: _one(bench, limit), together)
    if not bench.small:
        yield _one(bench, LIMITS[-1])


def _one(bench: Bench, limit: int) -> Result:
    places = limit * WINDOWS
    bench.say(f"rate {limit}: {places} calls")
    work = Workload("current_weather", places).at_rate(limit)
    with (
        bench.new_folder() as folder,
        simulator(folder, calls_per_minute=limit, latency_ms=LATENCY_MS) as api,
        _Watch(api) as watch,
    ):
        measured = bench.product(work, api, "duckdb")
        stats = api.stats()
    highest, refused = stats["highest_in_60_seconds"], stats["by_status"].get("429", 0)
    used = 60 / watch.seconds_per(limit, stats["calls"])
    return Result(
        f"rate {limit:,}",
        "duckdb",
        goal=f"≤ {limit:,} calls in any 60 s, no 429, utilisation ≥ {LEAST_USED:.0%}",
        met=highest <= limit and not refused and used >= LEAST_USED,
        rows=work.rows,
        seconds=measured.seconds,
        cpu_seconds=measured.cpu_seconds,
        peak_mb=measured.peak_mb,
        note=f"highest {highest:,}, {refused} x 429, utilisation {used:.1%}",
    )


class _Watch:
    """Samples how many calls a simulator has received, and when."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._samples = [(time.monotonic(), 0)]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def seconds_per(self, limit: int, calls: int) -> float:
        """The mean time between a call and the one ``limit`` calls later."""
        came: list[float] = []
        for (_, before), (moment, after) in pairwise(self._samples):
            came += [moment] * (after - before)
        came = came[:calls]
        lags = [later - earlier for earlier, later in zip(came, came[limit:], strict=False)]
        return sum(lags) / len(lags)

    def _run(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            calls = self._api.stats()["calls"]
            self._samples.append((time.monotonic(), calls))

"""One process against four shards of the same places, at the same time, into one PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.benchmarks.bench import Bench
from tests.benchmarks.destinations import Database
from tests.benchmarks.processes import Measured, measure
from tests.benchmarks.results import Result
from tests.benchmarks.simulated import simulator
from tests.benchmarks.workload import UNTHROTTLED, Workload

SHARDS = 4
FAR_MS, VERY_FAR_MS = 200, 1000
# so few that the budget is what all wait for: the first minute's calls go at once, the rest a minute later
LIMIT_PARTS = 2


@dataclass(frozen=True)
class _Loaded:
    """What some processes at once took, and left."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    lost: int
    doubled: int
    highest: int
    refused: int

    @property
    def is_whole(self) -> bool:
        """Whether every row arrived, once."""
        return not (self.lost or self.doubled or self.refused)


def shards(bench: Bench) -> Iterator[Result]:
    """Current weather of 20,000 places by one process and by four shards: near, far away, and on a budget."""
    if "postgres" not in bench.destinations:
        return
    places = bench.size(20_000, 2_000)
    limit = places // LIMIT_PARTS
    for case, latency, rate in (
        (f"shards {places:,}", 0, UNTHROTTLED),
        (f"shards {places:,}, {FAR_MS} ms", FAR_MS, UNTHROTTLED),
        (f"shards {places:,}, {VERY_FAR_MS} ms", VERY_FAR_MS, UNTHROTTLED),
        (f"shards {places:,}, {limit:,}/min", 0, limit),
    ):
        work = Workload("current_weather", places).at_rate(rate)
        bench.say(f"{case}: one process")
        alone = _load(bench, work, latency, [None])
        bench.say(f"{case}: {SHARDS} shards")
        together = _load(bench, work, latency, [f"{number}/{SHARDS}" for number in range(1, SHARDS + 1)])
        yield Result(
            case,
            "postgres",
            goal=f"nothing lost or doubled; ≤ {rate:,} calls in any 60 s",
            met=together.is_whole and together.highest <= rate,
            rows=work.rows,
            seconds=together.seconds,
            cpu_seconds=together.cpu_seconds,
            peak_mb=together.peak_mb,
            note=(
                f"lost {together.lost}, doubled {together.doubled}, most in 60 s {together.highest:,}, "
                f"{together.refused} x 429; one process {alone.seconds:.1f} s, CPU {alone.cpu_seconds:.1f} s, most "
                f"{alone.highest:,}: speed-up {alone.seconds / together.seconds:.2f}"
            ),
        )


def _load(bench: Bench, work: Workload, latency_ms: float, parts: list[str | None]) -> _Loaded:
    """Load all parts at once, each in a process of its own, into an empty database."""
    limit = None if work.calls_per_minute == UNTHROTTLED else work.calls_per_minute
    with (
        bench.new_folder() as folder,
        simulator(folder, calls_per_minute=limit, latency_ms=latency_ms) as api,
        ThreadPoolExecutor(len(parts)) as pool,
    ):
        database = bench.make_database("postgres", folder)
        settings = work.settings(api.url, work.write_places(folder))
        folders = [folder / f"part{number}" for number in range(len(parts))]
        began = perf_counter()
        measured = list(pool.map(lambda part, own: _one(settings | {"shard": part}, own, database), parts, folders))
        seconds = perf_counter() - began
        stats = api.stats()
        rows, keys = database.one("SELECT count(*), count(DISTINCT (location_id, dt)) FROM bronze.current_weather")
    return _Loaded(
        seconds,
        sum(one.cpu_seconds for one in measured),
        max(one.peak_mb for one in measured),
        lost=work.rows - keys,
        doubled=rows - keys,
        highest=stats["highest_in_60_seconds"],
        refused=stats["by_status"].get("429", 0),
    )


def _one(settings: dict[str, object], folder: Path, database: Database) -> Measured:
    folder.mkdir()
    command = ["tests.benchmarks.product_worker", "postgres", json.dumps(settings)]
    return measure(command, folder, database.environment)

"""The cases, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import measure
from tests.benchmarks.rate import rate
from tests.benchmarks.results import Result
from tests.benchmarks.simulated import simulator
from tests.benchmarks.workload import Workload

MOST_TIMES_BARE = 3.0
MOST_GROWTH = 0.10


def start(bench: Bench) -> Iterator[Result]:
    """A warm run of the demonstration (five places, all default resources) against dlt alone with five rows."""
    with bench.new_folder() as ours, bench.new_folder() as bare:
        bare_database = bench.make_database("duckdb", bare).environment
        ours_database = bench.make_database("duckdb", ours).environment
        products, floors = [], []
        # once to make files and tables, then the warm runs
        for turn in range(bench.repeats + 1):
            bench.say(f"start: {turn} of {bench.repeats}")
            floors.append(measure(["tests.benchmarks.bare_worker"], bare, bare_database))
            products.append(measure(["dlt_sources.weather", "load", "--demo"], ours, ours_database))
    seconds = median(measured.seconds for measured in products[1:])
    floor_seconds = median(measured.seconds for measured in floors[1:])
    yield Result(
        "start",
        "duckdb",
        goal=f"≤ {MOST_TIMES_BARE:g} x bare dlt = {MOST_TIMES_BARE * floor_seconds:.1f} s",
        met=seconds <= MOST_TIMES_BARE * floor_seconds,
        seconds=seconds,
        floor_seconds=floor_seconds,
        cpu_seconds=median(measured.cpu_seconds for measured in products[1:]),
        floor_cpu_seconds=median(measured.cpu_seconds for measured in floors[1:]),
        peak_mb=max(measured.peak_mb for measured in products),
        note=f"first run {products[0].seconds:.2f} s",
    )


def current(bench: Bench) -> Iterator[Result]:
    """Current weather of 2,000 and of 20,000 places, and how memory grows between them."""
    few, many = bench.size(2_000, 200), bench.size(20_000, 2_000)
    for destination in bench.destinations:
        with bench.new_folder() as folder, simulator(folder) as api:
            results = [
                bench.compare(f"current {places:,}", Workload("current_weather", places), api, destination)
                for places in (few, many)
            ]
        yield from results
        before, after = (result.peak_mb or 0.0 for result in results)
        yield Result(
            "current, growth",
            destination,
            goal=f"peak memory grows ≤ {MOST_GROWTH:.0%}",
            met=after <= before * (1 + MOST_GROWTH),
            peak_mb=after - before,
            note=f"from {few:,} to {many:,} places: {after / before - 1:+.0%}",
        )


def history(bench: Bench) -> Iterator[Result]:
    """A year of hourly air quality for 60 places."""
    places, days = bench.size(60, 6), bench.size(365, 60)
    work = Workload("air_pollution", places, days)
    for destination in bench.destinations:
        with bench.new_folder() as folder, simulator(folder) as api:
            yield bench.compare(f"history {places} x {days} d", work, api, destination)


def latency(bench: Bench) -> Iterator[Result]:
    """Current weather of 500 places where every answer takes 50 ms."""
    places = bench.size(500, 100)
    for destination in bench.destinations:
        with bench.new_folder() as folder, simulator(folder, latency_ms=50) as api:
            yield bench.compare(f"latency {places}", Workload("current_weather", places), api, destination)


CASES: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "start": start,
    "current": current,
    "history": history,
    "latency": latency,
    "rate": rate,
}

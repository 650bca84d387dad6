"""The cases, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from tests.benchmarks.again import again
from tests.benchmarks.bench import MOST_MB, Bench, against, in_turns
from tests.benchmarks.dagster import dagster
from tests.benchmarks.grown import grown
from tests.benchmarks.plain_dlt import plain_dlt
from tests.benchmarks.processes import measure
from tests.benchmarks.rate import rate
from tests.benchmarks.results import Result
from tests.benchmarks.shards import shards
from tests.benchmarks.simulated import simulator
from tests.benchmarks.workload import LOAD, Workload, five_places

MOST_TIMES_BARE = 1.6
MOST_GROWTH = 0.20
MOST_TIMES_DLT = 1.15
STATE_BYTES = 64_000
LEAST_ROWS_PER_SECOND = {"duckdb": 100_000, "postgres": 70_000}


def start(bench: Bench) -> Iterator[Result]:
    """A warm load of five places, all default resources, against dlt alone with five rows."""
    for destination in bench.destinations:
        bench.say(f"start, {destination}")
        with (
            bench.new_folder() as ours,
            bench.new_folder() as bare,
            bench.new_folder() as alike,
            simulator(ours) as api,
        ):
            load = [*LOAD, "--destination", destination]
            worker = ["tests.benchmarks.bare_worker", destination]
            settings = five_places(api) | bench.make_database(destination, ours).environment
            load_now, bare_now, alike_now = in_turns(
                bench,
                partial(measure, load, ours, settings),
                partial(measure, worker, bare, bench.make_database(destination, bare).environment),
                partial(
                    measure, [*worker, "like-the-product"], alike, bench.make_database(destination, alike).environment
                ),
            )
        yield against(
            "start",
            times=MOST_TIMES_BARE,
            than="bare dlt",
            ours=load_now,
            floor=bare_now,
            destination=destination,
            note=f"dlt with the same libraries and as many tables: {alike_now.seconds:.2f} s, "
            f"{alike_now.seconds / bare_now.seconds:.2f} x bare dlt",
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


def forecast(bench: Bench) -> Iterator[Result]:
    """The forecast of 2,000 places: 80,000 rows, and 2,000 answers kept word for word."""
    places = bench.size(2_000, 200)
    for destination in bench.destinations:
        with bench.new_folder() as folder, simulator(folder) as api:
            yield bench.compare(f"forecast {places:,}", Workload("forecast", places), api, destination)


def history(bench: Bench) -> Iterator[Result]:
    """A year of hourly air quality for 100 places."""
    places, days = bench.size(100, 10), bench.size(365, 60)
    work = Workload("air_pollution", places, days)
    for destination in bench.destinations:
        with bench.new_folder() as folder, simulator(folder) as api:
            result = bench.compare(f"history {places} x {days} d", work, api, destination)
        least = LEAST_ROWS_PER_SECOND[destination]
        fast = (result.rows_per_second or 0) >= least and (result.peak_mb or 0) < MOST_MB
        yield replace(result, goal=f"{result.goal}; or ≥ {least:,} rows/s", met=result.met or fast)


def weather_history(bench: Bench) -> Iterator[Result]:
    """Years of hourly weather in answers of 20 rows each: 10 places of a year, and of five years."""
    places = bench.size(10, 5)
    for days in (bench.size(365, 30), bench.size(1825, 60)):
        work = Workload("weather_history", places, days)
        for destination in bench.destinations:
            with bench.new_folder() as folder, simulator(folder, cache_mb=512) as api:
                yield bench.compare(f"weather history {places} x {days} d", work, api, destination)


def rows_by_dlt(bench: Bench) -> Iterator[Result]:
    """What plain dlt takes for the same rows, between the floor and the product: no goal, but none can be below it."""
    works = [
        Workload("current_weather", bench.size(20_000, 2_000)),
        Workload("forecast", bench.size(2_000, 200)),
        Workload("weather_history", bench.size(10, 5), bench.size(365, 30)),
    ]
    for destination in bench.destinations:
        for work in works:
            with bench.new_folder() as folder, simulator(folder, cache_mb=512) as api:
                bench.floor(work, api, None)
                processes = (bench.floor, bench.plain_dlt, bench.product)
                floor, plain, ours = in_turns(bench, *(partial(one, work, api, destination) for one in processes))
            yield Result(
                f"rows by dlt, {work.resource}",
                destination,
                rows=work.rows,
                seconds=ours.seconds,
                floor_seconds=floor.seconds,
                cpu_seconds=ours.cpu_seconds,
                floor_cpu_seconds=floor.cpu_seconds,
                peak_mb=ours.peak_mb,
                note=f"plain dlt: {plain.seconds:.2f} s, {plain.cpu_seconds:.2f} s of CPU, {plain.peak_mb:.0f} MB",
            )


def scale(bench: Bench) -> Iterator[Result]:
    """Current weather of 20,000 and of 200,000 places: it comes to its end, in the same memory."""
    few, many = bench.size(20_000, 2_000), bench.size(200_000, 4_000)
    for destination in bench.destinations:
        with bench.new_folder() as folder, simulator(folder) as api:
            before, after = (
                bench.product(Workload("current_weather", places), api, destination) for places in (few, many)
            )
        yield Result(
            f"scale {many:,}",
            destination,
            goal=f"< {MOST_MB} MB, ≤ {MOST_GROWTH:.0%} more than for {few:,} places; state < 64 KB",
            met=after.peak_mb < min(MOST_MB, before.peak_mb * (1 + MOST_GROWTH))
            and after.said["state_bytes"] < STATE_BYTES,
            rows=many,
            seconds=after.seconds,
            cpu_seconds=after.cpu_seconds,
            peak_mb=after.peak_mb,
            note=f"{few:,}: {before.peak_mb:.0f} MB; state {after.said['state_bytes']:,} bytes",
        )


def imports(bench: Bench) -> Iterator[Result]:
    """Importing the source against importing dlt, which it needs."""
    with bench.new_folder() as folder:
        ours, floor = in_turns(
            bench,
            lambda: measure(["tests.benchmarks.import_worker", "dlt_sources.weather"], folder),
            lambda: measure(["tests.benchmarks.import_worker", "dlt"], folder),
        )
    yield against("imports", times=MOST_TIMES_DLT, than="import dlt", ours=ours, floor=floor)


def latency(bench: Bench) -> Iterator[Result]:
    """Current weather of 500 places where every answer takes 50 ms."""
    places = bench.size(500, 100)
    for destination in bench.destinations:
        with bench.new_folder() as folder, simulator(folder, latency_ms=50) as api:
            yield bench.compare(f"latency {places}", Workload("current_weather", places), api, destination)


CASES: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "start": start,
    "plain_dlt": plain_dlt,
    "current": current,
    "forecast": forecast,
    "history": history,
    "weather_history": weather_history,
    "latency": latency,
    "rows_by_dlt": rows_by_dlt,
    "scale": scale,
    "again": again,
    "grown": grown,
    "rate": rate,
    "shards": shards,
    "imports": imports,
    "dagster": dagster,
}

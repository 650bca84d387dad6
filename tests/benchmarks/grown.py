"""Commands and checks on tables of three years, which must take no longer than on those of a day."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from tests.benchmarks.bench import MOST_MB, Bench
from tests.benchmarks.processes import measure
from tests.benchmarks.results import Result
from tests.benchmarks.simulated import KEY, simulator
from tests.benchmarks.workload import LOAD

MOST_SECONDS = 3.0
MOST_TIMES = 1.3
# of one query of a check, report or sensor, so that none holds Dagster's pool
MOST_SECONDS_OF_CHECK = 3.0


def grown(bench: Bench) -> Iterator[Result]:
    """A load, commands that read, checks and a part of a replay, after three years of hourly loads of five places."""
    months = bench.size(36, 1)
    for destination in bench.destinations:
        with bench.new_folder() as folder, simulator(folder) as api:
            settings = bench.make_database(destination, folder).environment
            settings |= {"SOURCES__WEATHER__BASE_URL": api.url, "SOURCES__WEATHER__API_KEY": KEY}
            load = [*LOAD, "--destination", destination]
            bench.say(f"grown, {destination}: loading")
            measure(load, folder, settings)
            before = measure(load, folder, settings)
            bench.say(f"grown, {destination}: growing the tables by {months} months")
            measure(["tests.soak.grow", "--destination", destination, "--months", str(months)], folder, settings)
            after = measure(load, folder, settings)
            status = measure(["dlt_sources.weather", "status", "--destination", destination], folder, settings)
            worker = ["tests.benchmarks.grown_worker", destination]
            plan, rehearsal = (
                measure(["dlt_sources.weather", *command, "--destination", destination], folder, settings)
                for command in (["plan"], ["prune", "--dry-run"])
            )
            first = measure([*worker, "first-checks"], folder, settings)
            checks = measure([*worker, "checks"], folder, settings)
            replay = measure([*worker, "replay"], folder, settings)
        name = f"grown {months} months"
        yield Result(
            f"{name}, load",
            destination,
            goal=f"≤ {MOST_TIMES} x a new dataset's = {MOST_TIMES * before.seconds:.1f} s",
            met=after.seconds <= MOST_TIMES * before.seconds,
            seconds=after.seconds,
            floor_seconds=before.seconds,
            cpu_seconds=after.cpu_seconds,
            floor_cpu_seconds=before.cpu_seconds,
            peak_mb=after.peak_mb,
        )
        # the latter two read every row
        for what, measured, most in (
            ("status", status, MOST_SECONDS),
            ("plan", plan, MOST_SECONDS),
            ("prune --dry-run", rehearsal, inf),
            ("first checks", first, inf),
        ):
            yield Result(
                f"{name}, {what}",
                destination,
                goal=f"≤ {most:g} s, ≤ {MOST_MB} MB" if most < inf else f"≤ {MOST_MB} MB",
                met=measured.seconds <= most and measured.peak_mb <= MOST_MB,
                seconds=measured.seconds,
                cpu_seconds=measured.cpu_seconds,
                peak_mb=measured.peak_mb,
            )
        slowest, seconds = checks.said["slowest"]
        yield Result(
            f"{name}, checks",
            destination,
            goal=f"each ≤ {MOST_SECONDS_OF_CHECK:g} s, ≤ {MOST_MB} MB",
            met=seconds <= MOST_SECONDS_OF_CHECK and checks.peak_mb <= MOST_MB,
            seconds=checks.said["seconds"],
            cpu_seconds=checks.cpu_seconds,
            peak_mb=checks.peak_mb,
            note=f"{checks.said['number']} checks and reports; the slowest: {slowest}, {seconds:.1f} s",
        )
        yield Result(
            f"{name}, replay of a part",
            destination,
            goal=f"≤ {MOST_MB} MB",
            met=replay.peak_mb <= MOST_MB,
            rows=replay.said["rows"],
            seconds=replay.seconds,
            cpu_seconds=replay.cpu_seconds,
            peak_mb=replay.peak_mb,
            note=f"{replay.said['answers']:,} of {replay.said['of']:,} answers of the forecast",
        )

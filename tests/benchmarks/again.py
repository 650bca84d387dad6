"""A load when everything is there already: what it asks, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.benchmarks.bench import Bench
from tests.benchmarks.processes import measure
from tests.benchmarks.results import Result
from tests.benchmarks.simulated import simulator
from tests.benchmarks.workload import Workload

DAYS = 2


def again(bench: Bench) -> Iterator[Result]:
    """A second load of 20,000 places whose history is up to date: it asks nothing, and writes no row anew."""
    work = Workload("air_pollution", bench.size(20_000, 1_000), DAYS)
    for destination in bench.destinations:
        bench.say(f"again, {destination}")
        with bench.new_folder() as folder, simulator(folder) as api:
            environment = bench.make_database(destination, folder).environment
            # the hourly load names no range: it goes on from what is there, which ends with the hour
            settings = work.settings(api.url, work.write_places(folder)) | {"history_days": DAYS}
            del settings["since"], settings["until"]
            command = ["tests.benchmarks.product_worker", destination, json.dumps(settings)]
            first, second = (measure(command, folder, environment) for _ in range(2))
        yield Result(
            f"again {work.places:,}",
            destination,
            goal="0 calls, 0 rows",
            met=second.said["calls"] == 0 and second.said["rows"]["air_pollution"] == 0,
            seconds=second.seconds,
            cpu_seconds=second.cpu_seconds,
            peak_mb=second.peak_mb,
            note=f"{second.said['calls']} calls; the first: {first.said['calls']:,}, {first.seconds:.1f} s",
        )

"""A load of five places against plain dlt that asks the same endpoints, by processor time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.bench import Bench, in_turns
from tests.benchmarks.processes import Measured, measure
from tests.benchmarks.results import Result
from tests.benchmarks.simulated import Api, simulator
from tests.benchmarks.workload import LOAD, five_places

MOST_TIMES_AGAIN = 1.3
MOST_TIMES_FIRST = 1.5


def plain_dlt(bench: Bench) -> Iterator[Result]:
    """A load with nothing new to create, and a first load, against dlt's ``rest_api`` source and default loader."""
    for destination in bench.destinations:
        bench.say(f"plain dlt, {destination}")
        with bench.new_folder() as ours, bench.new_folder() as plain, simulator(ours) as api:
            again, plain_again, first, plain_first = in_turns(
                bench,
                _product(bench, api, destination, ours),
                _rest_api(bench, api, destination, plain),
                partial(_anew, bench, api, destination, plain=False),
                partial(_anew, bench, api, destination, plain=True),
            )
        yield _compared("plain dlt, again", destination, MOST_TIMES_AGAIN, again, plain_again)
        yield _compared("plain dlt, first", destination, MOST_TIMES_FIRST, first, plain_first)


def _product(bench: Bench, api: Api, destination: str, folder: Path) -> partial[Measured]:
    settings = five_places(api) | bench.make_database(destination, folder).environment
    return partial(measure, [*LOAD, "--destination", destination], folder, settings)


def _rest_api(bench: Bench, api: Api, destination: str, folder: Path) -> partial[Measured]:
    worker = ["tests.benchmarks.rest_api_worker", destination, api.url]
    return partial(measure, worker, folder, bench.make_database(destination, folder).environment)


def _anew(bench: Bench, api: Api, destination: str, *, plain: bool) -> Measured:
    with bench.new_folder() as folder:
        return (_rest_api if plain else _product)(bench, api, destination, folder)()


def _compared(case: str, destination: str, times: float, ours: Measured, floor: Measured) -> Result:
    return Result(
        case,
        destination,
        goal=f"≤ {times:g} x plain dlt's processor time = {times * floor.cpu_seconds:.2f} s",
        met=ours.cpu_seconds <= times * floor.cpu_seconds,
        seconds=ours.seconds,
        floor_seconds=floor.seconds,
        cpu_seconds=ours.cpu_seconds,
        floor_cpu_seconds=floor.cpu_seconds,
        peak_mb=ours.peak_mb,
        note=f"{ours.cpu_seconds / floor.cpu_seconds:.2f} x its processor time",
    )

"""What every case needs: folders, databases, repeats; and the comparison of a load with its floor."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks.destinations import MakeDatabase
from tests.benchmarks.processes import Measured, measure
from tests.benchmarks.results import Result
from tests.benchmarks.simulated import Api, simulator
from tests.benchmarks.workload import CONCURRENCY, Workload

MOST_TIMES, PLUS_SECONDS, MOST_MB = 1.5, 3.0, 500


@dataclass
class Bench:
    """Where and how measurements are made.

    Args:
        folder: a temporary folder.
        destinations: which to load into.
        make_database: makes an empty database.
        repeats: how often product and floor take turns.
        small: whether sizes are a tenth or so.
        say: told what is going on.
    """

    folder: Path
    destinations: tuple[str, ...]
    make_database: MakeDatabase
    repeats: int
    small: bool
    say: Callable[[str], None]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def size(self, full: int, small: int) -> int:
        """The size to measure."""
        return small if self.small else full

    @contextmanager
    def new_folder(self) -> Iterator[Path]:
        """An empty folder, removed in the end."""
        folder = self.folder / f"run{next(self._numbers)}"
        folder.mkdir()
        yield folder
        shutil.rmtree(folder)

    def product(self, work: Workload, api: Api, destination: str) -> Measured:
        """Load with the product into an empty database.

        Raises:
            RuntimeError: other rows arrived than were asked for.
        """
        with self.new_folder() as folder:
            database = self.make_database(destination, folder)
            settings = work.settings(api.url, work.write_places(folder))
            measured = measure(
                ["tests.benchmarks.product_worker", destination, json.dumps(settings)], folder, database.environment
            )
        if measured.said["rows"][work.resource] != work.rows or measured.said["rejected"]:
            raise RuntimeError(f"{work.rows} rows were to arrive, but the product said {measured.said}")
        return measured

    def floor(self, work: Workload, api: Api, destination: str | None) -> Measured:
        """Do the least for the same rows; without a destination, fetch only.

        Raises:
            RuntimeError: other rows arrived than were asked for.
        """
        with self.new_folder() as folder:
            urls = folder / "urls"
            urls.write_text("\n".join(work.urls(api.url)))
            command = ["tests.benchmarks.floor_worker", str(urls), str(CONCURRENCY)]
            if destination:
                database = self.make_database(destination, folder)
                command += [destination, database.credentials]
            measured = measure(command, folder)
        if destination and measured.said["rows"] != work.rows:
            raise RuntimeError(f"{work.rows} rows were to arrive, but the floor said {measured.said}")
        return measured

    def plain_dlt(self, work: Workload, api: Api, destination: str) -> Measured:
        """Load the floor's rows with plain dlt into an empty database."""
        with self.new_folder() as folder:
            urls = folder / "urls"
            urls.write_text("\n".join(work.urls(api.url)))
            key = ["location_id"] if work.resource == "current_weather" else ["location_id", "dt"]
            command = ["tests.benchmarks.dlt_worker", str(urls), str(CONCURRENCY), destination, *key]
            return measure(command, folder, self.make_database(destination, folder).environment)

    def warm_up(self) -> None:
        """Load one place into each destination, so that every module is compiled before anything is measured."""
        work = Workload("current_weather", 1)
        with self.new_folder() as folder, simulator(folder) as api:
            for destination in self.destinations:
                self.floor(work, api, destination)
                self.product(work, api, destination)

    def compare(self, case: str, work: Workload, api: Api, destination: str) -> Result:
        """Measure product and floor in turns, against a simulator that has computed every answer before."""
        self.say(f"{case}, {destination}: warming up")
        self.floor(work, api, None)
        floors, products = [], []
        for turn in range(self.repeats):
            self.say(f"{case}, {destination}: {turn + 1} of {self.repeats}")
            floors.append(self.floor(work, api, destination))
            products.append(self.product(work, api, destination))
        seconds = median(measured.seconds for measured in products)
        floor_seconds = median(measured.seconds for measured in floors)
        peak = max(measured.peak_mb for measured in products)
        allowed = MOST_TIMES * floor_seconds + PLUS_SECONDS
        return Result(
            case,
            destination,
            goal=f"≤ {MOST_TIMES} x floor + {PLUS_SECONDS:g} s = {allowed:.1f} s, < {MOST_MB} MB",
            met=seconds <= allowed and peak < MOST_MB,
            rows=work.rows,
            seconds=seconds,
            floor_seconds=floor_seconds,
            cpu_seconds=median(measured.cpu_seconds for measured in products),
            floor_cpu_seconds=median(measured.cpu_seconds for measured in floors),
            peak_mb=peak,
        )


def in_turns(bench: Bench, *processes: Callable[[], Measured]) -> list[Measured]:
    """Measure processes in turns, once more than is counted; the medians of each."""
    turns = [[process() for process in processes] for _ in range(bench.repeats + 1)][1:]
    return [_median(measured) for measured in zip(*turns, strict=True)]


def against(
    case: str, *, times: float, than: str, ours: Measured, floor: Measured, destination: str = "", note: str = ""
) -> Result:
    """The line of a case whose goal is a multiple of something else's time."""
    return Result(
        case,
        destination,
        goal=f"≤ {times:g} x {than} = {times * floor.seconds:.1f} s",
        met=ours.seconds <= times * floor.seconds,
        seconds=ours.seconds,
        floor_seconds=floor.seconds,
        cpu_seconds=ours.cpu_seconds,
        floor_cpu_seconds=floor.cpu_seconds,
        peak_mb=ours.peak_mb,
        note=note,
    )


def _median(measured: Sequence[Measured]) -> Measured:
    return Measured(
        median(one.seconds for one in measured),
        median(one.cpu_seconds for one in measured),
        max(one.peak_mb for one in measured),
        measured[-1].said,
    )

"""Where the rounds of a scenario happen: an empty target, the simulated API, a clock, a seeded choice of what happens.

Every round has a generator of random numbers of its own, made from the seed, the scenario, the destination and the
round's number; so a round can be repeated alone.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from multiprocessing.process import BaseProcess
from pathlib import Path

from dlt_sources.openweather_simulator import Rules, Simulator
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.writer import Report
from tests.chaos.rounds.accounts import examine, left_behind, set_aside
from tests.chaos.rounds.recorder import Recorder
from tests.chaos.rounds.results import Findings
from tests.helpers.clock import SENTINEL_KEY, Clock
from tests.helpers.postgres import PostgresServer
from tests.helpers.processes import start_worker

MADRID, OSLO = "40.4168,-3.7038", "59.9139,10.7522"
HISTORY = timedelta(days=1)
# far beyond every load here: a process that takes longer hangs
LONGEST_SECONDS = 120


@dataclass
class World:
    """What all rounds share.

    Args:
        folder: a temporary folder.
        server: the PostgreSQL server; None where only DuckDB is wanted.
        simulator: the API.
        api: its URL.
        seed: the seed of everything random.
        long: whether there is time for many rounds.
        say: told what is going on.
    """

    folder: Path
    server: PostgresServer | None
    simulator: Simulator
    api: str
    seed: int
    long: bool
    say: Callable[[str], None]
    # what a scenario started for itself
    at_the_end: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def round(self, scenario: str, destination: str, number: int) -> Iterator[Round]:
        """An empty target and a healthy API, in a folder and an environment of the round's own."""
        folder = self.folder / f"{scenario}-{destination}-{number}"
        folder.mkdir()
        before, environment = Path.cwd(), dict(os.environ)
        chosen = random.Random(f"{self.seed} {scenario} {destination} {number}")
        os.environ["DLT_DATA_DIR"] = str(folder / "dlt")
        os.environ["DESTINATION__DUCKDB__CREDENTIALS"] = str(folder / "weather.duckdb")
        database = f"chaos_{folder.name}".replace("-", "_")
        if destination == "postgres":
            assert self.server is not None
            os.environ["DESTINATION__POSTGRES__CREDENTIALS"] = self.server.create_database(database)
        os.chdir(folder)
        _restore(self.simulator)
        try:
            yield Round(self, destination, chosen, folder)
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)
            time.tzset()
            shutil.rmtree(folder, ignore_errors=True)
            if destination == "postgres":
                self.server.drop_database(database)


def _restore(simulator: Simulator) -> None:
    """Leave nothing of the round before."""
    simulator.reset()
    simulator.clock, simulator.monotonic = time.time, time.monotonic
    simulator.latency, simulator.calls_per_minute, simulator.limits = 0.0, None, {}
    simulator.one_call_keys, simulator.one_call_version = frozenset(), 3
    simulator.rules, simulator.failed_calls_counted = Rules(), True


class Round:
    """One round: what it does to loads, and what it found.

    The clock stands at a random moment and moves only when told to; ``use_real_time`` sets it going, for programs
    that have no other clock.
    """

    def __init__(self, world: World, destination: str, chosen: random.Random, folder: Path) -> None:
        self.world = world
        self.destination = destination
        self.random = chosen
        self.folder = folder
        self.found = Findings()
        self.target = Target(destination)
        self.clock = Clock(
            datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=chosen.randrange(3 * 365 * 24 * 60))
        )
        self.simulator = world.simulator
        self.simulator.clock = lambda: self.clock().timestamp()
        # moments of loads whose current weather must be in the table
        self.observed: list[datetime] = []
        self.recorder = Recorder(self.simulator)

    def use_real_time(self) -> None:
        """Have the API's clock and the round's go with the machine's."""
        self.simulator.clock = time.time
        self.clock = Now()

    def settings(self, **given: object) -> dict[str, object]:
        """Settings of a small load in two packages: two places, their current weather, a day of hours in 2 windows."""
        defaults: dict[str, object] = {
            "base_url": self.world.api,
            "api_key": SENTINEL_KEY,
            "locations": [MADRID, OSLO],
            "resources": ["locations", "current_weather", "air_pollution"],
            "calls_per_minute": 30_000,
            "attempts": 3,
            "backoff_seconds": 0.01,
            "rate_limit_backoff_seconds": 0.05,
            "rate_limit_patience_seconds": 0.5,
            "timeout_seconds": 5.0,
            "lock_wait_seconds": 60.0,
            "history_days": HISTORY.days,
            "history_days_per_call": 1,
            "chunk_rows": 40,
        }
        return defaults | given

    def slow_settings(self, **given: object) -> dict[str, object]:
        """Settings of a load that asks for some seconds, nothing but what cannot be asked for again."""
        self.simulator.latency = self.random.uniform(0.1, 0.4)
        locations = [f"{number}.5000,{number}.2500" for number in range(self.random.randint(20, 60))]
        resources = ["locations", "current_weather", "forecast", "air_pollution_forecast"]
        # 12 calls at once
        return {"locations": locations, "resources": resources, "calls_per_minute": 1800} | given

    def load(self, *, target: Target | None = None, **given: object) -> Report:
        """Load in this process; the run's sums are checked by the loader itself and, in the tables, at the end."""
        moment = self.clock()
        report = load(target or self.target, load_settings(**self.settings(**given)), now=lambda: moment)
        if report.error is None:
            self.observed.append(moment)
        return report

    def load_or_error(self, **given: object) -> WeatherError | None:
        """Load, and return the error that a user would be shown; any other exception is an error in the loader."""
        try:
            return self.load(**given).error
        except WeatherError as error:
            return error

    def start(self, point: str = "end", *, window_seconds: float | None = None, **given: object) -> BaseProcess:
        """Start a load in a process of its own, which dies at a point of its work (see ``load_worker``)."""
        return start_worker(self.target, point, self.settings(**given), self.clock(), window_seconds)

    def end_of(self, worker: BaseProcess, *codes: int) -> int:
        """Wait for a load in a process of its own; any exit code but these is a problem."""
        worker.join(LONGEST_SECONDS)
        if worker.exitcode is None:
            worker.kill()
            worker.join()
            self.found.problems.append(f"a load hung for {LONGEST_SECONDS} s")
            return -1
        if worker.exitcode == -signal.SIGKILL:
            self.recorder.interrupted(time.time())
        if worker.exitcode not in codes:
            self.found.problems.append(f"a load ended with {worker.exitcode}")
        return worker.exitcode

    def kill(self, worker: BaseProcess) -> int:
        """Kill a load in a process of its own; answers that were under way then are not expected in the tables."""
        worker.kill()
        return self.end_of(worker, 0, -signal.SIGKILL)

    def wait_for_calls(self, number: int, alive: Callable[[], bool]) -> None:
        """Wait until the API has been called so many times, or the caller is no more."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while self.simulator.stats.calls < number and alive() and time.monotonic() < deadline:
            time.sleep(0.005)

    def pass_time(self) -> None:
        """Let some time go by, from minutes to a few hours."""
        self.clock.pass_time(minutes=self.random.choice([10, 30, 60, 60, 60, 200]))

    def finish(self, *, places: list[str] | None = None, **given: object) -> None:
        """Load once more undisturbed, then hold the tables to account."""
        if error := self.load(**given).error:
            self.found.problems.append(f"the last load, undisturbed, ended with an error: {error}")
        self.examine(places=places)

    def finish_recorded(self, *, may_miss: int = 0, **given: object) -> None:
        """Load once more undisturbed, then look in the tables for all that the API answered.

        Args:
            may_miss: how many answers were taken away on purpose.
            given: settings.
        """
        if error := self.load(**given).error:
            self.found.problems.append(f"the last load, undisturbed, ended with an error: {error}")
        self.examine_answers(may_miss=may_miss)
        self.examine(places=[])

    def examine_answers(self, *, may_miss: int = 0) -> None:
        """Look in the tables for all that the API answered.

        Args:
            may_miss: how many answers were taken away on purpose.
        """
        with Target(self.destination).reader() as tables:
            self.recorder.hold_to_account(tables, self.found, may_miss=may_miss)

    def examine(self, places: list[str] | None = None) -> None:
        """Hold the tables to account; nothing may be left behind or set aside."""
        listed = [MADRID, OSLO] if places is None else places
        examine(self.target, self.found, listed, until=self.clock(), history=HISTORY, observed=self.observed)
        if left := left_behind(self.target):
            self.found.problems.append(f"packages left behind: {', '.join(left)}")
        if aside := set_aside(self.target):
            self.found.problems.append(f"packages set aside: {', '.join(aside)}")


class Now(Clock):
    """The machine's clock."""

    def __init__(self) -> None:
        super().__init__(datetime.now(timezone.utc))

    def __call__(self) -> datetime:
        """Return the present moment."""
        return datetime.now(timezone.utc)

    def pass_time(self, **delta: float) -> None:
        """Refuse: real time cannot be moved."""
        raise TypeError(f"real time cannot pass by {delta}")

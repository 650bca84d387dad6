"""SIGKILL at random moments of a load, in each of its phases: the next load completes the tables."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tests.benchmarks.processes import PROJECT
from tests.chaos.rounds.world import LONGEST_SECONDS, MADRID, OSLO, Round
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.processes import start

# the worker's steps by phase, and how often a small load takes each
PHASES = {
    "extract": {"ask": 6, "convert": 5, "extract": 2},
    "normalize": {"normalize": 2, "commit-package": 2},
    "load": {
        "load": 2,
        "update-schema": 2,
        "start-job": 10,
        "complete-job": 10,
        "complete-package": 2,
        "check-accounts": 1,
    },
}
RECOVERY = (
    "extract:1",
    "normalize:1",
    "load:1",
    "update-schema:1",
    "complete-job:1",
    "complete-package:1",
    "after-load:1",
)
SECONDS = {"extract": 0.05, "normalize": 0.1, "load": 0.3}


def extracting(round_: Round) -> None:
    """Kill while it asks and converts."""
    _kill(round_, "extract")


def answering(round_: Round) -> None:
    """Kill while answers arrive that cannot be asked for again, or while they are recovered: all are in the tables."""
    given = round_.slow_settings()
    for turn in range(round_.random.randint(1, 4)):
        calls = round_.simulator.stats.calls
        # with what the kill before has left, these are steps of its recovery
        point = round_.random.choice(RECOVERY) if turn and round_.random.random() < 0.5 else "end"
        worker = round_.start(point, **given)
        if point == "end":
            round_.wait_for_calls(calls + round_.random.randint(1, 3 * len(given["locations"])), worker.is_alive)
            time.sleep(round_.random.uniform(0.0, 1.0))
            round_.kill(worker)
        else:
            round_.end_of(worker, 0, -signal.SIGKILL)
        round_.found.note("killed" if worker.exitcode else "ended before")
        round_.pass_time()
    round_.simulator.latency = 0.0
    round_.finish_recorded(**given)


def inherited(round_: Round) -> None:
    """Kill while answers arrive, then start several loads at once: one of them recovers what came, once."""
    given = round_.slow_settings()
    for _ in range(round_.random.randint(1, 2)):
        calls = round_.simulator.stats.calls
        worker = round_.start(**given)
        round_.wait_for_calls(calls + round_.random.randint(10, 60), worker.is_alive)
        round_.kill(worker)
        round_.pass_time()
    round_.simulator.latency = 0.0
    heirs = [round_.start(**given) for _ in range(round_.random.randint(2, 4))]
    for heir in heirs:
        round_.end_of(heir, 0)
    round_.found.note("loads at once", len(heirs))
    round_.pass_time()
    round_.finish_recorded(**given)


def normalizing(round_: Round) -> None:
    """Kill while dlt normalizes a package."""
    _kill(round_, "normalize")


def loading(round_: Round) -> None:
    """Kill while dlt writes a package to the destination."""
    _kill(round_, "load")


def _kill(round_: Round, phase: str) -> None:
    """Kill up to three loads, one after the other, each of which has the one before it to finish first."""
    for turn in range(round_.random.randint(1, 3)):
        point = _point(round_.random, phase)
        code = round_.end_of(round_.start(point), 0, -signal.SIGKILL)
        round_.found.note("killed" if code else "ended before")
        # the first load has nothing to finish: its package is on the disk once it is normalized
        if code == 0 or (turn == 0 and phase != "extract"):
            round_.observed.append(round_.clock())
        round_.pass_time()
    round_.finish()
    round_.examine_answers()


def _point(chosen: random.Random, phase: str) -> str:
    step = chosen.choice(list(PHASES[phase]))
    point = f"{step}:{chosen.randint(1, PHASES[phase][step])}"
    how = chosen.choice(["before", "after", "within"])
    if how == "within":
        return f"{point}+{chosen.uniform(0.001, SECONDS[phase]):.3f}"
    return f"after-{point}" if how == "after" else point


def command_line(round_: Round) -> None:
    """Kill the command line as a user starts it, somewhere between its first call and its end."""
    given = {
        f"SOURCES__WEATHER__{name.upper()}": str(value)
        for name, value in round_.settings().items()
        if isinstance(value, int | float)
    }
    places = [option for place in (MADRID, OSLO) for option in ("--location", place)]
    resources = "locations,current_weather,air_pollution"

    def begin() -> subprocess.Popen[str]:
        return start(
            "--destination", round_.destination, *places, "--resources", resources, api=round_.world.api, **given
        )

    _kill_program(round_, begin)


def dagster(round_: Round) -> None:
    """Kill a materialization as Dagster's command line starts it."""
    assets = ",".join(f"bronze/{name}" for name in ("locations", "current_weather", "air_pollution"))
    command = ["dagster", "asset", "materialize", "-m", "dagster_project.definitions", "--select", assets]
    environment = {
        "SOURCES__WEATHER__BASE_URL": round_.world.api,
        "SOURCES__WEATHER__API_KEY": SENTINEL_KEY,
        "SOURCES__WEATHER__LOCATIONS": f'["{MADRID}", "{OSLO}"]',
        "SOURCES__WEATHER__HISTORY_DAYS": "1",
        "SOURCES__WEATHER__HISTORY_DAYS_PER_CALL": "1",
        "SOURCES__WEATHER__CALLS_PER_MINUTE": "30000",
        "SOURCES__WEATHER__CHUNK_ROWS": "40",
        "WEATHER_DESTINATION": round_.destination,
        "PYTHONPATH": str(PROJECT),
        "PYTHONWARNINGS": "ignore",
    }
    _kill_program(round_, lambda: _program(round_, command, environment))


def _program(round_: Round, command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    with (round_.folder / "program.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )


def _kill_program(round_: Round, begin: Callable[[], subprocess.Popen[str]]) -> None:
    """Kill a program, twice if there is time, then load in this process; programs have no clock but the machine's."""
    round_.use_real_time()
    round_.simulator.latency = 0.03
    for _ in range(2 if round_.world.long else 1):
        round_.simulator.reset()
        _kill_once(round_, begin())
    round_.simulator.reset()
    round_.finish()


def _kill_once(round_: Round, process: subprocess.Popen[str]) -> None:
    try:
        round_.wait_for_calls(round_.random.randint(1, 6), lambda: process.poll() is None)
        process.wait(round_.random.uniform(0.0, 1.5))
    except subprocess.TimeoutExpired:
        round_.found.note("killed")
    else:
        round_.found.note(f"ended before, with {process.returncode}")
        if process.returncode:
            round_.found.problems.append(f"the program ended with {process.returncode}")
    finally:
        process.kill()
        process.communicate(timeout=LONGEST_SECONDS)

"""Ctrl-C and SIGTERM in each wait of a run: within seconds nothing more is asked, and what came is loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dlt_sources.openweather_simulator.service.faults import Fault
from tests.chaos.rounds.world import Round
from tests.helpers.command import settings_of
from tests.helpers.processes import start_worker

SECONDS_TO_HEAR = 5.0
# after the signal: calls end, the package is loaded, an interpreter ends, on a busy machine
SECONDS_TO_END = 30.0
INTERRUPTED = 130
CITIES = ("Madrid,ES", "Oslo,NO", "Paris,FR", "Rome,IT", "Berlin,DE", "Vienna,AT", "Lisbon,PT", "Dublin,IE")


def refused(round_: Round) -> None:
    """The API answers 429 and asks for a minute's pause."""
    round_.simulator.inject(Fault(path="/data/2.5/forecast", status=429, retry_after="60"))
    patience = {"SOURCES__WEATHER__RATE_LIMIT_PATIENCE_SECONDS": "600"}
    _interrupt(round_, lambda: bool(round_.simulator.stats.by_status[429]), **patience)


def limited(round_: Round) -> None:
    """The calls of the minute are spent."""
    _interrupt(round_, lambda: round_.simulator.stats.calls >= 10, SOURCES__WEATHER__CALLS_PER_MINUTE="10")


def stalled(round_: Round) -> None:
    """The API takes calls and does not answer."""
    round_.simulator.inject(Fault(path="/data/2.5/forecast", latency=60))
    _interrupt(round_, lambda: bool(round_.simulator.stats.by_path["/data/2.5/forecast"]))


def geocoding(round_: Round) -> None:
    """The geocoder takes calls and does not answer."""
    round_.simulator.inject(Fault(path="/geo", latency=60))
    _interrupt(round_, lambda: round_.simulator.stats.calls >= 1, cities=True)


def locked(round_: Round) -> None:
    """Another run writes."""
    Path("held").unlink(missing_ok=True)
    holder = start_worker(round_.target, "hold-lock", {}, round_.clock())
    try:
        _wait_until(Path("held").exists, holder.is_alive)
        _interrupt(round_, lambda: "waiting" in Path("log").read_text())
    finally:
        holder.kill()
        holder.join()


WAITS = (refused, limited, stalled, geocoding, locked)


def waiting(round_: Round) -> None:
    """Signals in every wait: a refusal, the rate limiter, a stalled server or geocoder, another writer."""
    round_.use_real_time()
    for wait in round_.random.sample(WAITS, 3):
        round_.simulator.reset()
        round_.found.note(wait.__name__)
        wait(round_)
    round_.simulator.reset()
    round_.examine_answers()
    round_.finish()


def _interrupt(round_: Round, is_waiting: Callable[[], bool], *, cities: bool = False, **environment: str) -> None:
    """Start the command line, send it a signal while it waits, and hold it to its promises."""
    locations = CITIES if cities else [f"{number}.5000,{number}.2500" for number in range(8)]
    options = [option for one in locations for option in ("--location", one)]
    name = round_.random.choice(["SIGINT", "SIGTERM"])
    with Path("log").open("w") as log:
        resources = ["--resources", "locations,current_weather,forecast"]
        weather = [sys.executable, "-m", "dlt_sources.weather", "--destination", round_.destination]
        process = subprocess.Popen(
            [*weather, *options, *resources],
            env=os.environ | settings_of(round_.world.api) | {"PYTHONWARNINGS": "ignore"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until(is_waiting, lambda: process.poll() is None)
        time.sleep(round_.random.uniform(0.2, 2.0))
        sent_at = time.monotonic()
        process.send_signal(signal.Signals[name])
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        round_.found.problems.append(f"{name}: still there after {SECONDS_TO_END:.0f} s")
    finally:
        process.kill()
        process.wait()
    said = Path("log").read_text()
    late = [one for one in round_.simulator.requests if one.received_at > sent_at + SECONDS_TO_HEAR]
    if process.returncode != INTERRUPTED or late or "Traceback" in said:
        round_.found.problems.append(f"{name}: {process.returncode}, {len(late)} calls after 5 s, said {said[-800:]}")


def _wait_until(true: Callable[[], bool], alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_TO_END
    while not true() and alive() and time.monotonic() < deadline:
        time.sleep(0.02)

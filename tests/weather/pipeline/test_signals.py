"""Loads that are interrupted: they finish the package, and the next ones complete the tables."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg2
import pytest
from filelock import FileLock

from dlt_sources.openweather_simulator import Fault, Simulator, serve
from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.responses import Request
from dlt_sources.weather.api.sending import waits
from dlt_sources.weather.common.interrupts import interruptible
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.load import load
from tests.helpers.clock import Clock
from tests.helpers.command import run
from tests.helpers.processes import finish, load_and_die, start
from tests.helpers.support import assert_accounted, count, load_accounted, query
from tests.weather.pipeline.accounts import (
    HISTORY,
    MADRID,
    PLACES,
    SMALL,
    assert_whole,
    current_weather_at,
    folders,
    hour,
)

pytestmark = pytest.mark.db


@pytest.mark.process
@pytest.mark.parametrize(("target", "name"), [("duckdb", "SIGINT"), ("postgres", "SIGTERM")], indirect=["target"])
def test_an_interrupted_command_loads_what_came_and_the_next_completes_it(target, settings, name):
    simulator = Simulator(latency=0.05)
    places = [f"{n},{n}" for n in range(20)]
    resources = ["locations", "current_weather", "air_pollution"]
    with serve(simulator) as api:
        options = [option for place in places for option in ("--location", place)]
        slow = {"SOURCES__WEATHER__CALLS_PER_MINUTE": "1200", "SOURCES__WEATHER__HISTORY_DAYS_PER_CALL": "1"}
        given = ["--destination", target.destination, "--resources", ",".join(resources)]
        process = start(*given, *options, api=api, **slow)
        deadline = time.monotonic() + 60
        while simulator.stats.by_path["/data/2.5/air_pollution/history"] < 30:
            assert process.poll() is None, finish(process).said
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.Signals[name])
        finished = finish(process)
        assert finished.code == 130, finished.said
        assert f"{name}: loading the rows fetched so far, then stopping" in finished.err
        assert "Interrupted." in finished.err
        assert "the next run continues from there" in finished.err
        assert "Traceback" not in finished.said
        # the summary says what was kept
        assert "air_pollution" in finished.out
        assert count(target, "current_weather") == len(places)
        came = count(target, "air_pollution")
        assert 0 < came < len(places) * (7 * 24 + 1)
        assert ("interrupted",) in query(target, "SELECT status FROM load_runs WHERE resource = 'air_pollution'")
        report = load(target, settings(base_url=api, locations=places, resources=resources))
        assert_accounted(target, report)
    gaps = query(
        target,
        "SELECT location_id FROM air_pollution GROUP BY location_id"
        " HAVING count(*) <> extract(epoch FROM max(dt) - min(dt)) / 3600 + 1 OR count(*) < 169",
    )
    assert gaps == []
    assert query(target, "SELECT count(DISTINCT location_id) FROM air_pollution") == [(len(places),)]


@contextmanager
def writes_wait(table: str) -> Iterator[None]:
    """Let every merge into a table of PostgreSQL wait until this ends."""
    with closing(psycopg2.connect(os.environ["DESTINATION__POSTGRES__CREDENTIALS"])) as other, other.cursor() as cursor:
        cursor.execute(f"LOCK TABLE bronze.{table} IN SHARE MODE")
        yield


def wait_for_a_merge(target: Target, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
    while not query(target, waiting)[0][0]:
        assert process.poll() is None, finish(process).said
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.process
@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_while_the_destination_writes_is_heard(postgres, settings, clock, signals, api):
    load_accounted(postgres, settings(**SMALL), clock)
    clock.pass_time(hours=1)
    options = ["--destination", "postgres", "--resources", "current_weather,air_pollution"]
    places = [option for place in PLACES for option in ("--location", place)]
    with writes_wait("current_weather"):
        process = start(*options, *places, api=api)
        wait_for_a_merge(postgres, process)
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(1)
    finished = finish(process)
    assert finished.code == 130, finished.said
    assert "SIGTERM: loading the rows fetched so far, then stopping" in finished.err
    assert "Interrupted." in finished.err
    assert "Traceback" not in finished.said
    assert len(folders(postgres)) == signals - 1, "the first lets the package be completed, the second leaves it"
    report = load_accounted(postgres, settings(**SMALL), clock)
    assert report.finished_before == signals - 1
    assert_whole(postgres, hour(clock()), since=hour(clock()) - HISTORY - timedelta(hours=1))


@pytest.mark.process
def test_a_signal_while_a_package_left_behind_is_loaded_is_no_try_of_it(postgres, settings, clock, api):
    load_accounted(postgres, settings(**SMALL), clock)
    clock.pass_time(hours=1)
    killed_at = clock()
    load_and_die(postgres, "load:1", dict(settings(**SMALL)), killed_at)
    with writes_wait("current_weather"):
        process = start("--destination", "postgres", "--location", MADRID, api=api)
        wait_for_a_merge(postgres, process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
    finished = finish(process)
    assert finished.code == 130, finished.said
    assert "Interrupted." in finished.err
    assert not list(postgres.root.glob("*/tries"))
    assert load_accounted(postgres, settings(**SMALL), clock).finished_before == 1
    assert current_weather_at(postgres, killed_at) == len(PLACES)


@contextmanager
def interrupted_load(
    target: Target, settings: WeatherSettings, clock: Clock, ready: Callable[[], bool]
) -> Iterator[list[float]]:
    """Load, and interrupt the run once a condition holds; yield the seconds that it went on for."""
    seconds: list[float] = []

    def interrupt_when_ready(run: Run) -> None:
        deadline = time.monotonic() + 30
        while not ready() and time.monotonic() < deadline:
            time.sleep(0.01)
        seconds.append(time.monotonic())
        run.interrupt()

    def on_start(run: Run) -> None:
        threading.Thread(target=interrupt_when_ready, args=(run,), daemon=True).start()

    report = load_accounted(target, settings, clock, on_start=on_start)
    assert report.interrupted
    seconds[0] = time.monotonic() - seconds[0]
    yield seconds


STALLED = {
    "calls are refused": Fault(path="/data/2.5/forecast", status=429, retry_after="600"),
    "nobody answers": Fault(path="/data/2.5/forecast", latency=60),
    "calls fail and are repeated": Fault(path="/data/2.5/forecast", status=503),
    "the geocoder is stalled": Fault(path="/geo/1.0/direct", latency=60),
    "the geocoder refuses": Fault(path="/geo/1.0/direct", status=429),
}


@pytest.mark.parametrize("trouble", STALLED)
def test_an_interrupted_run_asks_nothing_more_and_loads_what_came(  # noqa: PLR0917
    duckdb, settings, clock, simulator, monkeypatch, trouble
):
    monkeypatch.setattr(waits, "SECONDS_IN_FLIGHT", 0.3)
    fault = STALLED[trouble]
    simulator.inject(fault)
    places = [f"{n},{n}" for n in range(4)] + (["Madrid,ES"] if "geo" in fault.path else [])
    choice = settings(
        locations=places, resources=["current_weather", "forecast"], backoff_seconds=60, rate_limit_backoff_seconds=600
    )
    reached = lambda: simulator.stats.by_path[fault.path] >= min(4, len(places) % 4 or 4)  # noqa: E731
    with interrupted_load(duckdb, choice, clock, reached) as seconds:
        assert seconds[0] < 5
    calls = simulator.stats.calls
    assert count(duckdb, "current_weather") == (0 if "geo" in fault.path else 4)
    states = dict(query(duckdb, "SELECT resource, status FROM load_runs"))
    assert states["locations" if "geo" in fault.path else "forecast"] == "interrupted"
    assert states["current_weather"] == ("not_reached" if "geo" in fault.path else "ok")
    simulator.clear_faults()
    assert load_accounted(duckdb, settings(locations=places, resources=["forecast"]), clock).error is None
    assert simulator.stats.calls > calls


def test_calls_that_wait_for_the_limit_are_not_made_after_a_signal(duckdb, settings, clock, simulator):
    choice = settings(locations=[f"{n},{n}" for n in range(40)], resources=["current_weather"], calls_per_minute=10)
    with interrupted_load(duckdb, choice, clock, lambda: simulator.stats.calls >= 10) as seconds:
        assert seconds[0] < 5
    assert simulator.stats.calls == 10
    assert count(duckdb, "current_weather") == 10


def test_a_call_in_flight_when_the_signal_comes_may_end(duckdb, settings, clock, simulator):
    simulator.inject(Fault(path="/data/2.5/weather", latency=0.5))
    choice = settings(locations=["1,1", "2,2"], resources=["current_weather"])
    with interrupted_load(duckdb, choice, clock, lambda: simulator.stats.calls >= 2):
        pass
    assert count(duckdb, "current_weather") == 2


def test_a_signal_that_comes_twice_at_once_counts_once_and_the_next_acts():
    heard = []

    def hear(name: str) -> bool:
        heard.append(name)
        return True

    def second() -> None:
        with interruptible(hear):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard == ["SIGTERM"]
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        second()
    assert signal.getsignal(signal.SIGTERM) is before
    assert heard == ["SIGTERM"]


def test_a_wait_for_longer_than_five_seconds_is_said_once(settings, clock, simulator, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(waits, "SECONDS_UNTIL_SAID", 0.1)
    monkeypatch.setattr(waits, "SECONDS_BETWEEN_LOOKS", 0.05)
    simulator.inject(Fault(latency=0.4, times=4))
    with Client(settings(calls_per_minute=5), clock) as client:
        requests = (Request("current_weather", "/data/2.5/weather", {"lat": f"{n}", "lon": "1"}) for n in range(9))
        threading.Timer(1.5, client.interrupt).start()
        assert len(list(client.fetch_all(requests))) == 5
    slow = [record.getMessage() for record in caplog.records if "slow to answer" in record.getMessage()]
    limited = [record.getMessage() for record in caplog.records if "5 calls a minute" in record.getMessage()]
    assert len(slow) == len(limited) == 1
    assert "UTC" in slow[0]
    assert "UTC" in limited[0]


def test_a_signal_while_another_run_holds_the_dataset_stops_at_once(duckdb, api):
    stopper = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM))
    with FileLock(duckdb.root / "writer.lock"):
        stopper.start()
        began = time.monotonic()
        finished = run("--location", MADRID, api=api, SOURCES__WEATHER__LOCK_WAIT_SECONDS="60")
    assert finished.code == 130, finished.said
    assert time.monotonic() - began < 20
    assert "Waiting up to 60 s: another run writes to this dataset" in finished.err


def test_refused_calls_are_counted_by_the_summary_of_an_interrupted_run(duckdb, settings, simulator, clock):
    simulator.inject(Fault(path="/geo/", status=429))
    choice = settings(locations=["Oslo,NO"], resources=["locations", "forecast"], rate_limit_backoff_seconds=30.0)

    def interrupt_after_a_call(run: Run) -> None:
        def wait_and_interrupt() -> None:
            while not simulator.stats.calls:
                time.sleep(0.01)
            run.interrupt()

        threading.Thread(target=wait_and_interrupt, daemon=True).start()

    report = load(duckdb, choice, now=clock, on_start=interrupt_after_a_call)
    assert report.interrupted
    assert report.metrics_by_resource["locations"].calls == simulator.stats.calls > 0
    assert query(duckdb, "SELECT status FROM load_runs WHERE resource = 'locations'") == [("interrupted",)]

"""Loads that are interrupted: they finish the package, and the next ones complete the tables."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import psycopg2
import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
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

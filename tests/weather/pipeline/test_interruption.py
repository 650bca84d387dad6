"""Loads that are killed, interrupted, refused or cut off from the destination: the next ones complete the tables."""

import errno
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dlt
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline import writer as writing
from dlt_sources.weather.pipeline.load import load
from tests.helpers.postgres import PostgresServer
from tests.helpers.processes import finish, load_and_die, start, start_worker
from tests.helpers.support import assert_accounted, assert_no_duplicates, count, load_accounted, query, tables

pytestmark = pytest.mark.db
MADRID = "40.4168,-3.7038"
OSLO = "59.9139,10.7522"
PLACES = [MADRID, OSLO]
HISTORY = timedelta(days=1)
# a small load in two packages: two places, their current weather and 25 hours of air pollution in two windows
SMALL = {
    "resources": ["locations", "current_weather", "air_pollution"],
    "locations": PLACES,
    "history_days": HISTORY.days,
    "history_days_per_call": 1,
    "chunk_rows": 40,
}

# before anything is in the working directory as a package that can be loaded
EARLY = ["ask:1", "convert:3"]
# with a package in the working directory that holds the current weather of the hour, and nothing in the destination
EXTRACTED = ["normalize:1", "after-commit-package:1", "after-normalize:1"]
# while the destination takes the package, or after it; what is there then depends on the destination
LOADING = [
    "update-schema:1",
    "complete-job:1",
    "complete-job:7",
    "start-job:8",
    "complete-package:1",
    "extract:2",
    "load:2",
    "check-accounts:1",
]
# between two others; tests.chaos kills there too, at random
IN_BETWEEN = {"after-normalize:1", "complete-job:7", "start-job:8", "extract:2"}


def kill_points() -> Iterator[object]:
    """Destination and point of each kill."""
    points = [("duckdb", point) for point in [*EARLY, *EXTRACTED]]
    points += [(destination, point) for destination in ("duckdb", "postgres") for point in LOADING]
    for destination, point in points:
        yield pytest.param(
            destination, point, id=f"{destination}-{point}", marks=[pytest.mark.slow] if point in IN_BETWEEN else []
        )


def assert_whole(target: Target, until: datetime, *, since: datetime) -> None:
    """Assert that every table has each key once, every place every hour, and every run its accounts.

    The series begin at ``since``, or an hour later where the killed load had not loaded any hour.
    """
    assert_each_key_once(target)
    assert_every_row_has_its_load(target)
    assert_no_hour_missing(target, until, since=since)
    lost = query(target, "SELECT run_id, resource FROM load_runs WHERE rows_fetched <> rows_loaded + rows_rejected")
    assert lost == []
    assert folders(target) == []


def folders(target: Target) -> list[str]:
    """The working directories of runs that have not been finished."""
    return [path.name for path in target.root.iterdir() if path.is_dir() and path.name != "set_aside"]


def assert_each_key_once(target: Target) -> None:
    for table in sorted(tables(target) & TABLES.keys()):
        assert_no_duplicates(target, table, *TABLES[table].key)


def assert_every_row_has_its_load(target: Target) -> None:
    for table in sorted(tables(target) & TABLES.keys()):
        strays = query(
            target, f"SELECT count(*) FROM {table} WHERE _dlt_load_id NOT IN (SELECT load_id FROM _dlt_loads)"
        )
        assert strays == [(0,)], table


def assert_no_hour_missing(target: Target, until: datetime, *, since: datetime) -> None:
    for place in PLACES:
        rows = query(target, "SELECT dt FROM air_pollution WHERE location_id = %s ORDER BY dt", place)
        hours = [dt.astimezone(timezone.utc) for (dt,) in rows]
        assert hours[0] in (since, since + timedelta(hours=1))
        assert hours == [hours[0] + timedelta(hours=n) for n in range(len(hours))], place
        assert hours[-1] == until


def hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def current_weather_at(target: Target, moment: datetime) -> int:
    """Observations that were fetched at a moment of the test's clock."""
    return int(query(target, "SELECT count(*) FROM current_weather WHERE fetched_at = %s", moment)[0][0])


@pytest.mark.process
@pytest.mark.parametrize(("target", "point"), list(kill_points()), indirect=["target"])
def test_a_load_that_is_killed_is_completed_by_the_next(target, settings, clock, point):
    since = hour(clock()) - HISTORY
    killed_at = clock()
    load_and_die(target, point, dict(settings(**SMALL)), killed_at)
    clock.pass_time(hours=1)
    report = load_accounted(target, settings(**SMALL), clock)
    assert report.error is None
    assert_whole(target, hour(clock()), since=since)
    if point not in EARLY:
        assert current_weather_at(target, killed_at) == len(PLACES), "observations that cannot be asked for again"
    assert current_weather_at(target, clock()) == len(PLACES)


@pytest.mark.process
@pytest.mark.slow
def test_kills_at_any_moment_one_after_another_lose_nothing(postgres, settings, clock):
    target = postgres
    since = hour(clock()) - HISTORY
    given = dict(settings(**SMALL))
    began = time.monotonic()
    worker = start_worker(target, "end", given, clock())
    worker.join(120)
    whole_load = time.monotonic() - began
    assert worker.exitcode == 0
    killed = 0
    for fraction in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
        clock.pass_time(hours=1)
        worker = start_worker(target, "end", given, clock())
        worker.join(whole_load * fraction)
        if worker.exitcode is None:
            worker.kill()
            worker.join()
            killed += 1
    assert killed > 0
    clock.pass_time(hours=1)
    load_accounted(target, settings(**SMALL), clock)
    assert_whole(target, hour(clock()), since=since)


@pytest.mark.process
def test_a_kill_that_loses_the_working_directory_too_leaves_no_gap(target, settings, clock):
    since = hour(clock()) - HISTORY
    load_and_die(target, "complete-job:4", dict(settings(**SMALL)), clock())
    shutil.rmtree(target.root)
    target.root.mkdir()
    clock.pass_time(hours=1)
    load_accounted(target, settings(**SMALL), clock)
    assert_no_hour_missing(target, hour(clock()), since=since)
    assert_each_key_once(target)


@pytest.mark.process
def test_a_package_left_behind_is_loaded_before_anything_new(duckdb, settings, clock):
    target = duckdb
    load_and_die(target, "normalize:1", dict(settings(**SMALL)), clock())
    (left,) = folders(target)
    clock.pass_time(hours=1)
    report = load_accounted(target, settings(**SMALL), clock)
    assert report.finished_before == 1
    loads = query(target, "SELECT run_id FROM load_runs WHERE resource = 'current_weather' ORDER BY _dlt_load_id")
    assert loads == [(left,), (report.run_id,)]
    assert load_accounted(target, settings(**SMALL), clock).finished_before == 0


@pytest.mark.process
def test_a_load_that_is_killed_while_it_finishes_another_loses_neither(target, settings, clock):
    since = hour(clock()) - HISTORY
    killed_at = clock()
    load_and_die(target, "load:1", dict(settings(**SMALL)), killed_at)
    for point in ("start-job:7", "complete-job:1"):
        clock.pass_time(minutes=20)
        load_and_die(target, point, dict(settings(**SMALL)), clock())
    clock.pass_time(minutes=20)
    load_accounted(target, settings(**SMALL), clock)
    assert_whole(target, hour(clock()), since=since)
    assert current_weather_at(target, killed_at) == len(PLACES)


@pytest.mark.process
def test_a_command_that_is_killed_leaves_nothing_in_the_temporary_folder(duckdb, tmp_path):  # noqa: ARG001
    folder = tmp_path / "temporary"
    folder.mkdir()
    simulator = Simulator(latency=30)
    with serve(simulator) as api:
        process = start("--location", OSLO, api=api, TMPDIR=str(folder))
        while not simulator.stats.by_path["/data/2.5/weather"]:
            assert process.poll() is None, finish(process).said
            time.sleep(0.05)
        process.kill()
        process.wait()
    assert list(folder.iterdir()) == []


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


def refuse(target: Target, moment: datetime) -> None:
    """Make the destination refuse the package that was fetched at a moment, and no other."""
    if target.is_postgres:
        query(
            target,
            "ALTER TABLE current_weather ADD CONSTRAINT refused"
            f" CHECK (fetched_at <> '{moment.isoformat()}'::timestamptz) NOT VALID",
        )
    else:
        for file in target.root.glob("*/weather/load/normalized/*/new_jobs/current_weather.*.parquet"):
            file.rename(file.with_suffix(".kept"))
            file.write_bytes(b"no parquet")


def mend(target: Target, folder: Path) -> None:
    """Undo what ``refuse`` did."""
    if target.is_postgres:
        query(target, "ALTER TABLE current_weather DROP CONSTRAINT refused")
    kept = list(folder.rglob("*.kept"))
    assert kept or target.is_postgres
    for file in kept:
        for spoilt in folder.rglob(f"{file.stem.rsplit('.', 1)[0]}.*.parquet"):
            spoilt.unlink()
        file.rename(file.with_suffix(".parquet"))


@pytest.mark.process
def test_a_package_that_cannot_be_loaded_is_set_aside_and_loads_once_mended(target, settings, clock, caplog):
    choice = settings(resources=["current_weather"], locations=PLACES)
    load_accounted(target, choice, clock)
    clock.pass_time(hours=1)
    refused_at = clock()
    load_and_die(target, "load:1", dict(choice), refused_at)
    (run_id,) = folders(target)
    refuse(target, refused_at)
    for attempt in (1, 2, 3):
        assert not (target.root / "set_aside" / run_id).exists()
        clock.pass_time(hours=1)
        caplog.clear()
        report = load_accounted(target, choice, clock)
        assert report.error is None, "the hours after it are loaded meanwhile"
        assert report.finished_before == 0
        assert current_weather_at(target, clock()) == len(PLACES)
        errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert any(run_id in message and ("try" in message or "set aside" in message) for message in errors), attempt
    aside = target.root / "set_aside" / run_id
    assert f"is set aside, with its data, in {aside}" in caplog.text
    assert list(aside.rglob("current_weather.*.parquet")), "with its data"
    clock.pass_time(hours=1)
    caplog.clear()
    load_accounted(target, choice, clock)
    assert run_id not in caplog.text, "what is set aside is left alone"
    assert current_weather_at(target, refused_at) == 0
    mend(target, aside)
    aside.rename(target.root / run_id)
    report = load_accounted(target, choice, clock)
    assert report.finished_before == 1
    assert current_weather_at(target, refused_at) == len(PLACES)
    assert query(target, "SELECT rows_loaded FROM load_runs WHERE run_id = %s AND resource = 'current_weather'", run_id)
    assert_no_duplicates(target, "current_weather", "location_id", "dt")


# dlt tries again and again, which takes long
@pytest.mark.process
@pytest.mark.slow
def test_a_package_that_postgresql_cannot_even_copy_does_not_hold_up_the_hours_after_it(postgres, settings, clock):
    target = postgres
    choice = settings(resources=["current_weather"], locations=PLACES)
    load_accounted(target, choice, clock)
    clock.pass_time(hours=1)
    load_and_die(target, "load:1", dict(choice), clock())
    (file,) = target.root.glob("*/weather/load/normalized/*/new_jobs/current_weather.*.parquet")
    table = pq.read_table(file)
    position = table.schema.get_field_index("weather_main")
    pq.write_table(table.set_column(position, table.schema.field(position), pa.array(["\x00"] * len(PLACES))), file)
    (run_id,) = folders(target)
    for _ in range(3):
        clock.pass_time(hours=1)
        assert load_accounted(target, choice, clock).error is None
        assert current_weather_at(target, clock()) == len(PLACES)
    assert (target.root / "set_aside" / run_id).exists()


def test_a_destination_that_goes_down_keeps_the_rows_for_the_next_load(own_server, settings, clock, monkeypatch):
    target = Target("postgres")
    choice = settings(**SMALL)
    began = clock()
    normalize = dlt.Pipeline.normalize

    def stop_then_normalize(*args, **kwargs):
        own_server.stop("immediate")
        return normalize(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr("dlt.Pipeline.normalize", stop_then_normalize)
        with pytest.raises(DestinationError):
            load(target, choice, now=clock)
    # still down: nothing is fetched, nothing set aside, nothing lost
    for _ in range(4):
        clock.pass_time(minutes=30)
        with pytest.raises(DestinationError, match="cannot be reached"):
            load(target, choice, now=clock)
    assert not (target.root / "set_aside").exists()
    own_server.start()
    clock.pass_time(hours=1)
    report = load_accounted(target, choice, clock)
    assert report.finished_before == 1
    assert current_weather_at(target, began) == len(PLACES)
    assert_whole(target, hour(clock()), since=hour(began) - HISTORY)


def test_a_server_that_goes_down_between_two_steps_is_told_in_a_sentence(own_server, settings, clock, monkeypatch):
    target = Target("postgres")
    ensure_indexes = writing.ensure_indexes

    def stop_first(*args):
        own_server.stop("immediate")
        ensure_indexes(*args)

    with monkeypatch.context() as patch:
        patch.setattr("dlt_sources.weather.pipeline.writer.ensure_indexes", stop_first)
        with pytest.raises(DestinationError, match="The destination cannot be"):
            load(target, settings(**SMALL), now=clock)
    own_server.start()
    clock.pass_time(hours=1)
    load_accounted(target, settings(**SMALL), clock)
    assert_whole(target, hour(clock()), since=hour(clock()) - HISTORY - timedelta(hours=1))


@pytest.mark.parametrize("step", ["extract", "normalize", "load"])
def test_a_full_disk_of_the_loaders_own_is_told_in_a_sentence_and_loses_nothing(
    duckdb, settings, clock, monkeypatch, step
):
    target = duckdb
    since = hour(clock()) - HISTORY
    began = clock()

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, step, full)
        for _ in range(4):
            with pytest.raises(DestinationError, match="No space left on device"):
                load(target, settings(**SMALL), now=clock)
    clock.pass_time(hours=1)
    load_accounted(target, settings(**SMALL), clock)
    assert_whole(target, hour(clock()), since=since)
    assert not list((target.root / "set_aside").glob("2*"))
    if step != "extract":
        assert current_weather_at(target, began) == len(PLACES)


def connections(server: PostgresServer) -> Iterator[psycopg2.extensions.connection]:
    """Connect for as long as the server lets one."""
    with suppress(psycopg2.OperationalError):
        while True:
            yield psycopg2.connect(server.url("weather"))


@pytest.mark.process
def test_a_package_outlasts_a_server_that_has_connections_for_the_lock_alone(own_server, settings, clock):
    target = Target("postgres")
    choice = settings(**SMALL)
    load_accounted(target, choice, clock)
    clock.pass_time(hours=1)
    killed_at = clock()
    load_and_die(target, "load:1", dict(choice), killed_at)
    with ExitStack() as held:
        taken = list(connections(own_server))
        taken.pop().close()
        for connection in taken:
            held.callback(connection.close)
        # once more than a package is tried that the destination refuses
        for _ in range(4):
            with pytest.raises(DestinationError, match="too many clients"):
                load(target, choice, now=clock)
    clock.pass_time(hours=1)
    assert load_accounted(target, choice, clock).finished_before == 1
    assert current_weather_at(target, killed_at) == len(PLACES)


@pytest.mark.parametrize(
    ("target", "lost"),
    [
        ("duckdb", "_dlt_pipeline_state"),
        ("duckdb", "_dlt_loads"),
        ("duckdb", "_dlt_version"),
        ("postgres", "_dlt_pipeline_state"),
    ],
    indirect=["target"],
)
def test_a_table_of_dlts_own_that_was_dropped_is_made_again(target, settings, clock, lost):
    # by the second load the destination knows the schema that a load without any state begins with
    for losses in (["DROP TABLE _dlt_pipeline_state", "DELETE FROM _dlt_version"], [f"DROP TABLE {lost}"], []):
        assert load_accounted(target, settings(**SMALL), clock).error is None
        for loss in losses:
            query(target, loss)
        clock.pass_time(hours=1)
    assert query(target, f"SELECT count(*) > 0 FROM {lost}") == [(True,)]
    assert_each_key_once(target)
    assert count(target, "air_pollution") == len(PLACES) * (24 + 3)

"""Loads that the destination refuses or is cut off from: the rows are kept for the next ones."""

import errno
import logging
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path

import dlt
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt_sources.weather.common.errors import DestinationError
from dlt_sources.weather.destination.postgres.upkeep import Upkeep
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.quarantine import retry_set_aside, set_aside_packages
from dlt_sources.weather.pipeline.replay import replay
from tests.helpers.command import run
from tests.helpers.postgres import PostgresServer
from tests.helpers.processes import load_and_die
from tests.helpers.support import assert_no_duplicates, count, load_accounted, query
from tests.weather.pipeline.accounts import (
    HISTORY,
    PLACES,
    SMALL,
    assert_each_key_once,
    assert_whole,
    current_weather_at,
    folders,
    hour,
)

pytestmark = pytest.mark.db


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
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert f"is set aside, with its data, in {aside}" in logged
    assert list(aside.rglob("current_weather.*.parquet")), "with its data"
    clock.pass_time(hours=1)
    caplog.clear()
    load_accounted(target, choice, clock)
    assert run_id not in caplog.text, "what is set aside is left alone"
    assert current_weather_at(target, refused_at) == 0
    mend(target, aside)
    (package,) = set_aside_packages(target)
    assert (package.path, package.run_id) == (aside, run_id)
    assert package.started_at == refused_at.replace(microsecond=0)
    assert package.hours == (refused_at, refused_at)
    assert package.tables["current_weather"] == len(PLACES)
    assert package.bytes > 0
    assert package.reason in logged
    assert retry_set_aside(target, ["another"]) == []
    options = ("packages", "--destination", target.destination)
    listed = run(*options)
    assert listed.code == 0
    assert all(text in listed.out for text in (run_id, f"{refused_at:%Y-%m-%d %H:%MZ}", str(aside)))
    assert run(*options, "--retry", "--run", "another").code == 2
    assert run(*options, "--retry").code == 0
    assert set_aside_packages(target) == []
    assert "No package is set aside" in run(*options).said
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

    monkeypatch.setattr("dlt_sources.weather.destination.connection.RECONNECT_SECONDS", 0.5)
    with monkeypatch.context() as patch:
        patch.setattr("dlt.Pipeline.normalize", stop_then_normalize)
        with pytest.raises(DestinationError, match=r"[.?] What was fetched is kept; the next run loads it\.$"):
            load(target, choice, now=clock)
    # still down: nothing is fetched, nothing set aside, nothing lost
    for _ in range(4):
        clock.pass_time(minutes=30)
        with pytest.raises(DestinationError, match=r"cannot be reached.*[.?] Nothing was fetched in this run"):
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
    after_load = Upkeep.after_load

    def stop_first(*args):
        own_server.stop("immediate")
        after_load(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "after_load", stop_first)
        with pytest.raises(DestinationError, match="The destination cannot be"):
            load(target, settings(**SMALL), now=clock)
    own_server.start()
    clock.pass_time(hours=1)
    load_accounted(target, settings(**SMALL), clock)
    assert_whole(target, hour(clock()), since=hour(clock()) - HISTORY - timedelta(hours=1))


def test_a_connection_that_is_cut_once_asking_has_begun_loses_nothing(target, settings, clock, simulator, monkeypatch):
    read = DestinationReader.rows

    def cut_once_asking_has_begun(*args, **kwargs):
        if simulator.requests:
            raise DestinationError("server closed the connection unexpectedly")
        return read(*args, **kwargs)

    names = ["Oslo,NO", *PLACES]
    for _ in (1, 2):
        simulator.requests.clear()
        with monkeypatch.context() as patch:
            patch.setattr(DestinationReader, "rows", cut_once_asking_has_begun)
            load_accounted(target, settings(locations=names), clock)
        assert current_weather_at(target, clock()) == len(names)
        assert count(target, "air_pollution") % len(names) == 0
        clock.pass_time(hours=1)


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


@pytest.mark.parametrize(
    "loss",
    [
        "DROP TABLE current_weather",
        "ALTER TABLE current_weather DROP COLUMN humidity",
        "DROP TABLE bronze_staging.current_weather",
    ],
)
def test_what_is_dropped_by_hand_is_made_again_by_the_next_load(target, settings, clock, loss):
    choice = settings(resources=["current_weather"], locations=PLACES)
    load_accounted(target, choice, clock)
    query(target, loss)
    clock.pass_time(hours=1)
    assert load_accounted(target, choice, clock).error is None
    rows = query(target, "SELECT count(*), count(humidity) FROM current_weather WHERE fetched_at = %s", clock())
    assert rows == [(len(PLACES), len(PLACES))]


def test_a_dropped_table_is_rebuilt_by_a_replay(target, settings, clock):
    load_accounted(target, settings(resources=["current_weather"], locations=PLACES), clock)
    query(target, "DROP TABLE current_weather")
    assert replay(target, settings(), ["current_weather"]).error is None
    assert count(target, "current_weather") == len(PLACES)

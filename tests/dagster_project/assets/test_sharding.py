"""``WEATHER_SHARDS``: hourly assets partitioned into shards of locations, with runs at the same time."""

import importlib
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from datetime import datetime, timezone
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterRunStatus, SkipReason, build_schedule_context, build_sensor_context
from dagster._core.test_utils import create_run_for_test

from dlt_sources.openweather_simulator import Simulator, serve
from dlt_sources.weather.common.shards import Shard
from dlt_sources.weather.contracts import TABLES
from tests.dagster_project.conftest import RESOURCES, RunResult
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.support import assert_no_duplicates, count, query

PLACES = [f"{n}.0000,{n}.0000" for n in range(12)]
OF_SHARD = {number: [place for place in PLACES if Shard(number, 2).has(place)] for number in (1, 2)}
STARTED = DagsterRunStatus.STARTED
HOUR = datetime(2026, 5, 20, 13, tzinfo=timezone.utc)


@pytest.fixture
def sharded(monkeypatch, request):
    """The definitions as imported with WEATHER_SHARDS=2, and the clock and environment of their steps."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "dagster_project"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("WEATHER_SHARDS", "2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        definitions = importlib.import_module("dagster_project.definitions")
    request.getfixturevalue("environment")
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps(PLACES))
    return definitions.defs


def test_the_hourly_assets_have_a_partition_a_shard_and_no_pool_and_history_stays_by_months(sharded):
    graph = sharded.resolve_asset_graph()
    for name in RESOURCES:
        node = graph.get(AssetKey(["bronze", name]))
        assert node.partitions_def.get_partition_keys() == ["1-of-2", "2-of-2"]
    history = graph.get(AssetKey(["bronze", "air_pollution_history"]))
    assert history.partitions_def.get_partition_keys()[0] == "2020-11-01"
    job = sharded.resolve_job_def("weather_ingestion_job")
    pools = {node.name: node.definition.pool for node in job.nodes}
    assert {pools[name] for name in RESOURCES} == {None}
    assert pools.keys() == {*RESOURCES}
    checks = sharded.resolve_job_def("weather_checks_job")
    assert {node.name for node in checks.nodes} == {
        *(f"check_{name}" for name in RESOURCES),
        "reports__weather",
        "reports__load_runs",
    }
    assert {node.definition.pool for node in checks.nodes} == {"weather_bronze"}, "checks and reports still take turns"
    assert checks.partitions_def is None


def test_the_schedule_asks_for_a_run_a_shard(sharded):
    schedule = sharded.resolve_schedule_def("hourly_weather_schedule")
    context = build_schedule_context(scheduled_execution_time=HOUR, repository_def=sharded.get_repository_def())
    requests = schedule.evaluate_tick(context).run_requests
    assert [request.partition_key for request in requests] == ["1-of-2", "2-of-2"]
    assert len({request.run_key for request in requests}) == 2


@pytest.mark.parametrize("number", ["four", "0", "-2", "1001", "2.5"])
def test_a_number_of_shards_that_is_none_leaves_everything_whole_and_says_so(monkeypatch, caplog, number):
    from dagster_project.assets.partitions import shard_keys  # noqa: PLC0415

    monkeypatch.setenv("WEATHER_SHARDS", number)
    assert shard_keys() == []
    assert f"not {number!r}: every run loads all places" in caplog.text


def test_a_run_of_a_shard_loads_its_places_and_says_what_came(sharded, postgres, instance, monkeypatch):
    monkeypatch.setenv("WEATHER_DESTINATION", "postgres")
    job = sharded.resolve_job_def("weather_ingestion_job")
    for number, places in OF_SHARD.items():
        result = job.execute_in_process(instance=instance, partition_key=f"{number}-of-2", raise_on_error=False)
        outcome = RunResult(result)
        assert outcome.success, outcome.failures
        assert sorted(outcome.order) == sorted(RESOURCES)
        metadata = outcome.metadata["current_weather"]
        assert metadata["rows_loaded"] == len(places)
        assert metadata["packages"] == 1
        assert metadata["loads_finished_before"] == 0
        assert "rows_new" not in metadata, "what is new in the table comes from all shards"
        described = [column for column in metadata["dagster/column_schema"].columns if column.description]
        assert len(described) == len(TABLES["current_weather"].model_fields)
        assert (outcome.checks, outcome.reports) == ({}, {}), "once for all shards"
    assert count(postgres, "current_weather") == len(PLACES)
    materialized = instance.get_materialized_partitions(AssetKey(["bronze", "current_weather"]))
    assert materialized == {"1-of-2", "2-of-2"}
    checked = RunResult(sharded.resolve_job_def("weather_checks_job").execute_in_process(instance=instance))
    assert checked.success, checked.failures
    assert len(checked.checks) == 34
    assert [name for name, check in checked.checks.items() if not check.passed] == []
    assert checked.reports["weather"]["places"] == len(PLACES)


def test_checks_and_reports_follow_the_last_shard_once(sharded, instance):
    module = importlib.import_module("dagster_project.automation.checks_sensor")
    tags = {number: {"dagster/partition": f"{number}-of-2"} for number in OF_SHARD}
    runs = {
        number: create_run_for_test(instance, "weather_ingestion_job", tags=tags[number], status=STARTED)
        for number in OF_SHARD
    }
    cursor = None

    def requested():
        nonlocal cursor
        result = module.checks_sensor(build_sensor_context(instance=instance, cursor=cursor))
        cursor = getattr(result, "cursor", None) or cursor
        return len(getattr(result, "run_requests", None) or [])

    assert requested() == 0
    instance.report_run_failed(runs[1])
    assert requested() == 0, "the other shard is loading"
    instance.report_run_failed(runs[2])
    assert requested() == 1
    assert requested() == 0
    assert [sensor.name for sensor in sharded.sensors][-1] == "checks_sensor"


def test_the_incident_of_a_dead_shard_waits_for_that_shard_and_names_it(sharded, instance):
    events = importlib.import_module("dagster_project.alerts.sources.run_events")
    incidents = importlib.import_module("dagster_project.alerts.incidents")
    messages = importlib.import_module("dagster_project.alerts.messages")
    position = events.RunCursor(0, [])
    job = sharded.resolve_job_def("weather_ingestion_job")
    run = instance.create_run_for_job(job, tags={"dagster/partition": "1-of-2"})
    instance.report_run_failed(run, "Its process is gone.")
    runs, position = events.read_finished_runs(instance, position, frozenset(), logging.getLogger())
    (incident,) = incidents.update_incidents({}, runs, {}, started=0.0, now=time.time()).open.values()
    assert set(incident.waits_for) == {f"asset bronze/{name} in 1-of-2" for name in RESOURCES}
    assert "Shards of places: 1-of-2" in messages.incident_opened(incident, "http://ui", time.time()).body
    # a run whose plan was never written, or cannot be read
    create_run_for_test(instance, "weather_ingestion_job", tags={"dagster/partition": "1-of-2"}, status=STARTED)
    instance.report_run_failed(instance.get_runs(limit=1)[0])
    ((unplanned,), _) = events.read_finished_runs(instance, position, frozenset(), logging.getLogger())
    assert unplanned.problems[0].waits_for == {"job weather_ingestion_job in 1-of-2"}


@pytest.mark.usefixtures("sharded")
def test_a_shard_that_hangs_keeps_the_others_from_being_checked_for_an_hour_at_most(instance, clock):
    module = importlib.import_module("dagster_project.automation.checks_sensor")
    ended, _ = (create_run_for_test(instance, "weather_ingestion_job", status=STARTED) for _ in OF_SHARD)
    instance.report_run_failed(ended)
    clock.moment = datetime.now(timezone.utc)
    assert isinstance(module.checks_sensor(build_sensor_context(instance=instance)), SkipReason)
    clock.pass_time(hours=1)
    assert len(module.checks_sensor(build_sensor_context(instance=instance)).run_requests) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("postgres")
def test_a_failed_blocking_check_keeps_the_report_from_being_drawn(sharded, instance, monkeypatch):
    monkeypatch.setenv("WEATHER_DESTINATION", "postgres")
    job = sharded.resolve_job_def("weather_ingestion_job")
    assert job.execute_in_process(instance=instance, partition_key="1-of-2").success
    queries = importlib.import_module("dagster_project.checks.queries")
    result = queries.CheckResult(passed=False, description="Two rows have one key.")
    monkeypatch.setattr(queries, "duplicate_keys", lambda *_: result)
    checks = sharded.resolve_job_def("weather_checks_job")
    outcome = RunResult(checks.execute_in_process(instance=instance, raise_on_error=False))
    assert not outcome.success
    assert outcome.reports.keys() == {"load_runs"}


@pytest.mark.process
@pytest.mark.slow
def test_two_shards_are_materialised_at_the_same_time(postgres, tmp_path):
    # one each: two processes would create the tables of one home at the same moment
    homes = {number: tmp_path / f"home{number}" for number in OF_SHARD}
    for home in homes.values():
        home.mkdir()
    simulator = Simulator(latency=1.0)
    with serve(simulator) as api:
        settings = {
            "SOURCES__WEATHER__API_KEY": SENTINEL_KEY,
            "SOURCES__WEATHER__BASE_URL": api,
            "SOURCES__WEATHER__LOCATIONS": json.dumps(PLACES),
            "SOURCES__WEATHER__CALLS_PER_MINUTE": "30000",
            "SOURCES__WEATHER__HISTORY_DAYS_PER_CALL": "1",
            "WEATHER_DESTINATION": "postgres",
            "WEATHER_SHARDS": "2",
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "PYTHONWARNINGS": "ignore",
        }
        command = [str(Path(sys.executable).with_name("dagster")), "asset", "materialize"]
        command += ["-m", "dagster_project.definitions", "--select", "bronze/air_pollution", "--partition"]
        runs = [
            subprocess.Popen(
                [*command, f"{number}-of-2"],
                env=os.environ | settings | {"DAGSTER_HOME": str(home)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for number, home in homes.items()
        ]
        said = [process.communicate(timeout=200)[0] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], said
    assert count(postgres, "air_pollution") == len(PLACES) * (7 * 24 + 1)
    assert_no_duplicates(postgres, "air_pollution", "location_id", "dt")
    fetched = query(postgres, "SELECT rows_fetched FROM load_runs WHERE resource = 'air_pollution' ORDER BY 1")
    assert fetched == sorted((len(places) * (7 * 24 + 1),) for places in OF_SHARD.values()), "each its own places"
    came = {
        number: [one.received_at for one in simulator.requests if f"{float(one.params['lat']):.4f}" in of_lat]
        for number, places in OF_SHARD.items()
        for of_lat in [{place.partition(",")[0] for place in places}]
    }
    assert max(came[1][0], came[2][0]) < min(came[1][-1], came[2][-1]), "both had begun before either ended"


def test_new_places_are_asked_for_by_the_shards_they_fall_into(sharded, postgres, instance, monkeypatch):
    new_locations = importlib.import_module("dagster_project.automation.new_location_sensor")
    monkeypatch.setenv("WEATHER_DESTINATION", "postgres")
    job = sharded.resolve_job_def("weather_ingestion_job")
    cursor = None

    def tick():
        nonlocal cursor
        result = new_locations.new_location_sensor(build_sensor_context(instance=instance, cursor=cursor))
        cursor = result.cursor or cursor
        return result

    def run(request):
        tags = {"dagster/run_key": request.run_key, "dagster/sensor_name": "new_location_sensor"}
        job.execute_in_process(
            run_config={"ops": {"locations": request.run_config["ops"]["locations"]}},
            tags=tags,
            instance=instance,
            partition_key=request.partition_key,
            asset_selection=[AssetKey(["bronze", "locations"])],
        )

    requests = tick().run_requests
    assert [request.partition_key for request in requests] == ["1-of-2", "2-of-2"]
    run(requests[0])
    requests = tick().run_requests
    assert [request.partition_key for request in requests] == ["2-of-2"], "the other was never begun"
    run(requests[0])
    assert tick().skip_reason.skip_message == new_locations.NOTHING_NEW
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps([*PLACES, "50.4501,30.5234"]))
    shard = next(number for number in OF_SHARD if Shard(number, 2).has("50.4501,30.5234"))
    (request,) = tick().run_requests
    assert request.partition_key == f"{shard}-of-2"
    assert request.run_config["ops"]["locations"]["config"]["only_location_ids"] == ["50.4501,30.5234"]
    run(request)
    assert instance.get_runs()[0].status == DagsterRunStatus.SUCCESS
    assert tick().skip_reason.skip_message == new_locations.NOTHING_NEW
    assert query(postgres, "SELECT count(*) FROM locations") == [(len(PLACES) + 1,)]

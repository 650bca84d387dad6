"""The definitions load without key, network or database, and describe every asset, check and schedule."""

import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    DagsterInstance,
    DefaultScheduleStatus,
    RunRequest,
    build_schedule_context,
)
from dagster._core.instance.ref import InstanceRef

from dagster_project.assets.bronze import POOL, bronze_assets
from dagster_project.assets.translator import freshness_policy
from dagster_project.checks.asset_checks import bronze_checks, checks_of
from dagster_project.definitions import defs
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.published.views import VIEWS
from tests.dagster_project.conftest import RESOURCES

ROOT = Path(__file__).parents[2]
# any attempt to open a connection ends the process
NO_NETWORK = """
import socket
def refuse(*_):
    raise SystemExit("the network was used")
socket.socket.connect = socket.socket.connect_ex = refuse
"""


def spec_of(name):
    return defs.resolve_asset_graph().get(AssetKey(["bronze", name]))


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.process
def test_definitions_load_without_key_network_database_or_a_file_left_behind(tmp_path):
    environment = {"WEATHER_DESTINATION": "postgres", "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    before = sorted(path for path in tmp_path.rglob("*") if "dlt" not in path.parts)
    loaded = python(NO_NETWORK + "from dagster_project.definitions import defs; print('loaded')", **environment)
    assert loaded.stdout == "loaded\n", loaded.stderr
    assert "embedded" not in loaded.stderr, "the shim's warning about itself"
    assert sorted(path for path in tmp_path.rglob("*") if "dlt" not in path.parts) == before


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.ci
def test_dagster_finds_the_definitions_by_itself_in_the_project_folder():
    found = subprocess.run(
        [str(Path(sys.executable).with_name("dagster")), "definitions", "validate"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "WEATHER" not in name and name != "DAGSTER_HOME"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "weather" in found.stdout + found.stderr


def test_each_resource_is_an_asset_and_the_api_is_their_only_upstream():
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {
        "openweather",
        "alerts",
        "reports/weather",
        "reports/load_runs",
        "bronze/weather_raw",
        *(f"bronze/{view}" for view in VIEWS),
        *(f"bronze/{name}" for name in [*RESOURCES, "air_pollution_history"]),
    }
    external = {AssetKey("openweather"), AssetKey("alerts"), AssetKey(["bronze", "weather_raw"])}
    external |= {AssetKey(["bronze", view]) for view in VIEWS}
    assert graph.external_asset_keys == external
    for name in RESOURCES:
        assert graph.get(AssetKey(["bronze", name])).parent_keys == {AssetKey("openweather")}


@pytest.mark.parametrize("name", RESOURCES)
def test_an_asset_says_what_it_is(name):
    spec = spec_of(name)
    assert spec.group_name == "bronze"
    assert spec.kinds == {"dlt", "duckdb", "bronze"}
    assert list(spec.owners) == ["team:data-platform"]
    assert spec.description
    columns = {column.name: column for column in spec.metadata["dagster/column_schema"].columns}
    contract = TABLES[name]
    assert columns.keys() == contract.model_fields.keys()
    for column in contract.columns():
        assert columns[column.name].description == column.description
        assert columns[column.name].constraints.nullable == (column.name not in contract.key)
    assert spec.freshness_policy == freshness_policy()


def test_no_metadata_is_an_object_that_the_pages_cannot_show():
    for assets in bronze_assets():
        for spec in assets.specs:
            objects = {name: value for name, value in spec.metadata.items() if name.startswith("dagster_dlt/")}
            assert all(isinstance(value, str) for value in objects.values()), objects


def test_the_schedule_is_on_and_asks_for_the_whole_job_every_hour():
    schedule = defs.resolve_schedule_def("hourly_weather_schedule")
    assert schedule.default_status == DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "0 * * * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.job_name == "weather_ingestion_job"
    hour = datetime(2026, 5, 20, 13, tzinfo=timezone.utc)
    tick = schedule.evaluate_tick(
        build_schedule_context(scheduled_execution_time=hour, repository_def=defs.get_repository_def())
    )
    (request,) = tick.run_requests
    assert isinstance(request, RunRequest)
    job = defs.resolve_job_def("weather_ingestion_job")
    assert job.executor_def.name == "in_process"
    assert {node.name for node in job.nodes} == {
        *RESOURCES,
        *(f"check_{name}" for name in RESOURCES),
        "reports__weather",
        "reports__load_runs",
    }
    assert {node.definition.pool for node in job.nodes} == {POOL}


def test_every_asset_has_its_checks_and_duplicates_block():
    names = {name: [check.name for check in checks_of(name)] for name in RESOURCES}
    assert all({"no_duplicate_keys", "physical_ranges", "accounting"} <= set(found) for found in names.values())
    assert "no_gaps" in names["air_pollution"]
    for definition in bronze_checks(RESOURCES):
        for spec in definition.check_specs:
            assert spec.blocking == (spec.name == "no_duplicate_keys")
            assert spec.description


@pytest.mark.parametrize(("name", "kind"), [("my_pg", "postgres"), ("unheard_of", "unheard_of")])
def test_an_asset_shows_the_destinations_type_whatever_its_name(name, kind, monkeypatch):
    monkeypatch.setenv("DESTINATION__MY_PG__DESTINATION_TYPE", "postgres")
    monkeypatch.setenv("WEATHER_DESTINATION", name)
    kinds = [spec.kinds for assets in bronze_assets() for spec in assets.specs]
    assert kinds
    assert all(one == {"dlt", kind, "bronze"} for one in kinds)


def test_one_call_is_an_asset_only_where_it_is_configured(monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__RESOURCES", '["locations", "one_call"]')
    keys = [asset.key.to_user_string() for asset in bronze_assets()]
    assert keys == ["bronze/locations", "bronze/one_call", "bronze/air_pollution_history"]
    (checks,) = bronze_checks(["one_call"])
    assert "one_call_daily_no_duplicate_keys" in {spec.name for spec in checks.check_specs}


def test_definitions_load_though_a_setting_is_wrong_so_that_a_run_can_say_so(monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__UNITS", "kelvin")
    assert [asset.key.path[-1] for asset in bronze_assets()] == [*RESOURCES, "air_pollution_history"]


@pytest.mark.parametrize("folder", [ROOT, ROOT / "dagster_project"])
def test_the_shipped_settings_hold_with_and_without_a_home(tmp_path, folder):
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path), config_dir=str(folder))) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled is False
        concurrency = instance.get_concurrency_config()
        assert concurrency.pool_config.default_pool_limit == 1
        assert instance.run_coordinator.dequeue_interval_seconds == 2
        assert instance.managed_python_loggers == ["dlt_sources"]

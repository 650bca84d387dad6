"""The bronze assets, materialised: tables, numbers, subsets, and one failure that leaves the others alone."""

import os
import signal
import threading
import time

import pytest
from dagster import DagsterEventType

from dagster_project.assets import materialize
from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.client import no_key
from dlt_sources.weather.common.errors import RowsRefusedError
from dlt_sources.weather.contracts import TABLES
from tests.dagster_project.conftest import PLACES, RESOURCES
from tests.helpers.support import assert_no_duplicates, count, query, tables

HOURS = 2 * 24 + 1
ROWS = {
    "locations": len(PLACES),
    "current_weather": len(PLACES),
    "forecast": len(PLACES) * 40,
    "air_pollution": len(PLACES) * HOURS,
    "air_pollution_forecast": len(PLACES) * 96,
}


def test_everything_is_loaded_and_a_second_run_adds_nothing(run_job, duckdb, clock):
    first = run_job(duckdb)
    assert first.success, first.failures
    assert sorted(first.order) == sorted(RESOURCES)
    assert first.order[0] == "locations"
    for name, rows in ROWS.items():
        metadata = first.metadata[name]
        assert count(duckdb, name) == rows
        assert {key: metadata[key] for key in ("rows_fetched", "rows_loaded", "rows_rejected", "rows_new")} == {
            "rows_fetched": rows,
            "rows_loaded": rows,
            "rows_rejected": 0,
            "rows_new": rows,
        }
        assert metadata["dagster/row_count"] == rows
        assert metadata["distinct_places"] == len(PLACES)
        assert metadata["dagster/table_name"] == f"{duckdb.file_path.stem}.bronze.{name}"
        assert metadata["dagster/uri"].startswith("duckdb:///")
        assert metadata["dagster/uri"].endswith(f"/bronze/{name}")
        assert metadata["packages"] == 1
        assert metadata["loads_finished_before"] == 0
        assert metadata["preview"].count("\n") == min(rows, 10) + 1
        described = [column for column in metadata["dagster/column_schema"].columns if column.description]
        assert len(described) == len(TABLES[name].model_fields)
        assert query(duckdb, "SELECT count(*) FROM load_runs WHERE run_id = %s", metadata["load_run_id"])[0][0] > 0
    assert first.metadata["air_pollution"]["newest_dt"] == clock().replace(minute=0).timestamp()
    assert first.metadata["locations"]["calls"] == 0, "coordinates need no look-up"
    assert first.metadata["forecast"]["calls"] == len(PLACES)
    failed = [name for name, check in first.checks.items() if not check.passed]
    assert failed == []
    assert len(first.checks) == 34

    second = run_job(duckdb)
    assert second.success, second.failures
    assert {name: metadata["rows_new"] for name, metadata in second.metadata.items()} == dict.fromkeys(RESOURCES, 0)
    assert second.metadata["air_pollution"]["rows_fetched"] == 0
    assert second.metadata["locations"]["rows_fetched"] == 0
    for name, rows in ROWS.items():
        assert count(duckdb, name) == rows
        assert_no_duplicates(duckdb, name, *TABLES[name].key)


def test_a_selected_asset_is_loaded_alone(run_job, target, simulator):
    outcome = run_job(target, "current_weather")
    assert outcome.success, outcome.failures
    assert outcome.order == ["current_weather"]
    assert outcome.metadata["current_weather"]["rows_new"] == len(PLACES)
    assert tables(target) == {"current_weather", "locations", "weather_raw", "load_runs"}
    assert set(simulator.stats.by_path) == {"/data/2.5/weather"}
    assert {asset for asset, _ in outcome.checks} == {"current_weather"}


def test_a_terminated_run_loads_what_came_and_asks_nothing_more(run_job, duckdb, simulator):
    simulator.inject(Fault(path="/data/2.5/weather", where={"lat": "59.9139"}, status=429, retry_after="600"))

    def terminate() -> None:
        while simulator.stats.by_path["/data/2.5/weather"] < len(PLACES):
            time.sleep(0.02)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate, daemon=True).start()
    began = time.monotonic()
    outcome = run_job(duckdb, "current_weather", "forecast")
    assert not outcome.success
    assert outcome.order == []
    assert time.monotonic() - began < 30
    assert count(duckdb, "current_weather") == 1
    assert set(simulator.stats.by_path) == {"/data/2.5/weather"}


@pytest.mark.parametrize("status", [500, 404])
def test_an_endpoint_that_fails_leaves_the_others_materialised(run_job, duckdb, simulator, status):
    simulator.inject(Fault(path="/data/2.5/forecast", status=status))
    outcome = run_job(duckdb, "locations", "forecast", "air_pollution")
    assert not outcome.success
    assert sorted(outcome.order) == ["air_pollution", "locations"]
    assert set(outcome.failures) == {"forecast"}
    assert outcome.said("forecast").startswith("forecast: 2 of 2 ")
    assert outcome.failures["forecast"].user_failure_data.metadata["rows_rejected"].value == 2
    assert count(duckdb, "rejects") == 2
    simulator.clear_faults()
    assert run_job(duckdb, "forecast").success


def test_a_run_loads_its_assets_at_once_and_each_materialises_its_part(run_job, duckdb, simulator):
    first = run_job(duckdb)
    assert first.success, first.failures
    assert query(duckdb, "SELECT count(DISTINCT run_id) FROM load_runs") == [(1,)]
    assert {metadata["load_run_id"] for metadata in first.metadata.values()} == set(
        query(duckdb, "SELECT DISTINCT run_id FROM load_runs")[0]
    )
    assert {name: metadata["calls"] for name, metadata in first.metadata.items()} == {
        "locations": 0,
        **dict.fromkeys(set(RESOURCES) - {"locations"}, len(PLACES)),
    }
    assert simulator.stats.calls == 4 * len(PLACES)


def test_a_refused_endpoint_fails_by_itself_and_says_so(run_job, duckdb, simulator):
    simulator.inject(Fault(path="/data/2.5/air_pollution/forecast", status=401))
    outcome = run_job(duckdb)
    failed = {step for step in outcome.failures if not step.startswith(("check_", "reports"))}
    assert failed == {"air_pollution_forecast"}
    assert outcome.failures["air_pollution_forecast"].user_failure_data.metadata["error class"].value == (
        "KeyRefusedError"
    )
    assert sorted(outcome.order) == sorted({*RESOURCES} - failed)
    assert outcome.metadata["forecast"]["rows_new"] == ROWS["forecast"]
    assert ("forecast", "accounting") in outcome.checks


def test_a_package_that_is_refused_lets_later_steps_load_by_themselves(run_job, duckdb, monkeypatch):
    assert run_job(duckdb, "locations").success
    loads: list[list[str]] = []
    load = materialize.load

    def refuse_several(target, settings, **options):
        loads.append(settings.resources)
        if len(settings.resources) > 1:
            raise RowsRefusedError("The destination refuses a row of forecast.")
        return load(target, settings, **options)

    monkeypatch.setattr(materialize, "load", refuse_several)
    outcome = run_job(duckdb, "current_weather", "forecast", "air_pollution")
    assert loads == [["current_weather", "forecast", "air_pollution"], ["forecast"], ["air_pollution"]]
    assert set(outcome.failures) == {"current_weather"}
    assert sorted(outcome.order) == ["air_pollution", "forecast"]


def test_a_run_without_a_key_fails_at_once_and_says_where_to_set_it(run_job, duckdb, simulator, monkeypatch, instance):
    monkeypatch.delenv("SOURCES__WEATHER__API_KEY")
    outcome = run_job(duckdb)
    assert not outcome.success
    assert outcome.order == []
    assert set(outcome.failures) == set(RESOURCES)
    for step in RESOURCES:
        assert outcome.said(step) == str(no_key())
        assert outcome.failures[step].user_failure_data.metadata["error class"].value == "KeyRefusedError"
    events = [entry.dagster_event for entry in instance.all_logs(outcome.run_id) if entry.dagster_event]
    assert not [event for event in events if event.event_type == DagsterEventType.STEP_UP_FOR_RETRY]
    assert simulator.stats.calls == 0


def test_a_wrong_setting_is_said_in_a_sentence(run_job, duckdb, monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__UNITS", "kelvin")
    outcome = run_job(duckdb, "forecast")
    said = "units must be one of standard, metric, imperial, not 'kelvin'."
    assert outcome.said("forecast") == f"In the environment variable SOURCES__WEATHER__UNITS: {said}"


def test_a_load_of_many_packages_is_one_materialisation(run_job, duckdb, monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__HISTORY_DAYS_PER_CALL", "1")
    monkeypatch.setenv("SOURCES__WEATHER__CHUNK_ROWS", "20")
    outcome = run_job(duckdb, "air_pollution")
    assert outcome.success, outcome.failures
    assert outcome.order == ["air_pollution"]
    metadata = outcome.metadata["air_pollution"]
    assert metadata["packages"] > 2
    assert metadata["rows_loaded"] == metadata["rows_new"] == count(duckdb, "air_pollution") == ROWS["air_pollution"]


def test_the_demo_needs_no_key_and_writes_to_its_own_dataset(run_job, duckdb, monkeypatch):
    monkeypatch.setenv("WEATHER_DEMO", "1")
    monkeypatch.delenv("SOURCES__WEATHER__API_KEY")
    monkeypatch.setenv("SOURCES__WEATHER__BASE_URL", "http://127.0.0.1:9")
    outcome = run_job(duckdb, "current_weather")
    assert outcome.success, outcome.failures
    assert outcome.metadata["current_weather"]["dagster/table_name"] == "weather_demo.bronze_demo.current_weather"
    assert outcome.metadata["current_weather"]["rows_new"] == len(PLACES)
    assert tables(duckdb) == set()

"""The report of the newest loads: numbers in the UI, and metrics for Prometheus."""

from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.pipeline.quarantine import SetAsidePackage
from tests.dagster_project.conftest import PLACES


def samples(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def gateway():
    """A push gateway's address, and the requests it received as (path, body)."""
    got = []

    class Gateway(BaseHTTPRequestHandler):
        def do_PUT(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_): ...

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()


def test_it_runs_last_and_runs_though_a_load_failed(run_job, duckdb, simulator, tmp_path, monkeypatch, gateway):  # noqa: PLR0917
    monkeypatch.setenv("REPORT__METRICS_TEXTFILE", str(tmp_path / "weather.prom"))
    monkeypatch.setenv("REPORT__METRICS_PUSHGATEWAY", gateway[0])
    simulator.inject(Fault(path="/data/2.5/forecast", status=500))
    outcome = run_job(duckdb, "current_weather", "forecast", "air_pollution", "reports/load_runs")
    assert not outcome.success
    assert outcome.sequence[-1] == ["reports", "load_runs"]
    metadata = outcome.reports["load_runs"]
    assert metadata["rows_rejected"] == len(PLACES)
    assert metadata["rows of current_weather"] == len(PLACES)
    found = samples((tmp_path / "weather.prom").read_text())
    assert found["weather_bronze_last_run_rows", "loaded", "current_weather"] == len(PLACES)
    assert found["weather_bronze_last_run_rows", "rejected", "forecast"] == len(PLACES)
    assert found["weather_bronze_table_rows", "air_pollution"] == metadata["rows of air_pollution"]
    assert found["weather_bronze_missing_hours",] == 0
    assert found["weather_bronze_set_aside_packages",] == 0
    assert outcome.checks["load_runs", "nothing_set_aside"].passed
    assert found["weather_bronze_late_locations", "current_weather"] == 0
    assert found["weather_bronze_late_locations", "forecast"] == len(PLACES)
    assert found["weather_bronze_late_location_newest_timestamp_seconds", PLACES[0], "forecast"] == 0
    ((path, pushed),) = gateway[1]
    assert path == "/metrics/job/weather_bronze"
    assert samples(pushed) == found


def test_a_gateway_that_is_down_fails_nothing(run_job, duckdb, monkeypatch):
    monkeypatch.setenv("REPORT__METRICS_PUSHGATEWAY", "http://127.0.0.1:9")
    outcome = run_job(duckdb, "current_weather", "reports/load_runs")
    assert outcome.success
    assert outcome.reports["load_runs"]["metrics"] == "not published"


def test_as_long_as_a_package_is_set_aside_a_check_and_a_metric_say_so_with_its_hours(
    run_job, duckdb, tmp_path, monkeypatch, clock
):
    package = SetAsidePackage(
        tmp_path, "20260520T100000-1", clock(), "too bad", 9, {"forecast": 80}, (clock(), clock() + timedelta(hours=1))
    )
    monkeypatch.setattr("dagster_project.reports.assets.set_aside_packages", lambda _: [package])
    monkeypatch.setenv("REPORT__METRICS_TEXTFILE", str(tmp_path / "weather.prom"))
    outcome = run_job(duckdb, "reports/load_runs")
    assert outcome.success
    check = outcome.checks["load_runs", "nothing_set_aside"]
    assert not check.passed
    assert check.description == (
        "1 load package is set aside with 80 rows, fetched from 2026-05-20T12:20:00Z to 2026-05-20T13:20:00Z, which "
        "the tables lack: too bad"
    )
    assert samples((tmp_path / "weather.prom").read_text())["weather_bronze_set_aside_packages",] == 1


def test_a_run_that_waits_for_another_address_fails_the_check_with_the_command_that_brings_it(run_job, duckdb):
    folder = "weather-duckdb-000000000001"
    journal = duckdb.root.with_name(folder) / "20260520T100000-1" / "journal" / "00001.journal"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"an answer")
    check = run_job(duckdb, "reports/load_runs").checks["load_runs", "nothing_set_aside"]
    assert not check.passed
    assert check.description.startswith(
        f"1 interrupted run waits for the address of the folder {folder} since 2026-05-20 10:00Z"
    )
    assert f"`weather packages --retry --from {folder}`" in check.description

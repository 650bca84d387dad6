"""A location added to the list is loaded without a restart; the cursor moves after its run has succeeded."""

import json
from datetime import timedelta

import pytest
from dagster import AssetKey, DagsterRunStatus, SkipReason, build_sensor_context

from dagster_project.assets import materialize
from dagster_project.automation.new_location_sensor import TRIES, new_location_sensor
from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.errors import WriterBusyError
from tests.dagster_project.conftest import PLACES
from tests.helpers.support import count, query

KYIV = "50.4501,30.5234"


@pytest.fixture
def sensor(environment, instance, monkeypatch, tmp_path):  # noqa: ARG001 - the settings in the environment
    """The sensor as the daemon evaluates it: it stores the cursor, and runs the requests or some of their assets."""
    from dagster_project.definitions import defs  # noqa: PLC0415

    job = defs.resolve_job_def("weather_ingestion_job")

    class Evaluated:
        cursor = None
        requests: tuple = ()
        said = ""

        def tick(self, target, *, run=True, only=()):
            monkeypatch.setenv("WEATHER_DESTINATION", target.destination)
            context = build_sensor_context(instance=instance, cursor=self.cursor)
            result = new_location_sensor(context)
            self.requests = tuple(result.run_requests or ())
            self.said = result.skip_reason.skip_message if isinstance(result.skip_reason, SkipReason) else ""
            self.cursor = result.cursor or self.cursor
            for request in self.requests if run else ():
                tags = {"dagster/run_key": request.run_key, "dagster/sensor_name": "new_location_sensor"}
                ops = {name: its for name, its in request.run_config["ops"].items() if not only or name in only}
                job.execute_in_process(
                    run_config={"ops": ops},
                    tags=tags,
                    instance=instance,
                    raise_on_error=False,
                    asset_selection=[AssetKey(["bronze", name]) for name in only] or None,
                )
            return self

        def list_places(self, *places):
            monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps(places))

    return Evaluated()


def test_an_added_place_is_loaded_with_its_history_and_the_others_are_left_alone(sensor, postgres, simulator):
    assert sensor.tick(postgres).requests, "an empty database: everything is new"
    assert sensor.tick(postgres).requests == ()
    calls = simulator.stats.calls

    sensor.list_places(*PLACES, KYIV)
    (request,) = sensor.tick(postgres).requests
    assert request.run_config["ops"]["air_pollution"]["config"]["only_location_ids"] == [KYIV]
    assert query(postgres, "SELECT count(*) FROM air_pollution WHERE location_id = %s", KYIV) == [(2 * 24 + 1,)]
    assert simulator.stats.calls - calls == 4, "one a table"
    assert sensor.tick(postgres).requests == ()
    assert "loaded" in sensor.tick(postgres).said


def test_a_place_added_to_a_file_is_seen(sensor, duckdb, tmp_path, monkeypatch):
    file = tmp_path / "places.csv"
    file.write_text("name,lat,lon\nOslo,59.9139,10.7522\n")
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS_FILE", str(file))
    sensor.list_places()
    sensor.tick(duckdb, only=["locations"])
    assert count(duckdb, "locations") == 1
    file.write_text("name,lat,lon\nOslo,59.9139,10.7522\nKyiv,50.4501,30.5234\n")
    sensor.tick(duckdb, only=["locations"])
    assert count(duckdb, "locations") == 2
    assert sensor.tick(duckdb).requests == ()


def test_the_cursor_waits_for_the_run_and_a_failed_run_is_asked_for_again(sensor, duckdb, simulator, clock, instance):
    simulator.inject(Fault(status=500))
    sensor.tick(duckdb, only=["locations", "current_weather"])
    (failed,) = instance.get_runs()
    assert failed.status == DagsterRunStatus.FAILURE
    # the delay counts from the run's creation, by the real clock
    created = instance.get_run_records()[0].create_timestamp
    clock.moment = created + timedelta(minutes=1)
    assert "next try follows" in sensor.tick(duckdb).said
    assert count(duckdb, "current_weather") == 0
    simulator.clear_faults()
    clock.moment = created + timedelta(minutes=11)
    # coordinates need no look-up, so the places are known although nothing else came
    sensor.tick(duckdb, only=["locations"])
    assert json.loads(sensor.cursor)["loaded"]


def test_a_run_that_is_under_way_is_waited_for(sensor, duckdb, instance):
    (request,) = sensor.tick(duckdb, run=False).requests
    from dagster_project.definitions import defs  # noqa: PLC0415

    job = defs.resolve_job_def("weather_ingestion_job")
    tags = {"dagster/run_key": request.run_key, "dagster/sensor_name": "new_location_sensor"}
    run = instance.create_run_for_job(job, tags=tags, status=DagsterRunStatus.STARTED)
    assert sensor.tick(duckdb).said == f"Run {run.run_id} loads the new places."
    assert json.loads(sensor.cursor)["loaded"] == ""


def test_a_misspelt_place_is_given_up_after_a_few_tries_and_the_others_are_loaded(sensor, duckdb, clock, instance):
    sensor.list_places(*PLACES, "Madridd,ES")
    sensor.tick(duckdb, only=["locations", "current_weather"])
    assert count(duckdb, "current_weather") == len(PLACES)
    assert "did not load all new places; the next try follows" in sensor.tick(duckdb).said
    for _ in range(TRIES):
        clock.moment = instance.get_run_records()[0].create_timestamp + timedelta(minutes=11)
        sensor.tick(duckdb, only=["locations"])
    assert sensor.tick(duckdb).requests == ()
    assert json.loads(sensor.cursor)["loaded"]
    assert len(instance.get_runs()) == TRIES
    assert sensor.said == "No place of the list is new: each is loaded, or the hourly runs go on trying."


def test_without_a_key_it_says_so_and_asks_for_nothing(sensor, duckdb, monkeypatch):
    monkeypatch.delenv("SOURCES__WEATHER__API_KEY")
    assert sensor.tick(duckdb).requests == ()
    assert "No OpenWeather API key" in sensor.said


@pytest.mark.parametrize("steps", [["locations", "current_weather", "air_pollution"], ["current_weather", "forecast"]])
def test_a_misspelt_place_is_looked_up_once_a_run_not_once_a_table(run_job, duckdb, simulator, monkeypatch, steps):
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps([*PLACES, "Madridd,ES", "95,0"]))
    outcome = run_job(duckdb, *steps)
    assert simulator.stats.by_path["/geo/1.0/direct"] == 1
    assert query(duckdb, "SELECT error_class FROM rejects ORDER BY 1") == [("bad_location",), ("not_found",)]
    assert count(duckdb, "current_weather") == len(PLACES)
    assert outcome.order[0] == steps[0]
    run_job(duckdb, *steps)
    assert simulator.stats.by_path["/geo/1.0/direct"] <= 2, "the next run asks again if another hour has begun"
    assert count(duckdb, "rejects") == 2


def test_a_look_up_that_failed_for_a_passing_reason_is_asked_again_by_the_next_run(
    run_job, duckdb, simulator, monkeypatch
):
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps([*PLACES, "Tokyo,JP"]))
    simulator.inject(Fault(path="/geo/1.0/direct", status=503))
    assert run_job(duckdb, "locations", "current_weather", "forecast").success
    assert query(duckdb, "SELECT resource, error_class FROM rejects") == [("locations", "server_error")]
    simulator.clear_faults()
    simulator.requests.clear()
    assert run_job(duckdb, "locations", "current_weather", "forecast").success
    assert [request.path for request in simulator.requests].count("/geo/1.0/direct") == 1
    assert count(duckdb, "locations") == len(PLACES) + 1
    for table in ("current_weather", "forecast"):
        assert query(duckdb, f"SELECT count(DISTINCT location_id) FROM {table}") == [(len(PLACES) + 1,)]


def test_a_step_of_locations_that_fails_leaves_the_look_up_to_the_next_step(run_job, duckdb, simulator, monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps([*PLACES, "Tokyo,JP"]))
    load = materialize.load

    def fail_once(*_args, **_options):
        monkeypatch.setattr(materialize, "load", load)
        raise WriterBusyError("Another run writes.")

    monkeypatch.setattr(materialize, "load", fail_once)
    outcome = run_job(duckdb, "locations", "current_weather", "forecast")
    assert set(outcome.failures) == {"locations"}
    assert sorted(outcome.order) == ["current_weather", "forecast"]
    assert simulator.stats.by_path["/geo/1.0/direct"] == 1
    for table in ("current_weather", "forecast"):
        assert query(duckdb, f"SELECT count(DISTINCT location_id) FROM {table}") == [(len(PLACES) + 1,)]

"""What an hourly load did not get for a passing reason is asked for again within the hour, and nothing else."""

from datetime import datetime, timedelta, timezone

import pytest
from dagster import AssetCheckKey, AssetKey, DagsterRunStatus, DefaultSensorStatus, SkipReason, build_sensor_context

from dagster_project.automation.catch_up_sensor import catch_up_sensor
from dagster_project.common.retries import PAUSES, TRY_TAG, hold_seconds
from dlt_sources.openweather_simulator import Fault
from tests.dagster_project.conftest import PLACES
from tests.helpers.support import query
from tests.weather.extract.series import lat

MADRID, OSLO = PLACES
CURRENT, FORECAST = "/data/2.5/weather", "/data/2.5/forecast"


@pytest.fixture
def clock(clock):
    """The clock of the test at the present hour, at which Dagster records its runs."""
    clock.moment = datetime.now(timezone.utc).replace(minute=30, second=0, microsecond=0)
    return clock


@pytest.fixture
def sensor(environment, instance, clock, monkeypatch):  # noqa: ARG001 - the settings in the environment
    """The sensor as the daemon evaluates it: it stores the cursor, and runs the requests."""
    from dagster_project.definitions import defs  # noqa: PLC0415

    job = defs.resolve_job_def("weather_ingestion_job")

    class Evaluated:
        cursor = None
        requests: tuple = ()
        said = ""

        def load(self, target, *names, config=None, tags=None):
            """Run the job, or some of its assets."""
            monkeypatch.setenv("WEATHER_DESTINATION", target.destination)
            return job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                asset_selection=[AssetKey(["bronze", name]) for name in names] or None,
                run_config=config,
                tags=tags,
            )

        def tick(self, *, run=None, **later):
            """Evaluate the sensor when the run that ended last is as old as its next pause, or later."""
            moment = clock.moment
            if later:
                clock.moment = datetime.now(timezone.utc) + timedelta(**later)
            result = catch_up_sensor(build_sensor_context(instance=instance, cursor=self.cursor))
            clock.moment = moment
            self.requests = tuple(result.run_requests or ())
            self.said = result.skip_reason.skip_message if isinstance(result.skip_reason, SkipReason) else ""
            self.cursor = result.cursor
            for request in self.requests if run else ():
                job.execute_in_process(
                    instance=instance,
                    raise_on_error=False,
                    run_config=request.run_config,
                    tags=request.tags,
                    asset_selection=[key for key in request.asset_selection if key.path[0] == "bronze"],
                )
            return self

    return Evaluated()


@pytest.fixture
def always(monkeypatch):
    """Let the pause before a try be over at once: these tests may run when an hour ends."""
    monkeypatch.setattr("dagster_project.automation.catch_up_sensor.PAUSES", (timedelta(hours=-1),) * len(PAUSES))


def test_only_what_is_missing_for_a_passing_reason_is_asked_for_again(sensor, target, simulator, clock, always):  # noqa: ARG001
    simulator.inject(Fault(path=FORECAST, where={"lat": lat(OSLO)}, status=500))
    simulator.inject(Fault(path=CURRENT, where={"lat": lat(MADRID)}, status=404))
    assert "No run" in sensor.tick().said
    assert sensor.load(target, "locations", "current_weather", "forecast", "air_pollution_forecast", "air_pollution")
    simulator.clear_faults()
    calls = simulator.stats.calls
    (request,) = sensor.tick(run=True).requests
    assert request.tags[TRY_TAG] == "1"
    assert request.run_config["ops"] == {"forecast": {"config": {"only_missing": True, "only_location_ids": [OSLO]}}}
    assert AssetKey(["reports", "load_runs"]) in request.asset_selection
    assert simulator.stats.calls - calls == 1
    assert query(target, "SELECT count(DISTINCT location_id) FROM forecast") == [(2,)]
    assert sensor.tick().requests == ()
    assert sensor.tick().said == "Nothing is left to ask for until the next load."
    clock.pass_time(hours=1)
    assert "No run of all places has ended since the load was due" in sensor.tick().said


def test_nothing_is_asked_for_again_while_no_call_is_left(sensor, duckdb, simulator, monkeypatch, always):  # noqa: ARG001
    simulator.inject(Fault(path=CURRENT, where={"lat": lat(OSLO)}, status=500))
    monkeypatch.setenv("SOURCES__WEATHER__CALLS_PER_DAY", "4")
    assert sensor.load(duckdb, "current_weather", "forecast").success
    calls = simulator.stats.calls
    assert sensor.tick(run=True).requests == ()
    monkeypatch.setenv("SOURCES__WEATHER__CALLS_PER_DAY", "100")
    sensor.cursor = None
    assert sensor.tick().requests
    assert simulator.stats.calls == calls


def test_a_run_that_died_is_completed_in_a_few_tries_with_growing_pauses(  # noqa: PLR0917
    sensor, instance, duckdb, simulator, clock, monkeypatch
):
    # Dagster notes the run's end by the real clock, which must not be that of the next load
    schedule = f"{(datetime.now(timezone.utc).minute + 30) % 60} * * * *"
    monkeypatch.setattr("dagster_project.automation.catch_up_sensor.configured_schedule", lambda: schedule)
    simulator.inject(Fault(path="/data/", status=500))
    run = sensor.load(duckdb)
    assert not run.success
    ended = instance.get_run_record_by_id(run.run_id).end_time
    clock.moment = datetime.fromtimestamp(ended, timezone.utc)
    assert "Try 1 of 4 follows" in sensor.tick().said
    clock.pass_time(minutes=1)
    (request,) = sensor.tick().requests
    assert set(request.run_config["ops"]) == {"current_weather", "forecast", "air_pollution", "air_pollution_forecast"}
    assert request.run_config["ops"]["air_pollution"] == {"config": {}}
    assert "Try 2 of 4 follows" in sensor.tick().said
    assert list(PAUSES) == sorted(PAUSES)
    assert sum(PAUSES, timedelta()) < timedelta(minutes=40)


def test_a_try_for_one_place_that_always_fails_succeeds_and_the_check_goes_on_naming_it(
    sensor,
    instance,
    duckdb,
    simulator,
    always,  # noqa: ARG001
):
    simulator.inject(Fault(path=FORECAST, where={"lat": lat(OSLO)}, status=500))
    # as the sensor of new locations starts the first run
    first = {"config": {"only_location_ids": PLACES}}
    assert sensor.load(duckdb, "locations", "forecast", config={"ops": {"locations": first, "forecast": first}}).success
    (request,) = sensor.tick(run=True).requests
    assert request.run_config["ops"]["forecast"]["config"]["only_location_ids"] == [OSLO]
    newest = instance.get_run_records(limit=1)[0].dagster_run
    assert newest.tags[TRY_TAG] == "1"
    assert newest.status == DagsterRunStatus.SUCCESS
    check = AssetCheckKey(AssetKey(["bronze", "forecast"]), "locations_are_recent")
    (last,) = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)
    assert last.run_id == newest.run_id
    assert last.event.dagster_event.asset_check_evaluation_data.description.startswith(
        f"forecast: 1 of 2 places without recent rows: {OSLO} never: "
    )


def test_what_would_fail_again_and_what_a_person_ended_is_not_asked_for_again(  # noqa: PLR0917
    sensor,
    instance,
    duckdb,
    simulator,
    monkeypatch,
    always,  # noqa: ARG001
):
    with monkeypatch.context() as without:
        without.delenv("SOURCES__WEATHER__API_KEY")
        assert not sensor.load(duckdb).success
    assert sensor.tick().requests == ()
    assert sensor.tick().said == "Nothing is left to ask for until the next load."
    sensor.cursor = None
    simulator.inject(Fault(path="/data/", status=500))
    ended = sensor.load(duckdb, "forecast")
    instance.report_run_canceled(instance.get_run_by_id(ended.run_id))
    assert instance.get_run_by_id(ended.run_id).status == DagsterRunStatus.CANCELED
    assert sensor.tick().requests == ()


def test_messages_wait_for_the_tries_and_not_where_another_scheduler_starts_the_loads(monkeypatch):
    assert hold_seconds({}) == hold_seconds({TRY_TAG: "3"}) > sum(PAUSES, timedelta()).total_seconds()
    assert hold_seconds({TRY_TAG: "4"}) == 0
    assert catch_up_sensor.default_status == DefaultSensorStatus.RUNNING
    monkeypatch.setenv("WEATHER_SCHEDULE", "off")
    assert hold_seconds({}) == 0

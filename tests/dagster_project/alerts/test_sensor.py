"""Incidents: one message each and one when it is resolved, from runs of the pipeline and of small jobs."""

import os

import pytest
from dagster import AssetCheckSeverity, AssetKey, Failure

from dagster_project.common.failures import failure, reported_failures
from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.errors import DestinationError, RepairNeededError
from dlt_sources.weather.contracts import Forecast
from tests.dagster_project.conftest import RESOURCES
from tests.helpers.support import query
from tests.weather.extract.series import lat

BOTH = pytest.mark.parametrize("instance", ["sqlite", "postgres"], indirect=True)


def test_an_asset_that_fails_is_one_message_and_its_recovery_another(  # noqa: PLR0917
    run_job, duckdb, simulator, clock, receiver, mailbox, to, ticks
):
    to(receiver.url, mailbox.url, dagster_url="https://dagster.example.org/")
    simulator.inject(Fault(path="/data/2.5/forecast", status=500))
    run_job(duckdb, "forecast")
    ticks()
    assert receiver.got == [], "retries may end it"
    for _ in range(2):
        last = run_job(duckdb, "forecast")
        assert not last.success
        ticks(minutes=20)
    ticks(seconds=30)
    assert receiver.titles == mailbox.titles == ["Loading bronze/forecast failed: Internal error: 500001"]
    (message,) = receiver.got
    assert message["type"] == "failure"
    assert message["message"].startswith("forecast: 2 of 2 ")
    assert "Where: bronze/forecast (duckdb, dataset bronze)" in message["message"]
    assert "Since: 20" in message["message"]
    assert " UTC" in message["message"]
    assert f"Run: https://dagster.example.org/runs/{last.run_id}" in message["message"]
    assert "What to do: Look at the rejects table; the next run asks again" in message["message"]
    assert mailbox.got[0]["To"] == "people@example.org"
    assert "dagster.example.org/runs" in mailbox.got[0].get_content()

    simulator.clear_faults()
    clock.pass_time(hours=1)
    good = run_job(duckdb, "forecast")
    assert good.success
    ticks(minutes=20)
    ticks(minutes=20)
    assert (
        receiver.titles[1:]
        == mailbox.titles[1:]
        == ["Recovered: loading bronze/forecast failed: Internal error: 500001"]
    )
    recovered = receiver.got[1]
    assert recovered["type"] == "success"
    assert "seen in 3 run(s)" in recovered["message"]
    assert "It lasted 1 h " in recovered["message"]
    assert good.run_id in recovered["message"]
    assert ticks.state.open == {}


def test_five_assets_that_fail_for_one_missing_key_are_one_message(run_job, duckdb, receiver, to, ticks, monkeypatch):  # noqa: PLR0917
    to(receiver.url)
    with monkeypatch.context() as without_key:
        without_key.delenv("SOURCES__WEATHER__API_KEY")
        for _ in range(2):
            assert len(run_job(duckdb).failures) == len(RESOURCES)
            ticks()
    assert receiver.titles == ["Weather loads fail: KeyRefusedError"]
    assert receiver.got[0]["message"].startswith("No OpenWeather API key is set. Set OPENWEATHER_API_KEY.")
    for name in RESOURCES:
        assert f"bronze/{name}" in receiver.got[0]["message"]
    assert "Correct the key" in receiver.got[0]["message"]

    assert run_job(duckdb, "locations", "forecast").success
    ticks()
    assert len(receiver.got) == 1, "three assets have not succeeded since"
    assert run_job(duckdb, *set(RESOURCES) - {"locations", "forecast"}).success
    ticks()
    assert receiver.titles[1:] == ["Recovered: weather loads fail: KeyRefusedError"]
    assert "seen in 2 run(s)" in receiver.got[1]["message"]


def test_an_api_that_cannot_be_reached_is_one_message_with_the_cause_in_its_first_sentence(  # noqa: PLR0917
    run_job, duckdb, receiver, to, ticks, monkeypatch
):
    to(receiver.url)
    endpoints = ("current_weather", "forecast", "air_pollution", "air_pollution_forecast")
    assert run_job(duckdb, "locations").success
    with monkeypatch.context() as unreachable:
        unreachable.setenv("SOURCES__WEATHER__BASE_URL", "http://127.0.0.1:9")
        assert set(run_job(duckdb, *endpoints).failures) == set(endpoints)
        ticks(minutes=40)
    (title,) = receiver.titles
    assert title.startswith("Loading 4 assets failed: ")
    first = receiver.got[0]["message"].splitlines()[0]
    assert "OpenWeather cannot be reached" in first
    assert "onnect" in first
    assert "rest is loaded" not in receiver.got[0]["message"]
    assert all(f"bronze/{name}" in receiver.got[0]["message"] for name in endpoints)
    assert run_job(duckdb, *endpoints).success
    ticks()
    assert len(receiver.got) == 2


def test_a_place_that_fails_for_good_is_one_message_and_loading_others_does_not_end_it(  # noqa: PLR0917
    run_job, duckdb, simulator, clock, receiver, to, ticks
):
    to(receiver.url)
    assert run_job(duckdb, "current_weather", "forecast").success
    simulator.inject(Fault(path="/data/", where={"lat": lat("59.9139,10.7522")}, status=404))
    clock.pass_time(hours=2)
    assert run_job(duckdb, "current_weather", "forecast").success
    ticks()
    (message,) = [one for one in receiver.got if "places" in one["title"]]
    assert message["title"] == "Warning: some places get no data"
    assert message["message"].splitlines()[0] == "1 of 2 places gets no data: 59.9139,10.7522: city not found (404)."
    assert "Since: 2026-05-20 12:20 UTC" in message["message"], "since when data are missing"
    assert "bronze/current_weather, bronze/forecast" in message["message"]
    assert message["message"].count("59.9139,10.7522: nothing since 2026-05-20 12:20 UTC; city not found (404)") == 1
    assert run_job(duckdb, "current_weather").success
    ticks()
    assert not [one for one in receiver.titles if "Recovered" in one]
    simulator.clear_faults()
    assert run_job(duckdb, "current_weather", "forecast").success
    ticks()
    assert [one for one in receiver.titles if "Recovered" in one] == ["Recovered: 59.9139,10.7522 gets data again"]


def test_a_check_that_fails_names_rows_and_advice_and_is_one_incident(run_job, duckdb, receiver, to, ticks):
    assert run_job(duckdb, "forecast").success
    ticks()
    to(receiver.url)
    key = ", ".join(Forecast.key)
    query(duckdb, "CREATE TABLE saved AS SELECT * FROM forecast")
    # of another issue: a load replaces rows of its own keys
    older = "SELECT * REPLACE (issued_at - INTERVAL 1 DAY AS issued_at) FROM forecast ORDER BY dt LIMIT 1"
    query(duckdb, f"INSERT INTO forecast SELECT older.* FROM ({older}) AS older, range(2)")
    outcome = run_job(duckdb, "forecast")
    assert set(outcome.failures) == {"check_forecast"}
    (double,) = query(duckdb, f"SELECT location_id, strftime(dt::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ') FROM forecast"
                              f" GROUP BY {key} HAVING count(*) > 1")  # fmt: skip
    ticks()
    assert receiver.titles == ["Check no_duplicate_keys of bronze/forecast failed"]
    body = receiver.got[0]["message"]
    assert "Rows at fault: 1; the first:" in body
    assert f"location_id={double[0]} dt={double[1]} " in body
    assert "What to do: Delete the surplus rows" in body
    assert outcome.run_id in body

    query(duckdb, "DELETE FROM forecast")
    query(duckdb, "INSERT INTO forecast SELECT * FROM saved")
    assert run_job(duckdb, "forecast").success
    ticks()
    assert receiver.titles[1:] == ["Recovered: check no_duplicate_keys of bronze/forecast failed"]


def test_a_check_that_warns_fails_no_run_and_is_sent_as_a_warning(run_job, duckdb, receiver, to, ticks):
    assert run_job(duckdb, "air_pollution").success
    to(receiver.url)
    query(duckdb, "DELETE FROM air_pollution WHERE dt = '2026-05-19T01:00:00Z'")
    assert run_job(duckdb, "air_pollution").success
    ticks()
    assert receiver.titles == ["Warning: check no_gaps of bronze/air_pollution warns"]
    assert receiver.got[0]["type"] == "warning"
    assert "2 hours are missing: " in receiver.got[0]["message"]
    assert "What to do: weather load --resources air_pollution --since 2026-05-18" in receiver.got[0]["message"]


def test_a_warning_that_becomes_an_error_is_sent_again(small, receiver, to, ticks):
    to(receiver.url)
    small.failing = {"check one"}
    small.severity = AssetCheckSeverity.WARN
    small.run("one")
    ticks()
    small.run("one")
    ticks()
    small.severity = AssetCheckSeverity.ERROR
    small.run("one")
    ticks()
    small.severity = AssetCheckSeverity.WARN
    small.run("one")
    ticks()
    assert receiver.titles == [
        "Warning: check no_duplicate_keys of one warns",
        "Check no_duplicate_keys of one failed",
    ]
    assert "It was a warning before." in receiver.got[1]["message"]
    assert "Rows at fault: more than 20; the first:" in receiver.got[1]["message"]


def test_a_database_that_takes_no_rows_is_told_at_once_and_the_load_is_tried_again(  # noqa: PLR0917
    run_job, postgres, postgres_server, clock, receiver, to, ticks
):
    to(receiver.url)
    database = os.environ["DESTINATION__POSTGRES__CREDENTIALS"].rsplit("/", 1)[1]
    assert run_job(postgres, "forecast").success
    postgres_server.psql(database, f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    clock.pass_time(hours=1)
    assert not run_job(postgres, "forecast").success
    ticks()
    assert receiver.titles == ["Weather loads fail: RepairNeededError"]
    assert "read-only transaction. The server takes no writes" in receiver.got[0]["message"].splitlines()[0]
    assert "What to do: The rows are kept" in receiver.got[0]["message"]
    assert failure(RepairNeededError("full")).allow_retries, "the tries of the hour go on"
    postgres_server.psql("postgres", f'ALTER DATABASE "{database}" RESET default_transaction_read_only')
    assert run_job(postgres, "forecast").success
    ticks()
    assert receiver.titles[1:] == ["Recovered: weather loads fail: RepairNeededError"]


@BOTH
def test_errors_of_one_kind_in_several_assets_are_several_incidents_each_sent_once(small, receiver, to, ticks):
    to(receiver.url)
    small.failing = {"one", "two"}
    for _ in range(2):
        small.run()
        ticks()
    assert sorted(receiver.titles) == ["Loading one failed: ValueError", "Loading two failed: ValueError"]
    assert {message["message"].splitlines()[0] for message in receiver.got} == {
        "ValueError: no one today",
        "ValueError: no two today",
    }
    small.failing = {"two"}
    small.run()
    ticks()
    assert receiver.titles[2:] == ["Recovered: loading one failed: ValueError"]


def test_an_unforeseen_error_is_named_by_its_own_class(small, receiver, to, ticks):
    def unforeseen(name):
        with pytest.raises(Failure) as raised, reported_failures():
            raise KeyError(f"{name}: where is it?")
        return raised.value

    to(receiver.url)
    small.error = unforeseen
    small.failing = {"one"}
    small.run("one")
    ticks()
    assert receiver.titles == ["Loading one failed: KeyError"]


def test_a_failing_destination_is_one_incident_over_runs_and_assets(small, receiver, to, ticks):
    to(receiver.url)
    small.error = lambda name: DestinationError(f"the disk under {name} is full")
    small.failing = {"one"}
    small.run("one")
    ticks()
    small.failing = {"two", "three"}
    small.run("two", "three")
    ticks()
    small.failing = set()
    small.run("one", "two")
    ticks()
    assert receiver.titles == ["Weather loads fail: DestinationError"]
    small.run("three")
    ticks()
    assert receiver.titles[1:] == ["Recovered: weather loads fail: DestinationError"]
    assert "Where: one, three, two" in receiver.got[1]["message"]


def test_a_failure_that_was_resolved_before_the_tick_is_one_message(small, receiver, to, ticks):
    to(receiver.url)
    small.failing = {"one"}
    small.run("one")
    small.failing = set()
    small.run("one")
    ticks()
    ticks()
    assert receiver.titles == ["Recovered: loading one failed: ValueError"]
    assert "It was: ValueError: no one today" in receiver.got[0]["message"]


def test_a_cursor_of_another_form_starts_over(small, receiver, to, ticks):
    to(receiver.url)
    small.failing = {"one"}
    small.run("one")
    ticks.cursor = '{"something": "else"}'
    ticks()
    assert receiver.got == []
    small.run("one")
    ticks()
    assert receiver.titles == ["Loading one failed: ValueError"]


def test_the_sensor_is_on_by_default_and_runs_every_half_minute():
    from dagster import DefaultSensorStatus  # noqa: PLC0415

    from dagster_project.alerts import ALERTS, alert_sensor, channels_work  # noqa: PLC0415

    assert alert_sensor.default_status == DefaultSensorStatus.RUNNING
    assert alert_sensor.minimum_interval_seconds == 30
    (key,) = channels_work.check_keys
    assert (key.asset_key, key.name) == (AssetKey("alerts"), "channels_work")
    assert ALERTS.key == AssetKey("alerts")

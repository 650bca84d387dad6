"""Locations that get nothing are named: since when, and why."""

from datetime import timedelta

import dlt
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather import weather_source
from dlt_sources.weather.contracts import AirPollution, CurrentWeather, Forecast
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.status.late import late_after, late_locations
from tests.helpers.clock import SENTINEL_KEY
from tests.helpers.support import load_accounted, query
from tests.weather.extract.series import CURRENT, HISTORY, MADRID, OSLO, lat

TOKYO = "35.6895,139.6917"
HOURLY = ["current_weather", "forecast"]
OSLO_FAILS = Fault(path=CURRENT, where={"lat": lat(OSLO)}, status=404, body=b'{"cod":"404","message":"city not found"}')


def late(target, settings, resource, clock):
    with target.reader() as reader:
        return late_locations(reader, settings, resource, clock())


def test_a_location_that_fails_for_good_is_late_by_its_resource_with_its_last_row_and_the_cause(
    target, settings, clock, simulator
):
    choice = settings(resources=HOURLY, locations=[MADRID, OSLO])
    load_accounted(target, choice, clock)
    for resource in ("locations", *HOURLY):
        assert late(target, choice, resource, clock) == [], resource
    last = clock()
    simulator.inject(OSLO_FAILS)
    clock.pass_time(hours=2)
    load_accounted(target, choice, clock)
    ((resource, location_id, text, newest, cause, http_status, *_),) = late(target, choice, "current_weather", clock)
    assert (resource, location_id, text, newest) == ("current_weather", OSLO, OSLO, last)
    assert (cause, http_status) == ("not_found: city not found", 404)
    assert late(target, choice, "forecast", clock) == []


def test_a_location_that_never_was_found_is_late_for_every_resource(duckdb, settings, clock):
    choice = settings(resources=HOURLY, locations=["Oslo,NO", "Nowhere-at-all,XX", "95,200"])
    load_accounted(duckdb, choice, clock)
    for resource in ("locations", *HOURLY):
        found = {one.query: one for one in late(duckdb, choice, resource, clock)}
        assert set(found) == {"Nowhere-at-all,XX", "95,200"}
        assert found["Nowhere-at-all,XX"].newest is None
        assert found["95,200"].location_id is None
        assert "latitude" in found["95,200"].cause


def test_without_any_load_every_location_is_late(duckdb, settings, clock):
    choice = settings(locations=[MADRID, OSLO])
    for resource in ("locations", "current_weather", "air_pollution"):
        assert [one[1:5] for one in late(duckdb, choice, resource, clock)] == [
            (MADRID, MADRID, None, None),
            (OSLO, OSLO, None, None),
        ]


def test_the_cause_is_the_runs_when_no_request_of_the_location_was_made(duckdb, settings, clock, simulator):
    choice = settings(resources=["current_weather"], locations=[MADRID, OSLO])
    load_accounted(duckdb, choice, clock)
    clock.pass_time(hours=2)
    simulator.inject(Fault(path=CURRENT, status=401))
    load_accounted(duckdb, choice, clock)
    causes = [one.cause for one in late(duckdb, choice, "current_weather", clock)]
    assert len(causes) == 2
    assert all("refuse" in cause or "key" in cause for cause in causes)


def test_the_cause_is_the_interrupt_when_the_newest_run_was_interrupted(duckdb, settings, clock):
    choice = settings(resources=["current_weather"], locations=[MADRID, OSLO])
    load(duckdb, choice, now=clock, on_start=lambda run: run.interrupt())
    assert {one.cause for one in late(duckdb, choice, "current_weather", clock)} == {"the run was interrupted"}


@pytest.mark.parametrize(("schedule", "gap"), [("0 * * * *", 1), ("0 */2 * * *", 2), ("0 6-18 * * *", 12)])
def test_a_location_is_late_from_the_moment_that_the_schedule_allows(duckdb, settings, clock, schedule, gap):
    choice = settings(resources=["current_weather", "air_pollution"], locations=[OSLO], schedule=schedule)
    load_accounted(duckdb, choice, clock)
    assert late_after("current_weather", schedule) == timedelta(hours=gap, minutes=30)
    clock.pass_time(hours=gap, minutes=30)
    assert late(duckdb, choice, "current_weather", clock) == []
    clock.pass_time(minutes=1)
    assert [one.location_id for one in late(duckdb, choice, "current_weather", clock)] == [OSLO]
    assert late(duckdb, choice, "air_pollution", clock) == []
    clock.pass_time(minutes=90)
    assert [one.location_id for one in late(duckdb, choice, "air_pollution", clock)] == [OSLO]


def test_history_is_late_by_its_hours_not_by_the_moment_they_were_fetched(duckdb, settings, clock, simulator):
    choice = settings(resources=["air_pollution"], locations=[OSLO])
    load_accounted(duckdb, choice, clock)
    last = clock().replace(minute=0)
    clock.pass_time(hours=5)
    simulator.inject(Fault(path=HISTORY, status=500))
    load_accounted(duckdb, settings(resources=["air_pollution"], locations=[OSLO], attempts=1), clock)
    (one,) = late(duckdb, choice, "air_pollution", clock)
    assert (one.newest, one.cause.partition(":")[0]) == (last, "server_error")


def test_stale_locations_are_found_among_the_rows_of_recent_loads(target, settings, clock, simulator):
    choice = settings(resources=HOURLY, locations=[MADRID, OSLO])
    load_accounted(target, choice, clock)
    first = clock()
    clock.pass_time(hours=1)
    simulator.inject(Fault(where={"lat": lat(OSLO)}, status=404))
    load_accounted(target, choice, clock)
    with target.reader() as reader:
        assert reader.stale_locations(Forecast, first) == {}
        assert reader.stale_locations(Forecast, clock()) == {OSLO: first}
        assert reader.stale_locations(Forecast, clock() + timedelta(days=1)) == {OSLO: first, MADRID: clock()}
        assert reader.stale_locations(AirPollution, first, "dt") == {OSLO: None, MADRID: None}


def test_a_row_under_an_older_load_id_is_recent_all_the_same(duckdb, settings, clock):
    choice = settings(resources=["current_weather"], locations=[MADRID, OSLO])
    load_accounted(duckdb, choice, clock)
    query(duckdb, "UPDATE current_weather SET _dlt_load_id = '1000000000.0'")
    with duckdb.reader() as reader:
        assert reader.stale_locations(CurrentWeather, clock()) == {}


def test_rows_that_a_plain_dlt_pipeline_loaded_without_load_ids_count(tmp_path, api):
    pipeline = dlt.pipeline(
        "plain", destination=dlt.destinations.duckdb(str(tmp_path / "plain.duckdb")), dataset_name="bronze"
    )
    source = weather_source(resources=["current_weather"], locations=[MADRID, OSLO], base_url=api, api_key=SENTINEL_KEY)
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = False
    pipeline.run(source, loader_file_format="parquet")
    with pipeline.sql_client() as client:
        ((newest,),) = client.execute_sql("SELECT max(fetched_at) FROM current_weather")
        reader = DestinationReader(client)
        assert "_dlt_load_id" not in reader.columns("current_weather")
        assert reader.stale_locations(CurrentWeather, newest - timedelta(minutes=1)) == {}
        assert set(reader.stale_locations(CurrentWeather, newest + timedelta(minutes=1))) == {MADRID, OSLO}

"""Runs that most locations or the key fail, and the endpoint with its own subscription."""

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.errors import IncompleteError, KeyRefusedError
from tests.helpers.support import count, load_accounted, query, tables
from tests.weather.extract.series import (
    AIR,
    CURRENT,
    HISTORY,
    MADRID,
    OSLO,
    TOKYO,
    WEEK,
    assert_complete,
    lat,
    week_before,
)


def test_the_run_fails_when_most_places_do_and_keeps_what_came(duckdb, settings, clock, simulator):
    for place in (MADRID, TOKYO):
        simulator.inject(Fault(path=HISTORY, where={"lat": lat(place)}, status=503))
    choice = settings(resources=AIR, locations=[MADRID, OSLO, TOKYO], attempts=2)
    report = load_accounted(duckdb, choice, clock)
    assert isinstance(report.error, IncompleteError)
    assert "2 of " in str(report.error)
    assert_complete(duckdb, OSLO, week_before(clock()), clock().replace(minute=0))
    simulator.clear_faults()
    assert load_accounted(duckdb, choice, clock).error is None
    assert count(duckdb, "air_pollution") == 3 * WEEK


def test_a_refused_key_stops_the_run_at_once(duckdb, settings, clock, simulator):
    simulator.keys = frozenset({"f" * 32})
    places = [f"{n / 10},{n / 10}" for n in range(300)]
    report = load_accounted(duckdb, settings(locations=places, calls_per_minute=1000), clock)
    assert isinstance(report.error, KeyRefusedError)
    assert "OPENWEATHER_API_KEY" in str(report.error)
    assert "2 hours" in str(report.error)
    # those that were under way when the first refusal came
    assert simulator.stats.calls < 150
    assert set(simulator.stats.by_path) == {CURRENT}, "no other endpoint is asked with a key that is refused"
    assert tables(duckdb) & {"current_weather", "air_pollution"} == set()
    statuses = dict(query(duckdb, "SELECT resource, status FROM load_runs"))
    assert statuses["current_weather"] == "failed"


def test_a_key_refused_by_the_geocoder_stops_the_run_at_once(duckdb, settings, clock, simulator):
    simulator.keys = frozenset({"f" * 32})
    places = [f"Place {n}" for n in range(300)]
    report = load_accounted(duckdb, settings(locations=places, calls_per_minute=1000), clock)
    assert isinstance(report.error, KeyRefusedError)
    assert simulator.stats.calls < 150
    assert set(simulator.stats.by_path) == {"/geo/1.0/direct"}


def test_a_key_without_one_call_is_told_about_the_subscription(duckdb, settings, clock):
    choice = settings(resources=["current_weather", "one_call"], locations=[OSLO])
    report = load_accounted(duckdb, choice, clock)
    assert isinstance(report.error, KeyRefusedError)
    assert "needs its own subscription" in str(report.error)
    assert "OPENWEATHER_API_KEY" not in str(report.error)


def test_one_call_fills_its_four_tables(duckdb, settings, clock, simulator):
    simulator.one_call_keys = "all"
    warning = {"sender_name": "AEMET", "event": "Heat", "start": 1779270000, "end": 1779310000, "description": "Hot."}
    simulator.inject(Fault(path="/data/3.0/onecall", where={"lat": lat(MADRID)}, set={"alerts": [warning]}))
    choice = settings(resources=["one_call"], locations=[MADRID, OSLO])
    for _ in range(2):
        report = load_accounted(duckdb, choice, clock)
        assert report.error is None
        assert report.rows_rejected == 0
    assert count(duckdb, "one_call_hourly") == 2 * 48
    assert count(duckdb, "one_call_daily") == 2 * 8
    assert count(duckdb, "one_call_minutely") > 0
    assert query(duckdb, "SELECT count(*) FROM one_call_alerts WHERE location_id = %s", MADRID) == [(1,)]
    assert count(duckdb, "weather_raw") == 2

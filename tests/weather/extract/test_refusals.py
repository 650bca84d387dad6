"""Runs that most locations or the key fail, and the endpoint with its own subscription."""

import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.errors import IncompleteError, KeyRefusedError
from dlt_sources.weather.pipeline.load import load
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


ONE_CALL = "/data/3.0/onecall"
BEFORE_IT = ["one_call", "current_weather", "forecast"]


def test_one_call_without_a_subscription_is_told_and_everything_else_is_loaded(duckdb, settings, clock, simulator):
    report = load_accounted(duckdb, settings(resources=BEFORE_IT, locations=[OSLO, MADRID]), clock)
    assert isinstance(report.error, KeyRefusedError)
    assert "accepts the key, but not for One Call 3.0 (401): its account has no subscription" in str(report.error)
    assert "using One Call 3.0 requires a separate subscription" in str(report.error), "the API's own words"
    assert str(report.error).endswith("The rest is loaded.")
    assert "OPENWEATHER_API_KEY" not in str(report.error)
    assert (count(duckdb, "current_weather"), count(duckdb, "forecast")) == (2, 80)
    statuses = dict(query(duckdb, "SELECT resource, status FROM load_runs"))
    assert statuses["one_call"] == "failed"
    assert statuses["current_weather"] == statuses["forecast"] == "ok"
    assert simulator.stats.by_path[ONE_CALL] <= 2


@pytest.mark.parametrize(
    ("refused", "right"),
    [
        (["one_call"], "resources of One Call 4.0"),
        (["one_call_current", "one_call_minutely", "weather_history"], "one_call"),
    ],
)
def test_a_subscription_to_the_other_version_of_one_call_is_told_with_the_setting(
    duckdb, settings, simulator, refused, right
):
    has = 3 if right == "one_call" else 4
    simulator.one_call_keys, simulator.one_call_version = "all", has
    places = [f"{n},{n}" for n in range(20)]
    report = load(duckdb, settings(resources=[*refused, "current_weather"], locations=places))
    assert isinstance(report.error, KeyRefusedError)
    said = f"accepts the key, but not for One Call {7 - has}.0 (401): its account has One Call {has}.0; "
    said += f"set one_call_version = {has} and choose {right} in place of {', '.join(refused)}."
    assert said in str(report.error)
    assert count(duckdb, "current_weather") == 20
    assert simulator.stats.by_path["/data/2.5/weather"] == 20, "the key is known to work"


def test_one_call_alone_with_a_wrong_key_is_told_as_a_wrong_key(duckdb, settings, simulator):
    simulator.keys = frozenset({"f" * 32})
    report = load(duckdb, settings(resources=["one_call_current"], locations=[OSLO]))
    assert isinstance(report.error, KeyRefusedError)
    assert "OpenWeather refuses the API key (401). Check OPENWEATHER_API_KEY" in str(report.error)
    assert "The answer was: Invalid API key" in str(report.error)
    assert "subscription" not in str(report.error)
    assert "subscription" not in query(duckdb, "SELECT message FROM rejects")[0][0]


def test_a_refusal_whose_cause_cannot_be_found_names_all_of_them(duckdb, settings, simulator):
    simulator.inject(Fault(path="/data/2.5/weather", status=429))
    report = load(duckdb, settings(resources=["one_call"], locations=[OSLO]))
    assert "Either it is not the right one" in str(report.error)
    assert "set one_call_version = 4" in str(report.error)


def test_one_call_whose_calls_of_the_day_are_spent_holds_up_nothing_else(duckdb, settings, clock, simulator):
    simulator.one_call_keys = "all"
    simulator.inject(Fault(path=ONE_CALL, status=429))
    choice = settings(resources=BEFORE_IT, locations=[OSLO, MADRID], rate_limit_patience_seconds=0.1)
    report = load_accounted(duckdb, choice, clock)
    assert report.packages == 2, "rows of the others are loaded before One Call is asked"
    assert isinstance(report.error, IncompleteError)
    assert "refusing calls of One Call 3.0 (429)" in str(report.error)
    assert "temporary blocked" in str(report.error), "the API's own words"
    assert (count(duckdb, "current_weather"), count(duckdb, "forecast")) == (2, 80)
    words = "SELECT DISTINCT message LIKE '%temporary blocked%', http_status FROM rejects"
    assert query(duckdb, words) == [(True, 429)]


def test_calls_that_are_refused_do_not_hold_up_one_call(duckdb, settings, clock, simulator):
    simulator.one_call_keys = "all"
    simulator.inject(Fault(path=CURRENT, status=429))
    choice = settings(resources=BEFORE_IT, locations=[OSLO, MADRID], rate_limit_patience_seconds=0.1)
    report = load_accounted(duckdb, choice, clock)
    assert isinstance(report.error, IncompleteError)
    assert count(duckdb, "one_call_hourly") == 2 * 48
    assert simulator.stats.by_path["/data/2.5/forecast"] == 0, "the same product"


def test_the_end_of_patience_is_told_once_and_of_what_was_chosen(duckdb, settings, clock, simulator, caplog):
    simulator.inject(Fault(path=CURRENT, status=429))
    places = [f"{n / 10},{n / 10}" for n in range(50)]
    choice = settings(resources=["current_weather"], locations=places, rate_limit_patience_seconds=0.1)
    report = load_accounted(duckdb, choice, clock)
    said = [record.getMessage() for record in caplog.records if "Nothing more" in record.getMessage()]
    assert said == ["Nothing more is asked of current_weather: OpenWeather keeps refusing calls (429)."]
    assert str(report.error).endswith("https://openweathermap.org/price. The rest is loaded.")
    metrics = report.metrics_by_resource["current_weather"]
    assert (metrics.rows_fetched, metrics.rows_rejected) == (1, 1), "what is not asked is not rejected"
    assert query(duckdb, "SELECT status, requests FROM load_runs WHERE resource = 'current_weather'") == [("failed", 1)]


@pytest.mark.parametrize("status", [401, 403])
def test_an_endpoint_that_the_plan_lacks_ends_alone(duckdb, settings, clock, simulator, status):
    simulator.inject(Fault(path="/data/2.5/forecast", status=status, body=b'{"cod":401,"message":"Not in your plan"}'))
    resources = ["current_weather", "forecast", "air_pollution_forecast"]
    places = [f"{n / 10},{n / 10}" for n in range(60)]
    report = load_accounted(duckdb, settings(resources=resources, locations=places, calls_per_minute=1000), clock)
    assert isinstance(report.error, KeyRefusedError)
    assert "/data/2.5/forecast" in str(report.error)
    assert "Not in your plan" in str(report.error)
    assert "OPENWEATHER_API_KEY" not in str(report.error)
    assert (count(duckdb, "current_weather"), count(duckdb, "air_pollution_forecast")) == (60, 60 * 96)
    assert simulator.stats.by_path["/data/2.5/forecast"] < 60


def test_endpoints_that_the_plan_lacks_are_named_in_one_sentence(duckdb, settings, simulator):
    lacking = ["forecast_daily", "forecast_hourly"]
    simulator.plan = "free"
    report = load(duckdb, settings(resources=["current_weather", *lacking], locations=[OSLO], plan="developer"))
    assert isinstance(report.error, KeyRefusedError)
    said = str(report.error)
    assert "refuses the key for /data/2.5/forecast/daily, /data/2.5/forecast/hourly (401)" in said
    assert "lacks these endpoints, which need developer or a larger one, or has lapsed" in said
    assert "leave forecast_daily, forecast_hourly out" in said
    assert said.count("OpenWeather refuses") == said.count("The answer was") == 1
    errors = dict(query(duckdb, "SELECT resource, error FROM load_runs"))
    assert "/forecast/daily (401)" in errors["forecast_daily"], "each has an error"
    assert "/forecast/hourly (401)" in errors["forecast_hourly"]


def test_a_firewall_that_blocks_an_endpoint_is_named_and_no_refused_key(duckdb, settings, clock, simulator):
    page = b"<html><title>Blocked by policy</title></html>"
    simulator.inject(Fault(path="/geo/1.0/direct", status=403, body=page))
    places = [OSLO, *(f"Place {n}" for n in range(30))]
    report = load_accounted(duckdb, settings(resources=["current_weather"], locations=places), clock)
    assert isinstance(report.error, IncompleteError)
    assert "firewall" in str(report.error)
    assert "/geo/1.0/direct" in str(report.error)
    assert count(duckdb, "current_weather") == 1
    assert query(duckdb, "SELECT DISTINCT error_class, payload FROM rejects") == [("blocked", page.decode())]


def test_one_request_that_a_firewall_blocks_is_rejected_alone(duckdb, settings, clock, simulator):
    simulator.inject(Fault(path=CURRENT, where={"lat": lat(OSLO)}, status=403, body=b"<html>"))
    choice = settings(resources=["current_weather"], locations=[OSLO, MADRID, TOKYO])
    assert load_accounted(duckdb, choice, clock).error is None
    assert count(duckdb, "current_weather") == 2


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

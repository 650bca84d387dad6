"""Hours and days since 1979: by the fewest calls, each once, whatever answers look like."""

import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.weather.contracts import WeatherHistoryDaily
from dlt_sources.weather.pipeline.plan import plan
from dlt_sources.weather.status.gaps import read_gaps
from tests.helpers.support import load_accounted, query
from tests.weather.extract.requests.timeline import (
    AUCKLAND,
    DAYS,
    HONOLULU,
    HOUR,
    HOURS,
    MADRID,
    OSLO,
    PATHS,
    asked,
    assert_days,
    assert_hours,
    at,
    moments,
    subscribe,
)

MARCH = {"since": "2026-03-01", "until": "2026-03-31"}
MARCH_CALLS = 38


@pytest.fixture(autouse=True)
def subscribed(simulator):
    subscribe(simulator)


def planned(target, settings, clock):
    return sum(step.calls for step in plan(target, settings, clock()).steps if step.resource != "locations")


def test_a_range_never_asked_costs_its_pages_and_a_second_run_nothing(target, settings, clock, simulator):
    choice = settings(resources=HOURS, locations=[MADRID, OSLO], **MARCH)
    assert planned(target, choice, clock) == 2 * MARCH_CALLS
    report = load_accounted(target, choice, clock)
    assert (len(asked(simulator)), report.rows_rejected) == (2 * MARCH_CALLS, 0)
    for place in (MADRID, OSLO):
        assert_hours(target, place, at(2026, 3, 1), at(2026, 3, 31, 23))
    assert planned(target, choice, clock) == 0
    load_accounted(target, choice, clock)
    assert asked(simulator) == []


def test_a_gap_costs_only_its_pages(target, settings, clock, simulator):
    choice = settings(resources=HOURS, locations=[MADRID, OSLO], **MARCH)
    load_accounted(target, choice, clock)
    asked(simulator)
    query(target, "UPDATE weather_history SET temp = -99")
    gaps = "dt BETWEEN %s AND %s OR dt = %s"
    query(
        target,
        f"DELETE FROM weather_history WHERE location_id = '{OSLO}' AND ({gaps})",
        at(2026, 3, 5),
        at(2026, 3, 5, 20),
        at(2026, 3, 5, 23),
    )
    assert planned(target, choice, clock) == 2
    load_accounted(target, choice, clock)
    starts = [int(params["start"]) for params in asked(simulator)]
    assert starts == [at(2026, 3, 5).timestamp(), at(2026, 3, 5, 20).timestamp()]
    assert_hours(target, OSLO, at(2026, 3, 1), at(2026, 3, 31, 23))
    renewed = query(target, "SELECT count(*) FROM weather_history WHERE temp <> -99")
    assert renewed == [(22,)], "hours that are loaded, and whose UV index is gone, stay as they are"


@pytest.mark.parametrize("place", [AUCKLAND, HONOLULU])
def test_days_are_those_of_the_place_and_each_comes_once(target, settings, clock, simulator, place):
    choice = settings(resources=DAYS, locations=[place], since="2025-09-01", until="2026-05-18")
    load_accounted(target, choice, clock)
    days = 260
    assert len(asked(simulator, "weather_history_daily")) == 26
    assert_days(target, place, days)
    load_accounted(target, choice, clock)
    assert asked(simulator, "weather_history_daily") == []


@pytest.mark.parametrize("resource", [*HOURS, *DAYS])
def test_answers_that_are_other_than_documented_are_said_and_leave_no_gap(  # noqa: PLR0917 - fixtures
    duckdb, settings, clock, simulator, caplog, resource
):
    simulator.rules = Rules(first_step=-1, more_rows=-4)
    choice = settings(resources=[resource], locations=[AUCKLAND], since="2026-04-21", until="2026-05-10T23:00Z")
    report = load_accounted(duckdb, choice, clock)
    assert report.rows_rejected == 0
    if resource in HOURS:
        assert_hours(duckdb, AUCKLAND, at(2026, 4, 21), at(2026, 5, 10, 23))
    else:
        assert_days(duckdb, AUCKLAND, 20)
    assert f"Answers of {resource} begin earlier than asked" in caplog.text
    assert planned(duckdb, choice, clock) == 0


def test_a_start_that_is_off_by_a_row_is_learnt_from_the_first_call(duckdb, settings, clock, simulator):
    simulator.rules = Rules(first_step=1)
    load_accounted(duckdb, settings(resources=HOURS, locations=[MADRID, OSLO], **MARCH), clock)
    assert len(asked(simulator)) == 2 * MARCH_CALLS + 1


def test_hours_that_the_api_lacks_are_named_and_the_others_are_loaded(target, settings, clock, simulator):
    long_ago = int(at(2026, 5, 1).timestamp())
    for start, position in ((0, 7), (7, 0), (6, 1)):
        moment = f"{at(2026, 5, 18, start).timestamp():.0f}"
        changed = {f"data.{position}.dt": long_ago}
        simulator.inject(Fault(path=PATHS["weather_history"], where={"start": moment}, set=changed))
    choice = settings(resources=HOURS, locations=[OSLO], since="2026-05-18", until="2026-05-18T19:00Z")
    report = load_accounted(target, choice, clock)
    assert len(moments(target, OSLO)) == 19
    ((kind, error_class, message, start, end),) = query(
        target, "SELECT kind, error_class, message, window_start, window_end FROM rejects"
    )
    assert (kind, error_class) == ("request", "unexpected_answer")
    assert "2026-05-18T07:00Z" in message
    assert start == end == at(2026, 5, 18, 7)
    assert report.metrics_by_resource["weather_history"].requests_failed == 1


def test_a_new_place_gets_the_last_days_and_each_hour_after_them_one_call(duckdb, settings, clock, simulator):
    choice = settings(resources=HOURS, locations=[OSLO], history_days=2)
    assert planned(duckdb, choice, clock) == 3
    load_accounted(duckdb, choice, clock)
    assert len(asked(simulator)) == 3
    first = at(2026, 5, 18, 12)
    assert_hours(duckdb, OSLO, first, at(2026, 5, 20, 12))
    for hours in (1, 1, 3):
        clock.pass_time(hours=hours)
        assert planned(duckdb, choice, clock) == 1
        load_accounted(duckdb, choice, clock)
        (params,) = asked(simulator)
        # the page ends with the newest hour, so that those before it are renewed for nothing
        assert int(params["start"]) == clock().replace(minute=0).timestamp() - 19 * 3600
        load_accounted(duckdb, choice, clock)
        assert asked(simulator) == []
    assert_hours(duckdb, OSLO, first, at(2026, 5, 20, 17))
    renewed = query(duckdb, "SELECT count(*) FROM weather_history WHERE fetched_at = %s", clock())
    assert renewed == [(20,)]


def test_a_day_is_loaded_when_it_is_over_and_costs_one_call_then(target, settings, clock, simulator):
    choice = settings(resources=DAYS, locations=[OSLO], history_days=15)
    load_accounted(target, choice, clock)
    assert len(asked(simulator, "weather_history_daily")) == 2
    assert_days(target, OSLO, 15)
    assert moments(target, OSLO, "weather_history_daily")[-1].day == 19
    calls = []
    # in Oslo the sun is 43 minutes ahead of UTC: two hours after its midnight a day counts as over
    for hours in (12, 1, 1):
        clock.pass_time(hours=hours)
        calls.append(planned(target, choice, clock))
        load_accounted(target, choice, clock)
    assert calls == [0, 1, 0]
    assert_days(target, OSLO, 16)
    renewed = query(
        target, "SELECT count(*), count(uvi) FROM weather_history_daily WHERE fetched_at > '2026-05-20 13:00:00Z'"
    )
    assert renewed == [(5, 5)], "the days before it as far back as their UV index is given"


def test_hours_that_may_be_revised_are_fetched_once_more_while_their_uv_index_is_given(
    target, settings, clock, simulator
):
    choice = settings(resources=HOURS, locations=[OSLO], history_days=6)
    load_accounted(target, choice, clock)
    query(target, "UPDATE weather_history SET fetched_at = dt + INTERVAL '1 hour'")
    ages = []
    for hours in (1, 1, 14, 1):
        clock.pass_time(hours=hours)
        asked(simulator)
        load_accounted(target, choice, clock)
        ages.append([(clock().timestamp() - int(params["start"])) // 3600 for params in asked(simulator)])
    assert ages == [[19, 119], [19], [19], [19, 115]]
    final = query(
        target, "SELECT min(dt), count(*), count(uvi) FROM weather_history WHERE fetched_at >= dt + INTERVAL '4 days'"
    )
    assert final == [(at(2026, 5, 15, 14), 40, 40)]


def test_a_failure_leaves_no_gap_before_a_newer_hour(duckdb, settings, clock, simulator):
    choice = settings(resources=HOURS, locations=[OSLO, MADRID], history_days=3, attempts=1)
    second = at(2026, 5, 17, 12) + 20 * HOUR
    simulator.inject(
        Fault(path=PATHS["weather_history"], where={"start": f"{second.timestamp():.0f}", "lat": "59.9139"}, status=500)
    )
    load_accounted(duckdb, choice, clock)
    assert_hours(duckdb, OSLO, at(2026, 5, 17, 12), second - HOUR)
    simulator.clear_faults()
    clock.pass_time(hours=1)
    load_accounted(duckdb, choice, clock)
    for place in (OSLO, MADRID):
        assert_hours(duckdb, place, at(2026, 5, 17, 12), at(2026, 5, 20, 13))


def test_forecasts_are_not_history(duckdb, settings, clock):
    load_accounted(duckdb, settings(resources=HOURS, locations=[OSLO], since="2026-05-20"), clock)
    assert moments(duckdb, OSLO)[-1] == at(2026, 5, 20, 12)


def test_what_lies_before_the_timeline_is_left_out_with_a_word(duckdb, settings, clock, simulator, caplog):
    choice = settings(resources=DAYS, locations=[MADRID], since="1970-01-01", until="1979-01-10")
    load_accounted(duckdb, choice, clock)
    assert "weather_history_daily begins on 1979-01-01" in caplog.text
    assert len(asked(simulator, "weather_history_daily")) == 1
    assert_days(duckdb, MADRID, 10, at(1979, 1, 1, 11))


def test_a_backfill_of_long_ago_is_not_what_hourly_loads_go_on_from(target, settings, clock, simulator, caplog):
    choice = {"resources": HOURS, "locations": [OSLO], "history_days": 1}
    load_accounted(target, settings(**choice, since="2026-01-01", until="2026-01-02"), clock)
    asked(simulator)
    assert planned(target, settings(**choice), clock) == 2
    load_accounted(target, settings(**choice), clock)
    assert len(asked(simulator)) == 2
    assert "to load it, use --since" in caplog.text
    clock.pass_time(days=9)
    assert planned(target, settings(**choice), clock) == 11, "an outage is caught up, however long it was"


def test_days_that_were_asked_for_in_vain_are_a_gap_until_they_are_loaded(duckdb, settings, clock, simulator):
    choice = {"resources": DAYS, "locations": [OSLO], "attempts": 1}
    for month in (1, 8):
        load_accounted(duckdb, settings(**choice, since=f"2025-0{month}-01", until=f"2025-0{month}-31"), clock)
    vain = settings(**choice, since="2025-04-01", until="2025-05-31")
    simulator.inject(Fault(path=PATHS["weather_history_daily"], status=500))
    load_accounted(duckdb, vain, clock)
    simulator.clear_faults()
    with duckdb.reader() as reader:
        assert read_gaps(reader, WeatherHistoryDaily)[OSLO].rows == 61
    load_accounted(duckdb, vain, clock)
    with duckdb.reader() as reader:
        assert read_gaps(reader, WeatherHistoryDaily) == {}


def test_the_first_day_of_the_east_is_loaded_though_its_sun_rises_before_1979_by_utc(duckdb, settings, clock):
    tokyo = "35.6895,139.6917"
    load_accounted(duckdb, settings(resources=DAYS, locations=[tokyo], since="1979-01-01", until="1979-01-03"), clock)
    assert_days(duckdb, tokyo, 3, at(1979, 1, 1, 3))

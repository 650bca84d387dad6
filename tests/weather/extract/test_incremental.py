"""What is asked and what is loaded as time goes on: places come and go, answers fail, repeat and are revised."""

import csv
import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.errors import IncompleteError, KeyRefusedError
from tests.helpers.support import assert_no_duplicates, count, load_accounted, query, tables

AIR = ["air_pollution"]
HISTORY = "/data/2.5/air_pollution/history"
CURRENT = "/data/2.5/weather"
MADRID = "40.4168,-3.7038"
OSLO = "59.9139,10.7522"
TOKYO = "35.6895,139.6917"
WEEK = 7 * 24 + 1


def lat(place):
    return place.partition(",")[0]


def series(target, place):
    """The hours of air pollution that a place has, as UTC, oldest first."""
    rows = query(target, "SELECT dt FROM air_pollution WHERE location_id = %s ORDER BY dt", place)
    return [dt.astimezone(timezone.utc) for (dt,) in rows]


def assert_complete(target, place, first, last):
    """Assert that a place has every hour from the first to the last exactly once."""
    hours = round((last - first) / timedelta(hours=1)) + 1
    assert series(target, place) == [first + timedelta(hours=n) for n in range(hours)]


def week_before(moment):
    return moment.replace(minute=0) - timedelta(days=7)


def asked(simulator, path=HISTORY):
    """The parameters of the calls of a path, in the order in which they came."""
    return [request.params for request in simulator.requests if request.path == path]


def rejects(target):
    return query(target, "SELECT resource, kind, error_class, field, location_id FROM rejects ORDER BY reject_id")


def test_a_place_added_late_gets_its_whole_history_and_the_others_do_not_move(target, settings, clock, simulator):
    load_accounted(target, settings(resources=AIR, locations=[MADRID]), clock)
    before = query(target, "SELECT * FROM air_pollution ORDER BY dt")
    simulator.requests.clear()
    clock.pass_time(minutes=10)
    load_accounted(target, settings(resources=AIR, locations=[MADRID, OSLO]), clock)
    assert [params["lat"] for params in asked(simulator)] == [lat(OSLO)]
    assert_complete(target, OSLO, week_before(clock()), clock().replace(minute=0))
    assert query(target, f"SELECT * FROM air_pollution WHERE location_id = '{MADRID}' ORDER BY dt") == before


def test_a_place_that_failed_catches_up_from_where_it_stood(target, settings, clock, simulator):
    first = week_before(clock())
    choice = settings(resources=AIR, locations=[MADRID, OSLO], attempts=2)
    load_accounted(target, choice, clock)
    stood_at = clock().replace(minute=0)
    clock.pass_time(hours=5)
    simulator.inject(Fault(path=HISTORY, where={"lat": lat(OSLO)}, status=500))
    report = load_accounted(target, choice, clock)
    assert report.error is None
    assert rejects(target) == [("air_pollution", "request", "server_error", None, OSLO)]
    assert_complete(target, MADRID, first, clock().replace(minute=0))
    assert_complete(target, OSLO, first, stood_at)
    simulator.clear_faults()
    simulator.requests.clear()
    clock.pass_time(hours=5)
    load_accounted(target, choice, clock)
    starts = {params["lat"]: int(params["start"]) for params in asked(simulator)}
    assert starts[lat(MADRID)] - starts[lat(OSLO)] == 5 * 3600
    assert_complete(target, MADRID, first, clock().replace(minute=0))
    assert_complete(target, OSLO, first, clock().replace(minute=0))


def test_a_window_that_fails_in_the_middle_of_a_backfill_leaves_no_gap(target, settings, clock, simulator):
    since, until = datetime(2026, 5, 1, tzinfo=timezone.utc), datetime(2026, 5, 10, 23, tzinfo=timezone.utc)
    choice = settings(
        resources=AIR,
        locations=[MADRID, OSLO],
        history_days_per_call=2,
        since="2026-05-01",
        until="2026-05-10T23:00Z",
        attempts=1,
    )
    third_window = since + timedelta(days=4)
    simulator.inject(
        Fault(path=HISTORY, where={"lat": lat(OSLO), "start": f"{third_window.timestamp():.0f}"}, reset=True)
    )
    report = load_accounted(target, choice, clock)
    assert (
        report.metrics_by_resource["air_pollution"].requests,
        report.metrics_by_resource["air_pollution"].requests_failed,
    ) == (8, 1)
    assert max(int(p["start"]) for p in asked(simulator) if p["lat"] == lat(OSLO)) == third_window.timestamp()
    assert_complete(target, MADRID, since, until)
    assert_complete(target, OSLO, since, third_window - timedelta(hours=1))
    simulator.clear_faults()
    simulator.requests.clear()
    load_accounted(target, choice, clock)
    assert {params["lat"] for params in asked(simulator)} == {lat(OSLO)}
    assert len(asked(simulator)) == 3, "only the windows that miss hours are asked again"
    assert_complete(target, OSLO, since, until)
    simulator.requests.clear()
    report = load_accounted(target, choice, clock)
    assert (asked(simulator), report.rows_rejected) == ([], 0)


def test_rows_off_by_a_second_fill_no_hour_so_a_backfill_asks_for_it_again(target, settings, clock, simulator):
    since, until = datetime(2026, 5, 14, tzinfo=timezone.utc), datetime(2026, 5, 15, 23, tzinfo=timezone.utc)
    choice = {"resources": AIR, "locations": [OSLO], "since": "2026-05-14"}
    load_accounted(target, settings(**choice, until="2026-05-14T12:00Z"), clock)
    whole = settings(**choice, until="2026-05-15T23:00Z")
    simulator.inject(Fault(path=HISTORY, dt_offset=1))
    load_accounted(target, whole, clock)
    simulator.clear_faults()
    load_accounted(target, whole, clock)
    on_the_hour = [dt for dt in series(target, OSLO) if dt.second == 0]
    assert on_the_hour == [since + timedelta(hours=n) for n in range(48)]
    assert on_the_hour[-1] == until


def test_a_run_without_since_goes_on_where_a_failed_window_stopped_it(duckdb, settings, clock, simulator):
    choice = settings(resources=AIR, locations=[OSLO, MADRID], history_days_per_call=2, attempts=1)
    first = week_before(clock())
    second_window = first + timedelta(days=2)
    simulator.inject(
        Fault(path=HISTORY, where={"lat": lat(OSLO), "start": f"{second_window.timestamp():.0f}"}, empty=True)
    )
    load_accounted(duckdb, choice, clock)
    assert_complete(duckdb, OSLO, first, second_window - timedelta(hours=1))
    simulator.clear_faults()
    clock.pass_time(hours=1)
    load_accounted(duckdb, choice, clock)
    assert_complete(duckdb, OSLO, first, clock().replace(minute=0))
    assert_complete(duckdb, MADRID, first, clock().replace(minute=0))


def test_a_range_that_begins_earlier_is_filled_for_places_that_have_newer_hours(duckdb, settings, clock, simulator):
    choice = {"resources": AIR, "locations": [OSLO], "history_days_per_call": 5}
    load_accounted(duckdb, settings(**choice), clock)
    simulator.requests.clear()
    load_accounted(duckdb, settings(since="2026-05-03T12:00Z", **choice), clock)
    # four windows of five days or less, of which the newest two are complete already
    assert len(asked(simulator)) == 2
    assert_complete(duckdb, OSLO, datetime(2026, 5, 3, 12, tzinfo=timezone.utc), clock().replace(minute=0))


def test_current_weather_that_comes_out_of_order_is_kept(duckdb, settings, clock, simulator):
    choice = settings(resources=["current_weather"], locations=[OSLO])
    load_accounted(duckdb, choice, clock)
    newest = query(duckdb, "SELECT max(dt) FROM current_weather")
    simulator.inject(Fault(path=CURRENT, dt_offset=-7200))
    clock.pass_time(minutes=20)
    report = load_accounted(duckdb, choice, clock)
    assert report.rows_rejected == 0
    assert count(duckdb, "current_weather") == 2
    assert query(duckdb, "SELECT max(dt) FROM current_weather") == newest


def test_hours_in_the_overlap_are_fetched_again_and_renewed(target, settings, clock, simulator):
    first = week_before(clock())
    choice = settings(resources=AIR, locations=[OSLO], history_overlap_hours=3)
    load_accounted(target, choice, clock)
    stood_at = clock().replace(minute=0)
    clock.pass_time(hours=1)
    simulator.inject(Fault(path=HISTORY, set={"list.*.components.pm2_5": 987.5}))
    load_accounted(target, choice, clock)
    renewed = query(target, "SELECT dt FROM air_pollution WHERE pm2_5 = 987.5 ORDER BY dt")
    assert [dt for (dt,) in renewed] == [stood_at + timedelta(hours=n) for n in (-2, -1, 0, 1)]
    assert_complete(target, OSLO, first, clock().replace(minute=0))


def test_an_hour_that_an_answer_names_twice_is_one_row_and_one_reject(duckdb, settings, clock, simulator):
    simulator.inject(Fault(path=HISTORY, duplicate=True))
    report = load_accounted(duckdb, settings(resources=AIR, locations=[OSLO]), clock)
    assert report.metrics_by_resource["air_pollution"].rows_fetched == WEEK + 1
    ((resource, kind, error_class, _, place),) = rejects(duckdb)
    assert (resource, kind, error_class, place) == ("air_pollution", "row", "repeated_key", OSLO)
    assert_complete(duckdb, OSLO, week_before(clock()), clock().replace(minute=0))


def test_rows_outside_the_hours_asked_for_are_rejected(duckdb, settings, clock, simulator):
    long_ago = int((clock() - timedelta(days=400)).timestamp())
    ahead = int((clock() + timedelta(days=400)).timestamp())
    simulator.inject(Fault(path=HISTORY, set={"list.0.dt": long_ago, "list.168.dt": ahead}))
    load_accounted(duckdb, settings(resources=AIR, locations=[OSLO]), clock)
    assert rejects(duckdb) == [("air_pollution", "row", "outside_window", "dt", OSLO)] * 2
    assert len(series(duckdb, OSLO)) == WEEK - 2
    assert max(series(duckdb, OSLO)) < clock()


def test_hours_before_the_history_begins_are_left_out_with_a_word(duckdb, settings, clock, simulator, caplog):
    choice = settings(resources=AIR, locations=[OSLO], since="2019-01-01", until="2020-11-27T05:00Z")
    load_accounted(duckdb, choice, clock)
    assert "Air pollution begins on 2020-11-27" in caplog.text
    begins = datetime(2020, 11, 27, tzinfo=timezone.utc)
    assert [int(params["start"]) for params in asked(simulator)] == [begins.timestamp()]
    assert_complete(duckdb, OSLO, begins, begins + timedelta(hours=5))


def test_a_small_chunk_makes_several_packages_and_the_same_rows(duckdb, settings, clock):
    choice = settings(resources=AIR, locations=[MADRID, OSLO, TOKYO], history_days_per_call=2, chunk_rows=100)
    report = load_accounted(duckdb, choice, clock)
    assert report.packages >= 3
    loads = query(duckdb, "SELECT count(DISTINCT _dlt_load_id) FROM air_pollution")
    assert loads[0][0] >= 3
    for place in (MADRID, OSLO, TOKYO):
        assert_complete(duckdb, place, week_before(clock()), clock().replace(minute=0))
    assert query(duckdb, "SELECT count(*), max(rows_loaded) FROM load_runs WHERE resource = 'air_pollution'") == [
        (1, 3 * WEEK)
    ]


def test_a_place_that_is_removed_keeps_its_rows_and_is_not_asked(duckdb, settings, clock, simulator):
    load_accounted(duckdb, settings(resources=AIR, locations=[MADRID, OSLO]), clock)
    simulator.requests.clear()
    clock.pass_time(hours=2)
    load_accounted(duckdb, settings(resources=AIR, locations=[OSLO]), clock)
    assert {params["lat"] for params in asked(simulator)} == {lat(OSLO)}
    assert len(series(duckdb, MADRID)) == WEEK
    assert count(duckdb, "locations") == 2


def test_a_place_that_is_listed_twice_is_asked_once(duckdb, settings, clock, simulator, caplog):
    places = [OSLO, "Madrid,ES", " 59.91390 , 10.7522", "madrid, es"]
    load_accounted(duckdb, settings(resources=AIR, locations=places), clock)
    assert len(asked(simulator)) == 2
    assert len(asked(simulator, "/geo/1.0/direct")) == 1
    assert caplog.text.count("is listed twice") == 2
    assert_no_duplicates(duckdb, "air_pollution", "location_id", "dt")
    assert count(duckdb, "locations") == 2


def test_places_are_looked_up_once(duckdb, settings, clock, simulator):
    choice = settings(resources=AIR, locations=["Madrid,ES", "zip:28001,ES", "id:3117735", OSLO])
    load_accounted(duckdb, choice, clock)
    assert count(duckdb, "locations") == 4
    before = simulator.stats.calls
    clock.pass_time(hours=1)
    report = load_accounted(duckdb, choice, clock)
    assert report.metrics_by_resource["locations"].calls == 0
    assert simulator.stats.calls - before == 4, "one window of air pollution for each place and nothing else"


def test_the_first_of_several_matches_is_taken_and_the_log_says_which(duckdb, settings, clock, caplog):
    caplog.set_level(logging.INFO, "dlt_sources")
    load_accounted(duckdb, settings(resources=["locations"], locations=["Springfield,US"]), clock)
    ((name, latitude, state, matches),) = query(duckdb, "SELECT name, lat, state, matches FROM locations")
    assert matches == 5
    assert f"Springfield,US: took {name}, {state}, US ({latitude:.4f}," in caplog.text
    assert "the first of 5" in caplog.text


def test_unknown_places_are_rejected_and_the_others_loaded(duckdb, settings, clock, caplog):
    places = ["Madrid,ES", "Xyzzyville,ES", "Oslo,NO", "zip:99999,ZZ", "Tokyo,JP"]
    report = load_accounted(duckdb, settings(resources=AIR, locations=places), clock)
    assert report.error is None
    assert report.metrics_by_resource["locations"].rows_rejected == 2
    found = query(duckdb, "SELECT error_class, http_status, endpoint FROM rejects ORDER BY endpoint")
    assert found == [("not_found", 200, "/geo/1.0/direct"), ("not_found", 404, "/geo/1.0/zip")]
    assert "Xyzzyville,ES was not found" in caplog.text
    assert count(duckdb, "air_pollution") == 3 * WEEK


def test_one_unknown_place_among_known_ones_does_not_fail_the_run(duckdb, settings, clock):
    places = [MADRID, OSLO, TOKYO, "Xyzzyville,ES"]
    report = load_accounted(duckdb, settings(resources=AIR, locations=places), clock)
    assert count(duckdb, "air_pollution") == 3 * WEEK
    assert report.error is None


def test_a_place_whose_query_changes_is_looked_up_anew(duckdb, settings, clock, simulator):
    file = Path("places.csv")

    def load_place(query_text):
        with file.open("w", newline="") as opened:
            csv.writer(opened).writerows([("location_id", "query"), ("office", query_text)])
        load_accounted(duckdb, settings(resources=AIR, locations=[], locations_file=str(file)), clock)
        return query(duckdb, "SELECT location_id, query, name FROM locations")

    assert load_place("Madrid,ES") == [("office", "Madrid,ES", "Madrid")]
    assert load_place("Oslo,NO") == [("office", "Oslo,NO", "Oslo")]
    assert load_place("Oslo,NO") == [("office", "Oslo,NO", "Oslo")]
    assert len(asked(simulator, "/geo/1.0/direct")) == 2


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

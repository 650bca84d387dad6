"""What is asked and what is loaded as time goes on: answers fail, repeat and are revised."""

from datetime import datetime, timedelta, timezone

from dlt_sources.openweather_simulator import Fault
from tests.helpers.support import count, load_accounted, query
from tests.weather.extract.series import (
    AIR,
    CURRENT,
    HISTORY,
    MADRID,
    OSLO,
    TOKYO,
    WEEK,
    asked,
    assert_complete,
    lat,
    rejects,
    series,
    week_before,
)


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
        until="2026-05-10",
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

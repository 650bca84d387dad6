"""Whole answers in the shapes of many years, loaded for real: rows or rejects as designed, and all accounted for."""

from __future__ import annotations

from datetime import datetime, timezone

import orjson
import pytest

from dlt_sources.openweather_simulator import Fault
from tests.helpers import bodies
from tests.helpers.support import assert_no_duplicates, columns, count, load_accounted, query

PATHS = {
    "current_weather": "/data/2.5/weather",
    "forecast": "/data/2.5/forecast",
    "air_pollution": "/data/2.5/air_pollution/history",
    "air_pollution_forecast": "/data/2.5/air_pollution/forecast",
    "one_call": "/data/3.0/onecall",
}
MAY_20 = int(datetime(2026, 5, 20, tzinfo=timezone.utc).timestamp())


@pytest.fixture
def load_bodies(settings, simulator, clock):
    """Load resources, every place having one of the bodies as its answer to them; the first place is at 1,0."""

    def run(target, resources, answers, **given):
        simulator.one_call_keys = "all"
        for resource in resources.split():
            for number, body in enumerate(answers, 1):
                raw = body if isinstance(body, bytes) else orjson.dumps(body)
                simulator.inject(Fault(path=PATHS[resource], where={"lat": f"{number}.0000"}, body=raw))
        given |= {"locations": [f"{number + 1},0" for number in range(len(answers))], "attempts": 1}
        return load_accounted(target, settings(resources=["locations", *resources.split()], **given), clock)

    return run


def by_place(target, sql):
    """Rows of a query by their place's number, which the query selects first as location_id."""
    return {int(float(row[0].split(",")[0])) - 1: row[1:] for row in query(target, sql)}


def test_current_weather_of_every_year_is_loaded(target, load_bodies):
    answers = [
        bodies.CURRENT_2015,
        bodies.CURRENT_2014,
        bodies.CURRENT_AT_SEA,
        bodies.CURRENT_TODAY,
        bodies.CURRENT_NULLS,
    ]
    report = load_bodies(target, "current_weather", answers)
    assert report.error is None
    assert report.rows_rejected == 0
    found = by_place(target, "SELECT location_id, temp, wind_deg, rain_1h, rain_3h, timezone FROM current_weather")
    assert found == {
        0: (281.3, 200.501, None, None, None),
        1: (300.0, None, None, 1.0, None),
        2: (-22.0, None, None, None, 3600),
        3: (12.2, None, 0.42, None, 3600),
        4: (12.2, None, None, None, 3600),
    }
    places = by_place(target, "SELECT location_id, country, city_id, city_name, sunrise IS NULL FROM current_weather")
    assert places[1] == ("India", 1273294, "Delhi", False)
    assert places[2] == (None, None, None, True)
    assert places[3] == ("LV", 456172, "Рига", False)
    assert report.metrics_by_resource["current_weather"].new_columns == {
        "current_weather.wind_var_beg",
        "current_weather.wind_var_end",
    }
    assert by_place(target, "SELECT location_id, wind_var_beg, wind_var_end FROM current_weather")[1] == (190.0, 260.0)


def test_forecasts_of_2013_and_of_today_are_loaded(duckdb, load_bodies):
    nothing = {"cod": "200", "message": 0, "cnt": 0, "list": []}
    report = load_bodies(duckdb, "forecast", [bodies.FORECAST_2013, bodies.FORECAST_TODAY, nothing])
    assert (report.error, report.rows_rejected, report.metrics_by_resource["forecast"].requests_failed) == (None, 0, 0)
    assert count(duckdb, "forecast") == 2 + 3
    rows = query(duckdb, "SELECT temp, pressure, rain_3h, wind_deg, pop FROM forecast ORDER BY dt")
    assert rows[0] == (287.9, 1013.51, 2.0, 250.003, None)
    assert rows[1] == (286.0, 1014.0, None, 251.0, None)
    assert [row[4] for row in rows[2:]] == [0.0, 1.0, 0.0]
    assert {name for name in columns(duckdb, "forecast") if "city" in name} == {"city_name"}


def test_air_quality_is_loaded_whatever_its_coordinates_look_like(duckdb, load_bodies):
    answers = [
        bodies.air(MAY_20, {"lon": 1, "lat": 2}),
        bodies.air(MAY_20, [2, 1], aqi=4.0),
        bodies.air(MAY_20, {}, aqi=0),
        bodies.air(MAY_20, None, co=-9999, no2=None),
    ]
    report = load_bodies(duckdb, "air_pollution_forecast", answers)
    assert (report.error, report.rows_rejected) == (None, 0)
    first_hour = f"WHERE dt = to_timestamp({MAY_20})"
    found = by_place(duckdb, f"SELECT location_id, aqi, co, no2 FROM air_pollution_forecast {first_hour}")
    assert found == {0: (2, 203.61, 5.4), 1: (4, 203.61, 5.4), 2: (None, 203.61, 5.4), 3: (2, None, None)}


def test_history_that_is_unordered_doubled_or_out_of_the_window_is_sorted_out(duckdb, load_bodies):
    hours = bodies.air(MAY_20, {})["list"]
    later = {**hours[0], "components": bodies.COMPONENTS | {"co": 1}}
    outside = {**hours[0], "dt": MAY_20 + 7200}
    report = load_bodies(
        duckdb,
        "air_pollution",
        [{"list": [hours[1], hours[0], later, outside, {"dt": MAY_20 * 1000}]}],
        since="2026-05-20T00:00Z",
        until="2026-05-20T01:00Z",
    )
    assert report.metrics_by_resource["air_pollution"].rows_fetched == 5
    assert query(duckdb, "SELECT epoch(dt)::BIGINT, co FROM air_pollution ORDER BY dt") == [
        (MAY_20, 1.0),
        (MAY_20 + 3600, 203.61),
    ]
    classes = query(duckdb, "SELECT error_class FROM rejects ORDER BY 1")
    assert classes == [("outside_window",), ("outside_window",), ("repeated_key",)]


def test_one_call_is_loaded_with_and_without_its_optional_parts(target, load_bodies):
    dt = MAY_20
    other = bodies.ALERT | {"event": "Wind Advisory", "tags": []}
    answers = [
        bodies.one_call(dt, alerts=[bodies.ALERT, other]),
        # the older version: no minutes, no daily summary, no alerts
        bodies.one_call(dt, minutely=None, current=None),
        # the same warning twice, as neighbouring districts send it
        bodies.one_call(dt, alerts=[bodies.ALERT, bodies.ALERT, bodies.ALERT | {"tags": None}]),
        bodies.one_call(dt, alerts=[], minutely=[]),
        bodies.one_call(dt) | {"alerts": None, "minutely": None},
    ]
    report = load_bodies(target, "one_call", answers)
    assert report.error is None
    assert count(target, "one_call_hourly") == 5 * 2
    assert count(target, "one_call_daily") == 5
    assert count(target, "one_call_minutely") == 2 * 61
    assert count(target, "one_call_alerts") == 2 + 1
    assert_no_duplicates(target, "one_call_alerts", "location_id", "alert_id")
    assert query(target, "SELECT kind, error_class FROM rejects") == [("row", "repeated_key")] * 2
    assert by_place(target, "SELECT location_id, rain, snow, moonrise FROM one_call_daily")[0] == (3.0, 0.35, None)
    hourly = query(target, "SELECT rain_1h, visibility FROM one_call_hourly WHERE location_id LIKE '1.%%' ORDER BY dt")
    assert hourly == [(0.21, None), (None, 10000.0)]


# answers that hold no rows at all, and what becomes of them where a list of rows and where one row is expected
NO_ROWS = [
    ({"error": "404"}, "unexpected_answer", "wrong_type"),
    ({"code": 400001, "message": "Station id is invalid"}, "unexpected_answer", "wrong_type"),
    ({}, "unexpected_answer", "wrong_type"),
    ([], "unexpected_answer", "unexpected_answer"),
    ([{"dt": MAY_20}], "unexpected_answer", "unexpected_answer"),
    (None, "unexpected_answer", "unexpected_answer"),
    ("sorry", "unexpected_answer", "unexpected_answer"),
    (404, "unexpected_answer", "unexpected_answer"),
    (True, "unexpected_answer", "unexpected_answer"),
    ({"cod": "404", "message": "Error: Not found city"}, "not_found", "not_found"),
    ({"cod": "404", "message": ""}, "not_found", "not_found"),
    ({"cod": "400", "message": {"a": ["b"]}}, "bad_request", "bad_request"),
    (b"", "invalid_answer", "invalid_answer"),
    (b"<html>504</html>", "invalid_answer", "invalid_answer"),
    (b'{"cod":"200","list":[', "invalid_answer", "invalid_answer"),
    ({"cod": "200", "list": None, "hourly": None}, "unexpected_answer", "wrong_type"),
    ({"cod": "200", "list": {"0": {}}, "hourly": {}}, "unexpected_answer", "wrong_type"),
    ({"cod": "200", "list": "none", "hourly": "none"}, "unexpected_answer", "wrong_type"),
]


def test_an_answer_without_rows_is_rejected_with_its_reason_and_its_text(duckdb, load_bodies):
    report = load_bodies(duckdb, " ".join(PATHS), [body for body, _, _ in NO_ROWS])
    for resource in PATHS:
        sql = f"SELECT location_id, error_class, kind, payload FROM rejects WHERE resource = '{resource}'"
        found = by_place(duckdb, sql)
        one_row = resource == "current_weather"
        expected = [row if one_row else listed for _, listed, row in NO_ROWS]
        assert [found[number][0] for number in range(len(NO_ROWS))] == expected, resource
        assert {rest[1] for rest in found.values()} == ({"request", "row"} if one_row else {"request"})
        assert found[0][2] == '{"error":"404"}'
        metrics = report.metrics_by_resource[resource]
        assert (metrics.rows_loaded, metrics.rows_rejected) == (0, len(NO_ROWS))


def test_rows_that_break_the_contract_leave_the_others_of_their_answer(duckdb, load_bodies):
    step = bodies.FORECAST_TODAY["list"][0]
    steps = [
        step | {"main": step["main"] | {"temp": "warm"}},
        step | {"dt": step["dt"] + 10800},
        None,
        5,
        "x",
        [],
        {},
        step | {"dt": str(step["dt"])},
        step | {"dt": step["dt"] + 21600, "novel": {"风": 1, "雨": ["a", 2]}},
        step | {"dt": step["dt"] + 32400, "main": None},
    ]
    report = load_bodies(duckdb, "forecast", [bodies.FORECAST_TODAY | {"list": steps}, bodies.FORECAST_2013])
    assert count(duckdb, "forecast") == 2 + 2
    assert report.metrics_by_resource["forecast"].rows_rejected == 8
    found = query(duckdb, "SELECT kind, error_class, field FROM rejects")
    assert {row[:2] for row in found} == {("row", "wrong_type")}
    fields = sorted(field or "" for _, _, field in found)
    assert fields == ["", "", "", "", "dt", "dt", "main.temp", "main.temp"]
    assert len(report.metrics_by_resource["forecast"].new_columns) == 2


def test_an_answer_nested_too_deep_is_accounted_for(duckdb, load_bodies):
    start = orjson.dumps(bodies.CURRENT_TODAY)[:-1] + b',"novel":'
    answers = [bodies.CURRENT_2015]
    for depth in (90, 250, 400, 1000):
        answers.append(start + b"[" * depth + b"1" + b"]" * depth + b"}")
        answers.append(start + b'{"a":' * depth + b"1" + b"}" * depth + b"}")
    metrics = load_bodies(duckdb, "current_weather", answers).metrics_by_resource["current_weather"]
    assert metrics.rows_fetched == len(answers)
    assert metrics.rows_loaded >= 1


def test_answers_are_kept_word_for_word(duckdb, load_bodies):
    spaced = b' {"cod" :200,\n"dt":1443000000, "main":{"temp":1e1},"name":"caf\\u00e9 \xf0\x9f\x98\x80"}\n'
    load_bodies(duckdb, "current_weather", [spaced, bodies.FORECAST_2013])
    kept = by_place(duckdb, "SELECT location_id, body FROM weather_raw")
    assert kept[0] == (spaced.decode(),)
    assert by_place(duckdb, "SELECT location_id, temp, city_name FROM current_weather") == {0: (10.0, "café 😀")}


SPRINGFIELD = {
    "name": "Springfield",
    "local_names": {"ascii": "Springfield", "feature_name": "Springfield", "ru": "Спрингфилд"},
    "lat": 39.799017,
    "lon": -89.643958,
    "country": "US",
    "state": "IL",
}
GEOCODED = {
    "two": [SPRINGFIELD, {"name": "Springfield", "lat": 37, "lon": -93, "country": "US"}],
    "bare": [{"name": "Null Island", "lat": 0, "lon": 0}],
    "nothing": [],
    "only an error": {"error": "404"},
    "404 in a 200": {"cod": "404", "message": "not found"},
    "no coordinates": [{"name": "Nowhere"}],
    "null": None,
}


def test_whatever_the_geocoder_says_is_a_place_or_a_reject(duckdb, settings, simulator, clock):
    for name, body in GEOCODED.items():
        simulator.inject(Fault(path="/geo/1.0/direct", where={"q": name}, body=orjson.dumps(body)))
    load_accounted(duckdb, settings(resources=["locations"], locations=list(GEOCODED), attempts=1), clock)
    assert query(duckdb, "SELECT query, name, lat, lon, country, state, matches FROM locations ORDER BY 1") == [
        ("bare", "Null Island", 0.0, 0.0, None, None, 1),
        ("two", "Springfield", 39.799, -89.644, "US", "IL", 2),
    ]
    assert query(duckdb, "SELECT error_class, count(*) FROM rejects GROUP BY 1 ORDER BY 1") == [
        ("invalid_answer", 3),
        ("not_found", 2),
    ]

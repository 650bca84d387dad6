"""Answers are compared with the place and the time that were asked for; recorded ones raise no doubt."""

from datetime import timedelta

import orjson
import pytest

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api.as_asked import doubts_about
from dlt_sources.weather.api.responses import Answer, Request
from tests.helpers.support import load_accounted, query
from tests.weather.api.asking import NOW

WEATHER, AIR, POLLUTION = "/data/2.5/weather", "/data/2.5/air_pollution/history", "/data/2.5/air_pollution/forecast"
OSLO = "59.9139,10.7522"


def doubts(data, lat, lon, path=WEATHER):
    body = orjson.dumps(data)
    return [kind for kind, _ in doubts_about(Answer(Request("any", path, {}), body, data, NOW), lat, lon)]


@pytest.mark.parametrize(
    ("data", "lat", "lon"),
    [
        pytest.param({"coord": {"lon": -0.0942, "lat": 51.5214}}, 51.5156, -0.0920, id="the same cell"),
        pytest.param({"coord": {"lon": -0.13, "lat": 51.51}}, 51.5073, -0.1277, id="two decimals"),
        pytest.param({"coord": [50, 36.25]}, 50.0, 36.25, id="a pair"),
        pytest.param({"coord": [36.25, 50]}, 50.0, 36.25, id="a pair, the other way"),
        pytest.param({"coord": {}}, 50.0, 36.25, id="empty"),
        pytest.param({"coord": None, "list": []}, 50.0, 36.25, id="null"),
        pytest.param({"city": {"coord": {"lat": 39.008, "lon": -76.9765}}}, 39.0, -77.0, id="of a city"),
        pytest.param({"lat": 45, "lon": 12, "hourly": []}, 45.2, 12.2, id="a grid"),
        pytest.param({"lat": 10, "lon": -180}, 10.0, 179.9, id="the meridian of the date"),
        pytest.param({"lat": 90, "lon": 0}, 89.9, 120.0, id="a pole"),
        pytest.param({"coord": {"lat": "1", "lon": True}}, 50.0, 36.25, id="no numbers"),
        pytest.param([1], 50.0, 36.25, id="a list"),
    ],
)
def test_answers_as_they_are_recorded_raise_no_doubt(data, lat, lon):
    assert doubts(data, lat, lon) == []


@pytest.mark.parametrize(
    "data",
    [
        {"coord": {"lon": -3.7, "lat": 40.4}},
        {"coord": [40.4, -3.7]},
        {"city": {"coord": {"lon": -3.7, "lat": 40.4}}},
        {"lat": 40.4, "lon": -3.7},
        {"lat": 60.5, "lon": 10.75},
    ],
    ids=str,
)
def test_an_answer_for_a_place_farther_than_50_km_is_doubtful(data):
    assert doubts(data, 59.9139, 10.7522) == ["wrong_place"]


def test_an_answer_of_the_day_before_is_outdated_where_the_present_is_asked_for():
    def aged(**age):
        return int((NOW - timedelta(**age)).timestamp())

    assert doubts({"dt": aged(hours=23)}, 0, 0) == []
    assert doubts({"dt": aged(hours=25)}, 0, 0) == ["outdated"]
    assert doubts({"list": [{"dt": aged(hours=25)}]}, 0, 0, POLLUTION) == ["outdated"]
    assert doubts({"list": [{"dt": aged(days=900)}]}, 0, 0, AIR) == []
    assert doubts({"dt": 1e300}, 0, 0) == []
    assert doubts({"dt": -1e300}, 0, 0) == ["outdated"]
    assert doubts({"dt": "1"}, 0, 0) == []


def test_rows_of_doubtful_answers_are_loaded_counted_and_told(duckdb, settings, clock, simulator, caplog):
    simulator.inject(Fault(path=WEATHER, where={"lat": "59.9139"}, elsewhere="40.4165,-3.7026"))
    simulator.inject(Fault(path=POLLUTION, where={"lat": "59.9139"}, seconds_old=2 * 86_400))
    choice = settings(locations=[OSLO, "48.2085,16.3721"], resources=["current_weather", "air_pollution_forecast"])
    report = load_accounted(duckdb, choice, clock)
    assert (report.error, report.rows_rejected) == (None, 0)
    sql = "SELECT resource, status, answers_doubtful, error FROM load_runs WHERE resource <> 'locations' ORDER BY 1"
    pollution, weather = f"outdated of {OSLO}: the answer is of 2026-05-18", f"wrong_place of {OSLO}: the answer is for"
    assert query(duckdb, sql) == [
        ("air_pollution_forecast", "ok", 1, pollution),
        ("current_weather", "ok", 1, f"{weather} 40.42,-3.70"),
    ]
    assert weather in caplog.text
    assert query(duckdb, "SELECT count(*) FROM current_weather") == [(2,)]

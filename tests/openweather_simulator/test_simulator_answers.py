"""The shapes of the answers: headers, JSON, places, caching, and what is left out."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from dlt_sources.openweather_simulator import Simulator
from tests.helpers.simulator_support import KEY, NOW, SUBSCRIBED, Get

WEATHER = "/data/2.5/weather"
MADRID = {"lat": 40.4168, "lon": -3.7038}


def test_every_answer_has_the_nine_headers_and_no_other(get: Get) -> None:
    for answer in (get(WEATHER, **MADRID), get(WEATHER, appid="bad"), get("/nowhere")):
        assert {name.lower() for name in answer.headers} == {
            "server",
            "date",
            "content-type",
            "content-length",
            "connection",
            "x-cache-key",
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "access-control-allow-methods",
        }
        assert answer.headers["Server"] == "openresty"
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["Date"] == "Sun, 27 Sep 2026 10:05:00 GMT"


def test_the_cache_key_is_the_normalised_query_without_the_api_key(get: Get) -> None:
    answer = get(WEATHER, units="metric", lon=-0.1278, lat=51.5073)
    assert answer.headers["X-Cache-Key"] == "/data/2.5/weather?lat=51.51&lon=-0.13&units=metric"
    assert get(WEATHER, q="MADRID,ES").headers["X-Cache-Key"] == "/data/2.5/weather?q=madrid,es"
    assert get(WEATHER, lat="x", lon="-0.001").headers["X-Cache-Key"] == "/data/2.5/weather?lat=&lon=0"


def test_json_is_compact_unescaped_and_prints_whole_numbers_without_a_fraction(get: Get) -> None:
    body = get(WEATHER, lat="50.0", lon="8.00001").text
    assert body.startswith('{"coord":{"lon":8,"lat":50},"weather":[{"id":')
    assert not re.search(r"[:,] |\d\.0[,}]", body)
    assert "ñ" in get(WEATHER, q="A Coruña,ES").text


def test_the_current_weather_of_a_city_carries_its_identity(get: Get) -> None:
    answer = get(WEATHER, units="metric", **MADRID).json()
    assert (answer["id"], answer["name"], answer["sys"]["country"]) == (3117735, "Madrid", "ES")
    assert (answer["timezone"], answer["cod"], answer["base"]) == (7200, 200, "stations")
    assert answer["coord"] == {"lon": -3.7038, "lat": 40.4168}
    assert answer["sys"]["sunrise"] < answer["dt"] < answer["sys"]["sunset"]


@pytest.mark.parametrize("params", [{"q": "madrid"}, {"q": "Madrid,ES"}, {"id": 3117735}, MADRID])
def test_a_city_is_found_by_name_id_or_coordinates(get: Get, params: dict[str, Any]) -> None:
    assert get(WEATHER, **params).json()["name"] == "Madrid"


def test_a_postcode_has_a_place_but_no_city_id(get: Get) -> None:
    answer = get(WEATHER, zip="28001,ES").json()
    assert answer["id"] == 0
    assert answer["name"]
    assert answer["sys"]["country"] == "ES"


@pytest.mark.parametrize(("lat", "lon", "offset"), [(0, -30, -7200), (-50.5, 100, 25200), (30, -179.9, -43200)])
def test_a_point_at_sea_has_no_name_no_country_and_nautical_time(get: Get, lat: float, lon: float, offset: int) -> None:
    answer = get(WEATHER, lat=lat, lon=lon).json()
    assert (answer["id"], answer["name"], answer["timezone"]) == (0, "", offset)
    assert set(answer["sys"]) == {"sunrise", "sunset"}
    city = get("/data/2.5/forecast", lat=lat, lon=lon, cnt=1).json()["city"]
    assert (city["id"], city["name"], city["country"], city["population"]) == (0, "", "", 0)


@pytest.mark.parametrize("lat", [90, -90])
def test_the_sun_is_zero_at_the_poles_and_left_out_by_one_call(get: Get, simulator: Simulator, lat: int) -> None:
    simulator.set_clock(now=1_782_000_000)  # 2026-06-21
    answer = get(WEATHER, lat=lat, lon=0).json()
    assert (answer["sys"]["sunrise"], answer["sys"]["sunset"]) == (0, 0)
    assert answer["weather"][0]["icon"].endswith("d" if lat > 0 else "n")
    current = get("/data/3.0/onecall", appid=SUBSCRIBED, lat=lat, lon=0, exclude="hourly,minutely").json()["current"]
    assert "sunrise" not in current
    assert "sunset" not in current


def test_an_answer_repeats_until_it_is_ten_minutes_old(get: Get, simulator: Simulator) -> None:
    seen = []
    for second in range(0, 1800, 30):
        simulator.set_clock(now=NOW + second)
        answer = get(WEATHER, **MADRID)
        seen.append((answer.json()["dt"], answer.text))
        assert 0 <= NOW + second - seen[-1][0] <= 566
    assert len(set(seen)) == len({dt for dt, _ in seen})
    assert 3 <= len(set(seen)) <= 5


def test_other_query_shapes_have_their_own_dt(get: Get) -> None:
    queries = [
        MADRID,
        {**MADRID, "units": "metric"},
        {"q": "madrid"},
        {"id": 3117735},
        {**MADRID, "lang": "es"},
    ]
    assert len({get(WEATHER, **query).json()["dt"] for query in queries}) > 1


def test_points_of_one_cell_share_an_answer(get: Get) -> None:
    first = get(WEATHER, lat=51.5156, lon=-0.0920).text
    assert get(WEATHER, lat=51.5214, lon=-0.0942).text == first


def test_optional_fields_come_and_go(get: Get, simulator: Simulator) -> None:
    answers = []
    for hour in range(0, 2400, 6):
        simulator.set_clock(now=NOW + hour * 3600)
        answers.append(get(WEATHER, lat=(hour * 37) % 120 - 60, lon=(hour * 91) % 360 - 180).json())
    for part, name in [
        (None, "rain"),
        (None, "snow"),
        (None, "visibility"),
        ("wind", "gust"),
        ("wind", "deg"),
        ("main", "sea_level"),
        ("sys", "country"),
    ]:
        present = [name in (answer[part] if part else answer) for answer in answers]
        assert any(present), name
        assert not all(present), name
    assert {len(answer["weather"]) for answer in answers} >= {1, 2}
    assert any(isinstance(answer["main"]["temp"], int) or answer["wind"]["speed"] != 0 for answer in answers)


def test_units_convert_the_same_weather(get: Get) -> None:
    by_units = {
        units: get("/data/2.5/forecast", units=units, cnt=1, **MADRID).json()["list"][0]
        for units in ("standard", "metric", "imperial", "nonsense")
    }
    celsius = by_units["metric"]["main"]["temp"]
    assert by_units["standard"]["main"]["temp"] == pytest.approx(celsius + 273.15, abs=0.011)
    assert by_units["imperial"]["main"]["temp"] == pytest.approx(celsius * 1.8 + 32, abs=0.02)
    assert by_units["imperial"]["wind"]["speed"] == pytest.approx(by_units["metric"]["wind"]["speed"] * 2.237, abs=0.02)
    assert by_units["nonsense"] == by_units["standard"]


def test_the_forecast_has_forty_steps_of_three_hours(get: Get) -> None:
    answer = get("/data/2.5/forecast", **MADRID).json()
    assert (answer["cod"], answer["message"], answer["cnt"]) == ("200", 0, 40)
    times = [step["dt"] for step in answer["list"]]
    assert times == list(range(NOW // 10800 * 10800 + 10800, times[-1] + 1, 10800))
    assert len(times) == 40
    assert answer["list"][0]["dt_txt"] == "2026-09-27 12:00:00"
    assert all({"sea_level", "grnd_level", "temp_kf"} <= step["main"].keys() for step in answer["list"])
    assert list(answer["city"]["coord"]) == ["lat", "lon"]


@pytest.mark.parametrize(("cnt", "rows"), [(1, 1), (7, 7), (99, 40), (0, 40), ("x", 40)])
def test_cnt_shortens_the_forecast(get: Get, cnt: object, rows: int) -> None:
    answer = get("/data/2.5/forecast", cnt=cnt, **MADRID).json()
    assert len(answer["list"]) == answer["cnt"] == rows


def test_head_and_post_answer_too(url: str, get: Get) -> None:
    params = {"appid": KEY, **MADRID}
    assert requests.post(url + WEATHER, params=params, timeout=10).json() == get(WEATHER, **MADRID).json()
    head = requests.head(url + WEATHER, params=params, timeout=10)
    assert (head.status_code, head.content) == (200, b"")


def test_one_call_has_all_its_parts_and_leaves_out_the_excluded(get: Get) -> None:
    answer = get("/data/3.0/onecall", appid=SUBSCRIBED, units="metric", **MADRID).json()
    assert answer["timezone"] == "Europe/Madrid"
    assert [len(answer[part]) for part in ("minutely", "hourly", "daily")] == [60, 48, 8]
    assert answer["hourly"][0]["dt"] == NOW // 3600 * 3600
    assert 0 <= NOW - answer["current"]["dt"] < 60
    assert all(isinstance(day.get("rain", 0), (int, float)) for day in answer["daily"])
    short = get("/data/3.0/onecall", appid=SUBSCRIBED, exclude="minutely,hourly,alerts,daily", **MADRID).json()
    assert {"minutely", "hourly", "daily"}.isdisjoint(short)
    assert "current" in short


def test_one_call_tells_single_moments_and_days(get: Get) -> None:
    path = "/data/3.0/onecall"
    old = get(path + "/timemachine", appid=SUBSCRIBED, dt=NOW - 86400 * 30, **MADRID).json()["data"]
    assert len(old) == 1
    assert "uvi" not in old[0]
    assert get(path + "/timemachine", appid=SUBSCRIBED, dt=NOW + 86400 * 9, **MADRID).status_code == 400
    day = get(path + "/day_summary", appid=SUBSCRIBED, date="2026-09-26", tz="+03:00", **MADRID)
    assert '"tz":"+03:00","date":"2026-09-26"' in day.text
    assert isinstance(day.json()["pressure"]["afternoon"], float)
    bad = get(path + "/day_summary", appid=SUBSCRIBED, date="26.09.2026", **MADRID)
    assert bad.text == '{"cod":400,"message":"Invalid date format","parameters":["date"]}'
    assert get(path + "/overview", appid=SUBSCRIBED, **MADRID).json()["weather_overview"]

"""Each way in which a call can go wrong, over real HTTP, and the counting of calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dlt_sources.openweather_simulator import Fault, Simulator
from dlt_sources.openweather_simulator.service.stats import SlidingMinute
from tests.helpers.simulator_support import KEY, NOW, Get

WEATHER = "/data/2.5/weather"
AIR = "/data/2.5/air_pollution"
POINT = {"lat": 12.34, "lon": 56.78}


@pytest.mark.parametrize(
    ("status", "start"),
    [
        (400, b'{"cod":"400","message":"Nothing to geocode"}'),
        (401, b'{"cod":401, "message": "Invalid API key.'),
        (404, b'{"cod":"404","message":"city not found"}'),
        (429, b'{"cod":429, "message": "Your account is temporary blocked'),
        (500, b'{"cod":"500","message":"Internal error: 500001"}'),
        (502, b"<html>\r\n<head><title>502 Bad Gateway</title>"),
        (503, b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title>"),
    ],
)
def test_a_status_comes_with_its_usual_body_as_often_as_asked(
    get: Get, simulator: Simulator, status: int, start: bytes
) -> None:
    simulator.inject(Fault(path=WEATHER, status=status, times=2))
    answers = [get(WEATHER, **POINT) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert answers[0].content.startswith(start)
    assert ("html" in answers[0].headers["Content-Type"]) == start.startswith(b"<html>")


def test_a_fault_hits_only_its_path_and_parameters(get: Get, simulator: Simulator) -> None:
    simulator.inject(Fault(path=AIR, where={"lat": "12.34"}, status=500))
    assert get(AIR, **POINT).status_code == 500
    assert get(AIR + "/forecast", **POINT).status_code == 500
    assert get(AIR, lat=12.35, lon=56.78).status_code == 200
    assert get(WEATHER, **POINT).status_code == 200
    simulator.clear_faults()
    assert get(AIR, **POINT).status_code == 200


def test_faults_added_one_after_the_other_happen_one_after_the_other(get: Get, simulator: Simulator) -> None:
    simulator.inject(Fault(status=500, times=1))
    simulator.inject(Fault(status=429, times=1, retry_after="2"))
    answers = [get(WEATHER, **POINT) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 429, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == [None, "2", None]


def test_a_probability_hits_the_same_calls_every_time(get: Get, simulator: Simulator) -> None:
    def statuses() -> list[int]:
        simulator.clear_faults()
        simulator.inject(Fault(status=500, probability=0.3, seed=7))
        return [get(WEATHER, **POINT).status_code for _ in range(100)]

    first = statuses()
    assert first == statuses()
    assert 15 < first.count(500) < 45


def test_a_reset_breaks_the_connection(get: Get, simulator: Simulator) -> None:
    simulator.inject(Fault(reset=True, times=1))
    with pytest.raises(requests.ConnectionError, match="reset"):
        get(WEATHER, **POINT)
    assert simulator.stats.by_status[0] == 1
    assert get(WEATHER, **POINT).status_code == 200


def test_a_truncated_answer_is_shorter_than_announced(get: Get, simulator: Simulator) -> None:
    simulator.inject(Fault(truncate=True, times=1))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        get(WEATHER, **POINT)
    assert get(WEATHER, **POINT).status_code == 200


def test_bodies_can_be_given_emptied_or_be_an_error_in_disguise(get: Get, simulator: Simulator) -> None:
    for fault, status, body in [
        (Fault(body=b"<!doctype html>", times=1), 200, b"<!doctype html>"),
        (Fault(body=b"{", status=500, times=1), 500, b"{"),
        (Fault(empty=True, status=404, times=1), 404, b""),
        (Fault(status_200_error=True, times=1), 200, b'{"message":"Error: Not found city","cod":"404"}'),
    ]:
        simulator.inject(fault)
        answer = get(WEATHER, **POINT)
        assert (answer.status_code, answer.content) == (status, body)
    simulator.inject(Fault(new_key_not_active=True, times=1))
    assert get(WEATHER, **POINT).json()["message"].startswith("Invalid API key")


def test_fields_are_set_created_and_removed_by_dotted_path(get: Get, simulator: Simulator) -> None:
    edits = {
        "main.temp": "warm",
        "snow.3h": 1.2,
        "new.deep.field": None,
        "weather.0.id": 999,
        "weather.7.id": 1,
    }
    simulator.inject(Fault(path=WEATHER, set=edits, remove=("sys", "wind.speed", "none.such"), times=1))
    answer = get(WEATHER, **POINT).json()
    assert (answer["main"]["temp"], answer["snow"], answer["new"]) == (
        "warm",
        {"3h": 1.2},
        {"deep": {"field": None}},
    )
    assert answer["weather"][0]["id"] == 999
    assert "sys" not in answer
    assert "speed" not in answer["wind"]
    simulator.inject(Fault(set={"list.0.main.aqi": 0, "list.*.components.pm2_5": -9999}, times=1))
    rows = get(AIR + "/forecast", **POINT).json()["list"]
    assert [row["main"]["aqi"] for row in rows].count(0) == 1
    assert {row["components"]["pm2_5"] for row in rows} == {-9999}
    assert get(WEATHER, **POINT).json()["main"]["temp"] != "warm"


def test_dt_can_go_backwards_and_rows_can_repeat(get: Get, simulator: Simulator) -> None:
    truth = get(WEATHER, **POINT).json()["dt"]
    simulator.inject(Fault(dt_offset=-3600, times=1))
    assert get(WEATHER, **POINT).json()["dt"] == truth - 3600
    simulator.inject(Fault(duplicate=True, times=1))
    rows = get("/data/2.5/forecast", cnt=3, **POINT).json()["list"]
    assert len(rows) == 4
    assert rows[-1] == rows[-2]


def test_a_slow_answer_times_out_at_the_caller(url: str, simulator: Simulator) -> None:
    simulator.inject(Fault(latency=5.0, times=1))
    with pytest.raises(requests.ReadTimeout):
        requests.get(url + WEATHER, params={"appid": KEY, **POINT}, timeout=0.2)


def test_calls_are_counted_exactly_even_from_many_threads(get: Get, url: str, simulator: Simulator) -> None:
    def call(number: int) -> int:
        params = {"appid": KEY if number % 4 else "bad", "lat": number, "lon": 0}
        return requests.get(url + WEATHER, params=params, timeout=10).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(call, range(80)))
    get("/nowhere")
    stats = simulator.stats
    assert statuses.count(401) == 20
    assert stats.calls == 81
    assert stats.highest_in_60_seconds == 81
    assert stats.by_path == {WEATHER: 80, "unknown": 1}
    assert stats.by_status == {200: 60, 401: 20, 404: 1}
    assert stats.in_flight_max >= 1
    assert len(simulator.requests) == 81
    last = simulator.requests[-1]
    assert (last.path, last.params, last.status) == ("/nowhere", {}, 404)
    assert all("appid" not in request.params for request in simulator.requests)


def test_a_window_of_sixty_seconds_slides() -> None:
    minute = SlidingMinute()
    assert [minute.add(t) for t in (0.0, 30.0, 59.9, 60.0, 90.0, 200.0)] == [1, 2, 3, 3, 3, 1]


def test_everything_can_be_controlled_over_http_without_being_counted(url: str, get: Get) -> None:
    control = url + "/_simulator"
    fault = {"path": WEATHER, "status": 503, "times": 1, "where": {"lat": "12.34"}}
    assert requests.post(control + "/faults", json=fault, timeout=10).status_code == 204
    assert get(WEATHER, **POINT).status_code == 503
    assert requests.post(control + "/faults", json={"nonsense": 1}, timeout=10).status_code == 400
    requests.post(control + "/faults", json={"body": "x"}, timeout=10)
    assert get(WEATHER, **POINT).text == "x"
    assert requests.delete(control + "/faults", timeout=10).status_code == 204
    assert requests.post(control + "/clock", json={"now": NOW - 86400}, timeout=10).json() == {"now": NOW - 86400}
    assert get(WEATHER, **POINT).json()["dt"] <= NOW - 86400
    stats = requests.get(control + "/stats", timeout=10).json()
    assert stats["calls"] == 3
    assert stats["by_status"] == {"503": 1, "200": 2}
    assert requests.post(control + "/reset", timeout=10).status_code == 204
    assert requests.get(control + "/stats", timeout=10).json()["calls"] == 0

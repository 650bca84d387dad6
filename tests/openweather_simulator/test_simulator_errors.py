"""The order of the checks and the bodies of the errors."""

from __future__ import annotations

import pytest
import requests

from dlt_sources.openweather_simulator import Simulator, serve
from tests.helpers.simulator_support import KEY, SUBSCRIBED, Get

WEATHER = "/data/2.5/weather"
INVALID = '{"cod":401, "message": "Invalid API key. Please see https://openweathermap.org/faq#error401 for more info."}'
BLOCKED = (
    '{"cod":429, "message": "Your account is temporary blocked due to exceeding of requests limitation of '
    'your subscription type. Please choose the proper subscription https://openweathermap.org/price"}'
)


@pytest.mark.parametrize("appid", [None, "", "short", "g" * 32, KEY + "0"])
def test_a_missing_empty_or_malformed_key_is_refused_to_the_byte(get: Get, appid: str | None) -> None:
    answer = get(WEATHER, appid=appid, lat=1, lon=1)
    assert (answer.status_code, answer.text) == (401, INVALID)


def test_the_key_may_be_written_in_capitals(get: Get) -> None:
    assert get(WEATHER, appid=None, APPID=KEY, lat=1, lon=1).status_code == 200


def test_a_bad_key_with_an_unknown_city_is_401_and_not_404(get: Get) -> None:
    assert get(WEATHER, appid="x", q="Nowhereville").status_code == 401


@pytest.mark.parametrize("path", [WEATHER, "/data/2.5/forecast", "/data/2.5/air_pollution", "/geo/1.0/reverse"])
@pytest.mark.parametrize(
    ("lat", "lon", "message"),
    [
        ("abc", "1", "wrong latitude"),
        ("", "1", "wrong latitude"),
        ("90.01", "1", "wrong latitude"),
        ("nan", "1", "wrong latitude"),
        ("abc", "abc", "wrong latitude"),
        ("1", "180.5", "wrong longitude"),
        ("1", "", "wrong longitude"),
    ],
)
def test_bad_coordinates_are_400_and_the_latitude_is_judged_first(
    get: Get, path: str, lat: str, lon: str, message: str
) -> None:
    answer = get(path, lat=lat, lon=lon)
    assert (answer.status_code, answer.text) == (400, f'{{"cod":"400","message":"{message}"}}')


@pytest.mark.parametrize(
    ("params", "status", "body"),
    [
        ({}, 400, '{"cod":"400","message":"Nothing to geocode"}'),
        ({"q": ""}, 400, '{"cod":"400","message":"Nothing to geocode"}'),
        ({"q": "france"}, 400, '{"cod":"400","message":"Nothing to geocode"}'),
        ({"id": "abc"}, 400, '{"cod":"400","message":"abc is not a city ID"}'),
        ({"id": "0"}, 400, '{"cod":"400","message":"Invalid ID"}'),
        ({"id": "999999999999"}, 404, '{"cod":"404","message":"city not found"}'),
        ({"q": "Nowhereville"}, 404, '{"cod":"404","message":"city not found"}'),
        ({"zip": "00000"}, 404, '{"cod":"404","message":"city not found"}'),
    ],
)
@pytest.mark.parametrize("path", [WEATHER, "/data/2.5/forecast"])
def test_a_place_that_cannot_be_found_has_its_own_error(
    get: Get, path: str, params: dict[str, str], status: int, body: str
) -> None:
    answer = get(path, **params)
    assert (answer.status_code, answer.text) == (status, body)


@pytest.mark.parametrize("path", ["/data/2.5/group", "/data/2.5/box/city", "/data/2.5/find", "/data/2.5/onecall"])
def test_a_retired_product_answers_401(get: Get, path: str) -> None:
    answer = get(path, lat=1, lon=1)
    assert (answer.status_code, answer.text) == (401, INVALID)


@pytest.mark.parametrize("path", ["/", "/data/3.0/weather", "/data/2.5/weather/x", "/a%0d%0aSet-Cookie:b"])
def test_an_unknown_path_is_404(get: Get, path: str) -> None:
    assert get(path, lat=1, lon=1).status_code == 404


def test_one_call_without_its_subscription_is_refused_with_its_own_text(get: Get) -> None:
    answer = get("/data/3.0/onecall", lat=1, lon=1)
    assert answer.status_code == 401
    assert answer.text.startswith('{"cod":401, "message": "Please note that using One Call 3.0 requires a separate')
    assert get("/data/3.0/onecall", appid=SUBSCRIBED, lat=1, lon=1).status_code == 200


def test_calls_above_the_limit_are_refused_before_their_parameters_are_looked_at() -> None:
    with serve(Simulator(calls_per_minute=3)) as url:
        answers = [requests.get(url + WEATHER, params={"appid": KEY, "lat": 95}, timeout=10) for _ in range(5)]
        keyless = requests.get(url + WEATHER, timeout=10)
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429, 429]
    assert answers[-1].text == BLOCKED
    assert "Retry-After" not in answers[-1].headers
    assert keyless.status_code == 401


def test_only_the_given_keys_are_valid_when_keys_are_given() -> None:
    with serve(Simulator(keys={"mine"})) as url:
        statuses = [
            requests.get(url + WEATHER, params={"appid": key, "lat": 1, "lon": 1}, timeout=10).status_code
            for key in ("mine", KEY)
        ]
    assert statuses == [200, 401]

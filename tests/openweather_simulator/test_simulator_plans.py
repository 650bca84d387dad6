"""What an account may ask and how often: forecasts of the larger plans, limits by product, the server's own count."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from dlt_sources.openweather_simulator import Fault, Limits, Simulator
from dlt_sources.openweather_simulator.service.limits import CallCounts
from tests.helpers.simulator_support import KEY, NOW, SUBSCRIBED, Get

WEATHER, FORECAST = "/data/2.5/weather", "/data/2.5/forecast/"
ONE_CALL = "/data/3.0/onecall"
RIGA = {"lat": 56.95, "lon": 24.1, "units": "metric"}
DAY = 86_400
NOON = 1_790_503_200  # 2026-09-27 10:00 UTC: 12:00 in the nautical zone of Riga


@pytest.fixture
def simulator(simulator: Simulator) -> Iterator[Simulator]:
    yield simulator
    simulator.plan, simulator.limits, simulator.failed_calls_counted = "free", {}, True


@pytest.mark.parametrize(
    ("product", "plans"),
    [
        ("daily", {"startup", "developer", "professional", "expert"}),
        ("hourly", {"developer", "professional", "expert"}),
        ("climate", {"developer", "professional", "expert"}),
    ],
)
def test_a_plan_without_the_product_is_refused_as_an_invalid_key(
    get: Get, simulator: Simulator, product: str, plans: set[str]
) -> None:
    granted = set()
    for plan in ("free", "startup", "developer", "professional", "expert"):
        simulator.plan = plan  # type: ignore[assignment]
        answer = get(FORECAST + product, **RIGA)
        if answer.status_code == 200:
            granted.add(plan)
        else:
            assert (answer.status_code, answer.json()["message"][:15]) == (401, "Invalid API key")
    assert granted == plans


def test_the_daily_forecast_has_sixteen_days_stamped_with_noon_of_the_nautical_zone(
    get: Get, simulator: Simulator
) -> None:
    simulator.plan = "startup"
    answer = get(FORECAST + "daily", cnt=16, **RIGA).json()
    assert list(answer) == ["city", "cod", "message", "cnt", "list"]
    assert list(answer["city"]["coord"]) == ["lon", "lat"]
    assert (answer["city"]["name"], answer["city"]["timezone"], answer["cod"]) == ("Riga", 10800, "200")
    assert isinstance(answer["message"], float)
    assert [day["dt"] for day in answer["list"]] == [NOON + n * DAY for n in range(16)]
    for day in answer["list"]:
        assert {"sunrise", "sunset", "temp", "feels_like", "pressure", "humidity", "weather"} <= day.keys()
        assert {"speed", "deg", "clouds", "pop"} <= day.keys()
        assert set(day["temp"]) == {"day", "min", "max", "night", "eve", "morn"}
        assert isinstance(day.get("rain", 0), (int, float))
    assert len(get(FORECAST + "daily", **RIGA).json()["list"]) == 7


def test_the_hourly_forecast_has_96_hours_with_rain_of_one(get: Get, simulator: Simulator) -> None:
    simulator.plan = "developer"
    answer = get(FORECAST + "hourly", lat=5, lon=100).json()
    first = NOW // 3600 * 3600 + 3600
    assert [row["dt"] for row in answer["list"]] == [first + n * 3600 for n in range(96)]
    assert answer["cnt"] == 96
    three_hourly = get("/data/2.5/forecast", lat=5, lon=100).json()
    assert answer.keys() == three_hourly.keys()
    assert answer["city"] == three_hourly["city"]
    assert {name for row in answer["list"] for name in row} == {name for row in three_hourly["list"] for name in row}
    wet = [row["rain"] for row in answer["list"] if "rain" in row]
    assert wet
    assert all(set(rain) == {"1h"} for rain in wet)


def test_the_climate_has_thirty_days_without_probability(get: Get, simulator: Simulator) -> None:
    simulator.plan = "expert"
    answer = get(FORECAST + "climate", cnt=30, **RIGA).json()
    assert list(answer) == ["cod", "city", "message", "list"]
    assert len(answer["list"]) == 30
    assert all({"pop", "gust"}.isdisjoint(day) for day in answer["list"])


def statuses(get: Get, calls: int, path: str = ONE_CALL) -> list[int]:
    return [get(path, appid=SUBSCRIBED, exclude="hourly,daily,minutely", **RIGA).status_code for _ in range(calls)]


def test_a_day_ends_at_midnight_utc_and_a_month_on_its_last_day(get: Get, simulator: Simulator) -> None:
    simulator.limits = {"one_call": Limits(per_day=2, per_month=5)}
    assert statuses(get, 3) == [200, 200, 429]
    assert statuses(get, 1, WEATHER) == [200], "another product"
    midnight = (NOW // DAY + 1) * DAY
    simulator.set_clock(now=midnight - 1)
    assert statuses(get, 1) == [429]
    simulator.set_clock(now=midnight)
    assert statuses(get, 3) == [200, 200, 429]
    simulator.set_clock(now=midnight + DAY)
    assert statuses(get, 2) == [200, 429], "the month is spent"
    simulator.set_clock(now=1_790_812_800)  # 1 October
    assert statuses(get, 3) == [200, 200, 429]
    assert get(ONE_CALL, appid=SUBSCRIBED, **RIGA).json()["message"].startswith("Your account is temporary blocked")


def test_minutes_are_counted_by_the_clock_that_is_given() -> None:
    counts, limits = CallCounts(), Limits(per_minute=1)
    counts.add(1000.0, NOW)
    assert counts.exceed(limits, 1059.9, NOW)
    assert not counts.exceed(limits, 1060.0, NOW)


def test_the_servers_count_is_by_product_and_period_and_knows_what_was_billed(
    url: str, get: Get, simulator: Simulator
) -> None:
    simulator.limits = {"one_call": Limits(per_day=2)}
    assert statuses(get, 3) == [200, 200, 429]
    get(ONE_CALL, appid=KEY, **RIGA)
    get(WEATHER, lat=95, lon=0)
    simulator.inject(Fault(path=WEATHER, status=500, times=1))
    get(WEATHER, **RIGA)
    simulator.set_clock(now=NOW + DAY)
    get(WEATHER, **RIGA)
    counts = requests.get(url + "/_simulator/stats", timeout=10).json()["by_product"]
    assert counts["one_call"] == {
        "calls": 4,
        "refused": 1,
        "billed": 2,
        "highest_in_60_seconds": 4,
        "by_minute": {"2026-09-27T10:05": 4},
        "by_day": {"2026-09-27": 4},
        "by_month": {"2026-09": 4},
        "billed_by_day": {"2026-09-27": 2},
        "billed_by_month": {"2026-09": 2},
    }
    assert counts["free"]["billed_by_day"] == {"2026-09-27": 2, "2026-09-28": 1}


def test_failed_calls_can_be_free_of_charge(get: Get, simulator: Simulator) -> None:
    simulator.failed_calls_counted = False
    simulator.limits = {"free": Limits(per_day=1)}
    assert get(WEATHER, lat=95, lon=0).status_code == 400
    assert [get(WEATHER, **RIGA).status_code for _ in range(2)] == [200, 429]
    assert simulator.stats.by_product["free"].billed == 1


def test_options_are_set_from_another_process_all_or_none(url: str, simulator: Simulator) -> None:
    options = url + "/_simulator/options"
    right = {"plan": "expert", "limits": {"free": {"per_day": 7}}, "failed_calls_counted": False}
    assert requests.post(options, json=right, timeout=10).status_code == 204
    assert (simulator.plan, simulator.limits) == ("expert", {"free": Limits(per_day=7)})
    for wrong in (
        {"plan": "huge"},
        {"limits": {"other": {}}},
        {"limits": {"free": {"per_year": 1}}},
        {"one_call_version": 5},
        {"rules": {"start": "sideways"}},
        {"rules": {"none": 1}},
        {"none": 1},
    ):
        answer = requests.post(options, json={"plan": "free"} | wrong, timeout=10)
        assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert simulator.plan == "expert"

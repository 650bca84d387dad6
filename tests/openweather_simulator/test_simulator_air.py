"""Air pollution: ranges, indices, cycles, and agreement between forecast, current and history."""

from __future__ import annotations

import pytest

from dlt_sources.openweather_simulator import Simulator
from dlt_sources.openweather_simulator.world import air
from tests.helpers.simulator_support import NOW, Get

AIR = "/data/2.5/air_pollution"
DELHI = {"lat": 28.66, "lon": 77.22}
HOUR = 3600
THIS_HOUR = NOW // HOUR * HOUR


def times(answer: dict[str, list[dict[str, int]]]) -> list[int]:
    return [row["dt"] for row in answer["list"]]


def test_the_current_air_is_one_row_stamped_off_the_hour(get: Get) -> None:
    answer = get(AIR, **DELHI).json()
    assert list(answer) == ["coord", "list"]
    assert answer["coord"] == {"lon": 77.22, "lat": 28.66}
    (row,) = answer["list"]
    assert list(row["components"]) == ["co", "no", "no2", "o3", "so2", "pm2_5", "pm10", "nh3"]
    assert NOW - 566 <= row["dt"] <= NOW


def test_the_forecast_is_96_hours_from_the_current_one(get: Get) -> None:
    assert times(get(AIR + "/forecast", **DELHI).json()) == [THIS_HOUR + n * HOUR for n in range(96)]


def test_the_history_includes_both_ends_and_only_whole_hours(get: Get) -> None:
    start = THIS_HOUR - 50 * HOUR
    assert times(get(AIR + "/history", start=start, end=start + 2 * HOUR, **DELHI).json()) == [
        start,
        start + HOUR,
        start + 2 * HOUR,
    ]
    off = get(AIR + "/history", start=start + 1, end=start + 2 * HOUR - 1, **DELHI).json()
    assert times(off) == [start + HOUR]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, air.EARLIEST + HOUR, [air.EARLIEST, air.EARLIEST + HOUR]),
        (THIS_HOUR - HOUR, NOW + 90 * HOUR, [THIS_HOUR - HOUR, THIS_HOUR]),
        (NOW + 1, NOW + 90 * HOUR, []),
        (0, air.EARLIEST - 1, []),
        (THIS_HOUR, THIS_HOUR - HOUR, []),
        (-(10**30), 10**4, []),
    ],
)
def test_the_history_is_cut_to_what_exists(get: Get, start: int, end: int, expected: list[int]) -> None:
    answer = get(AIR + "/history", start=start, end=end, **DELHI)
    assert answer.status_code == 200
    assert times(answer.json()) == expected


@pytest.mark.parametrize("params", [{}, {"start": 1}, {"end": 1}, {"start": "x", "end": 1}])
def test_a_history_without_its_range_is_400(get: Get, params: dict[str, object]) -> None:
    assert get(AIR + "/history", **DELHI, **params).status_code == 400


def test_overlapping_histories_agree_and_current_is_their_last_hour(get: Get) -> None:
    long = get(AIR + "/history", start=THIS_HOUR - 40 * HOUR, end=NOW, **DELHI).json()["list"]
    short = get(AIR + "/history", start=THIS_HOUR - 7 * HOUR, end=NOW, **DELHI).json()["list"]
    assert long[-8:] == short
    assert get(AIR, **DELHI).json()["list"][0]["components"] == short[-1]["components"]


def test_the_air_forecast_nearly_comes_true(get: Get, simulator: Simulator) -> None:
    forecast = get(AIR + "/forecast", **DELHI).json()["list"]
    simulator.set_clock(now=NOW + 96 * HOUR)
    truth = get(AIR + "/history", start=THIS_HOUR, end=THIS_HOUR + 95 * HOUR, **DELHI).json()["list"]
    assert forecast[0] == truth[0]
    assert forecast != truth
    for told, true in zip(forecast, truth, strict=True):
        assert told["components"]["co"] == pytest.approx(true["components"]["co"], rel=0.35)


def test_the_index_follows_the_published_table() -> None:
    clean = dict.fromkeys(air.NAMES, 0)
    for name, limits in air.LIMITS.items():
        for index, limit in enumerate(limits, start=1):
            for value, expected in ((limit - 1, index), (limit, index + 1)):
                row = {**clean, name: value}
                assert air.index_of((*(row[n] for n in air.NAMES), 0)) == expected  # type: ignore[arg-type]


def test_all_five_indices_occur_in_a_year_of_a_polluted_city() -> None:
    rows = air.hours(air.shed_at(28.66, 77.22), 1_735_689_600, 8760)
    assert {air.index_of(row) for row in rows} == {1, 2, 3, 4, 5}


def test_traffic_peaks_in_the_morning_and_ozone_after_noon() -> None:
    rows = list(air.hours(air.shed_at(40.4, 0.0), 1_782_864_000, 24 * 60))
    nitrogen = [sum(row[2] for row in rows[hour::24]) for hour in range(24)]
    ozone = [sum(row[3] for row in rows[hour::24]) for hour in range(24)]
    assert nitrogen[8] > 1.5 * nitrogen[3]
    assert 12 <= ozone.index(max(ozone)) <= 16
    assert all(value >= 0 for row in rows for value in row)

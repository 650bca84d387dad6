"""The computed weather looks like weather, is always the same, and its forecasts nearly come true."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean

import pytest

from dlt_sources.openweather_simulator import Simulator
from dlt_sources.openweather_simulator.world import sun
from dlt_sources.openweather_simulator.world.weather import state_at
from tests.helpers.simulator_support import NOW, Get

JANUARY, JULY = 1_767_225_600, 1_782_864_000  # 2026
MADRID, SYDNEY, SINGAPORE = (40.4168, -3.7038), (-33.87, 151.21), (1.29, 103.85)


def month_mean(place: tuple[float, float], start: int) -> float:
    return mean(state_at(*place, start + hour * 3600).temperature for hour in range(0, 744, 3))


def test_summer_is_warm_on_either_side_of_the_equator() -> None:
    assert month_mean(MADRID, JULY) > month_mean(MADRID, JANUARY) + 10
    assert month_mean(SYDNEY, JANUARY) > month_mean(SYDNEY, JULY) + 8
    assert abs(month_mean(SINGAPORE, JULY) - month_mean(SINGAPORE, JANUARY)) < 5
    assert month_mean(SINGAPORE, JULY) > month_mean((70.0, 25.0), JULY) + 10


def test_afternoons_are_warmer_than_nights() -> None:
    by_hour = [
        mean(state_at(40.4, 0.0, JULY + day * 86400 + hour * 3600).temperature for day in range(30)) for hour in (3, 15)
    ]
    assert by_hour[1] > by_hour[0] + 4


def test_rain_falls_in_spells_and_not_too_often() -> None:
    wet = [state_at(51.5, -0.1, JANUARY + hour * 3600).rain > 0 for hour in range(8760)]
    onsets = sum(later and not earlier for earlier, later in pairwise(wet))
    assert 0.03 < mean(wet) < 0.3
    assert sum(wet) / onsets > 2


def test_every_state_is_within_physical_bounds_and_its_condition_fits() -> None:
    for step in range(4000):
        state = state_at(step * 37 % 181 - 90.0, step * 91 % 361 - 180.0, JANUARY + step * 7200)
        assert 0 <= state.humidity <= 100
        assert 0 <= state.clouds <= 100
        assert 930 < state.pressure < 1080
        assert -75 < state.temperature < 50
        assert state.dew_point <= state.temperature + 0.1
        assert 0 <= state.wind_degrees < 360
        assert state.gust is None or state.gust > state.wind_speed
        assert state.rain >= 0 <= state.snow
        falling = state.codes[0] < 700
        assert falling == (state.rain + state.snow > 0)
        assert not (state.snow and state.temperature > 2)
        assert 0 <= state.probability <= 1


def test_the_same_place_and_hour_always_have_the_same_weather(get: Get, simulator: Simulator) -> None:
    first = get("/data/2.5/weather", lat=10, lon=20).text
    simulator.reset()
    simulator.set_clock(now=NOW)
    assert get("/data/2.5/weather", lat=10, lon=20).text == first
    assert state_at(40.0, -3.0, 0) == state_at(40.0, -3.0, 0)


def test_neighbours_have_similar_weather() -> None:
    here, there = state_at(40.0, -3.0, NOW), state_at(40.05, -3.05, NOW)
    assert abs(here.temperature - there.temperature) < 1
    assert abs(here.pressure - there.pressure) <= 1
    west, east = state_at(10.0, 179.99, NOW), state_at(10.0, -179.99, NOW)
    assert abs(west.temperature - east.temperature) < 1


def test_forecasts_come_true_and_the_near_ones_more_exactly() -> None:
    def misses(lead: int) -> float:
        hours = range(0, 2000, 5)
        return mean(
            abs(
                state_at(*MADRID, NOW + hour * 3600).temperature
                - state_at(*MADRID, NOW + hour * 3600, lead).temperature
            )
            for hour in hours
        )

    assert misses(0) == 0
    assert 0 < misses(6) < misses(48) < misses(120) < 4


def test_a_forecast_step_is_what_the_current_weather_later_says(get: Get, simulator: Simulator) -> None:
    place = {"lat": 56.95, "lon": 24.1, "units": "metric"}
    step = get("/data/2.5/forecast", cnt=2, **place).json()["list"][1]
    simulator.set_clock(now=step["dt"] + 300)
    current = get("/data/2.5/weather", **place).json()
    assert current["main"]["temp"] == pytest.approx(step["main"]["temp"], abs=1.5)
    assert current["main"]["pressure"] == pytest.approx(step["main"]["pressure"], abs=2)


def test_the_sun_rises_and_sets_as_the_almanac_says() -> None:
    # Madrid, 21 June 2026: 06:44 and 21:48 summer time. Greenwich, 21 December 2026: 08:03 and 15:53.
    sunrise, sunset = sun.sun_times(40.4168, -3.7038, 1_782_036_000, 7200) or (0, 0)
    assert abs(sunrise - 1_782_017_040) < 180
    assert abs(sunset - 1_782_071_280) < 180
    sunrise, sunset = sun.sun_times(51.4779, 0.0, 1_797_854_400, 0) or (0, 0)
    assert abs(sunrise - 1_797_840_180) < 180
    assert abs(sunset - 1_797_868_380) < 180


@pytest.mark.parametrize("offset", [-43200, -36000, 0, 36000, 50400])
def test_the_sun_times_belong_to_the_local_day(offset: int) -> None:
    sunrise, sunset = sun.sun_times(1.9, -157.4, NOW, offset) or (0, 0)
    midnight = (NOW + offset) // 86400 * 86400 - offset
    assert midnight <= (sunrise + sunset) / 2 < midnight + 86400
    assert abs(sunset - sunrise - 43200) < 1800

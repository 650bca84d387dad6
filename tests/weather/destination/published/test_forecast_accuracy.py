"""Forecasts compared with observations: against errors that are known, and against those that the simulator makes."""

from __future__ import annotations

from math import sqrt

import pytest

from dlt_sources.openweather_simulator.world.weather import state_at
from tests.helpers.support import query
from tests.weather.destination.published.dataset import hours, make, publish

LAT, LON = 59.9139, 10.7522
OSLO = {"location_id": "oslo", "name": "Oslo", "lat": LAT, "lon": LON}
SCORES = ("temp_mean_error", "temp_mae", "temp_rmse", "wind_speed_mae", "pressure_mean_error")


def seen(hour, temp, **others):
    values = {"units": "metric", "wind_speed": 5.0, "pressure": 1010.0, "rain_1h": None, **others}
    return {"location_id": "oslo", "dt": hours(hour), "temp": temp, **values}


def said(hour, issued, temp, **others):
    values = {"units": "metric", "wind_speed": 5.0, "pressure": 1010.0, "pop": None, **others}
    return {"location_id": "oslo", "dt": hours(hour), "issued_at": hours(issued), "temp": temp, **values}


def scores(target, lead, *columns):
    (row,) = query(
        target, f"SELECT {', '.join(columns)} FROM bronze.forecast_accuracy WHERE lead_hours = %s ORDER BY 1", lead
    )
    return row


def test_errors_by_lead_time_in_one_unit(target):
    observed = [seen(3, 10.0), seen(6.2, 12.0), seen(9, 285.15, units="standard", wind_speed=4.0)]
    forecasts = [
        said(3, 0, 11.0),
        said(6, 3, 9.0, pressure=1013.0),
        said(9, 6, 12.0),
        said(6, 0, 13.0),
        said(12, 9, 1.0),
    ]
    make(target, locations=[OSLO], current_weather=observed, forecast=forecasts)
    publish(target)
    errors = (1.0, -3.0, 0.0)
    columns = ("forecast", "name", "forecasts", "first_dt", "last_dt", "units", *SCORES)
    assert scores(target, 3, *columns) == (
        *("forecast", "Oslo", 3, hours(3), hours(9), "metric"),
        pytest.approx(sum(errors) / 3),
        pytest.approx(sum(map(abs, errors)) / 3),
        pytest.approx(sqrt(sum(error**2 for error in errors) / 3)),
        pytest.approx(1 / 3),
        pytest.approx(1.0),
    )
    assert scores(target, 6, "forecasts", "temp_mean_error") == (1, pytest.approx(1.0))


def test_probabilities_are_scored_where_every_hour_of_the_step_was_observed(target):
    rain = {1: None, 2: 0.3, 3: None, 4: None, 5: 0.05, 6: None, 8: 1.0, 9: 1.0}
    observed = [seen(hour, 10.0, rain_1h=mm) for hour, mm in rain.items()]
    forecasts = [said(3, 0, 10.0, pop=0.8), said(6, 3, 10.0, pop=0.3), said(9, 6, 10.0, pop=0.1)]
    make(target, locations=[OSLO], current_weather=observed, forecast=forecasts)
    publish(target)
    columns = ("forecasts", "pop_forecasts", "pop_brier_score", "precipitation_frequency", "pop_brier_skill")
    brier = ((0.8 - 1) ** 2 + (0.3 - 0) ** 2) / 2
    expected = (3, 2, pytest.approx(brier), 0.5, pytest.approx(1 - brier / 0.25))
    assert scores(target, 3, *columns) == expected, "0.05 mm are a trace, and hour 7 is missing"


def test_the_errors_of_the_simulated_forecast_are_those_that_it_makes(duckdb):
    moments = range(3, 121, 3)
    truth = {hour: state_at(LAT, LON, hours(hour).timestamp()) for hour in moments}
    observed = [seen(hour, state.temperature, wind_speed=state.wind_speed) for hour, state in truth.items()]
    forecast = {}
    for issued in range(0, 72, 3):
        for lead in (3, 24, 48):
            state = state_at(LAT, LON, hours(issued + lead).timestamp(), lead)
            forecast[issued, lead] = said(issued + lead, issued, state.temperature, wind_speed=state.wind_speed)
    make(duckdb, locations=[OSLO], current_weather=observed, forecast=forecast.values())
    publish(duckdb)
    mae = {}
    for lead in (3, 24, 48):
        errors = [forecast[issued, lead]["temp"] - truth[issued + lead].temperature for issued in range(0, 72, 3)]
        count, mean, mae[lead], rmse = scores(duckdb, lead, "forecasts", "temp_mean_error", "temp_mae", "temp_rmse")
        assert count == 24
        assert mean == pytest.approx(sum(errors) / 24)
        assert mae[lead] == pytest.approx(sum(map(abs, errors)) / 24)
        assert rmse == pytest.approx(sqrt(sum(error**2 for error in errors) / 24))
    assert mae[3] < mae[24] < mae[48], "the simulated forecast misses by more the further it looks"

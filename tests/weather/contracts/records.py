"""Records as the API reference shows them, and their conversion."""

from __future__ import annotations

import copy
from datetime import datetime, timezone

import orjson
import pytest

from dlt_sources.weather import contracts
from dlt_sources.weather.contracts import (
    AirPollution,
    AirPollutionForecast,
    CurrentWeather,
    Forecast,
    ForecastClimate,
    ForecastDaily,
    ForecastHourly,
    OneCallAlerts,
    OneCallCurrent,
    OneCallDaily,
    OneCallDailyForecast,
    OneCallHourly,
    OneCallHourlyForecast,
    OneCallMinutely,
    OneCallQuarterHourly,
    WeatherHistory,
    WeatherHistoryDaily,
)
from dlt_sources.weather.convert.converter import Converter

DT = 1_790_503_211
MOMENT = datetime(2026, 9, 27, 10, 0, 11, tzinfo=timezone.utc)
CONDITION = {"id": 500, "main": "Rain", "description": "light rain", "icon": "10d"}
CURRENT = {
    "coord": {"lon": 11.25, "lat": 43.77},
    "weather": [CONDITION],
    "base": "stations",
    "main": {"temp": 17.4, "feels_like": 17.1, "pressure": 1013, "humidity": 70, "sea_level": 1013},
    "visibility": 10000,
    "wind": {"speed": 3.2, "deg": 210, "gust": 6.5},
    "rain": {"1h": 0.4},
    "clouds": {"all": 75},
    "dt": DT,
    "sys": {"type": 2, "id": 2003, "country": "IT", "sunrise": DT - 20_000, "sunset": DT + 20_000},
    "timezone": 7200,
    "id": 3176959,
    "name": "Florence",
    "cod": 200,
}
STEP = {
    "dt": DT,
    "main": {"temp": 9.5, "temp_kf": -0.5, "humidity": 71},
    "weather": [CONDITION],
    "clouds": {"all": 20},
    "wind": {"speed": 1.5, "deg": 11},
    "pop": 0.2,
    "rain": {"3h": 0.8},
    "sys": {"pod": "n"},
    "dt_txt": "2026-09-27 10:00:11",
}
AIR = {
    "main": {"aqi": 2},
    "components": {
        "co": 210.5,
        "no": 0,
        "no2": 6.1,
        "o3": 70.2,
        "so2": 2.5,
        "pm2_5": 6.0,
        "pm10": 8,
        "nh3": 0.3,
    },
    "dt": DT,
}
HOUR = {"dt": DT, "temp": 12, "feels_like": 11.5, "wind_speed": 2, "weather": [CONDITION], "pop": 0}
DAY = {"dt": DT, "temp": {"day": 14.5, "min": 9, "max": 16.2}, "weather": [CONDITION], "moonrise": 0, "rain": 2.5}
MINUTE = {"dt": DT, "precipitation": 0}
ALERT = {
    "sender_name": "Met Office",
    "event": "Yellow wind warning",
    "start": DT,
    "end": DT + 7200,
    "description": "Gusts.",
    "tags": ["Wind", "Extreme"],
}
ALERT_IDS = ["5f2c7a10-3b1e-4a55-9a0d-1c2f6f0e7b01"]
# One Call 4.0
OBSERVATION = {
    **{name: value for name, value in HOUR.items() if name != "pop"},
    "sunrise": DT - 20_000,
    "sunset": DT + 20_000,
    "uvi": 1.2,
    "rain": {"1h": 0.4},
    "alerts": ALERT_IDS,
}
WARNING = {**{name: value for name, value in ALERT.items() if name != "tags"}, "id": ALERT_IDS[0]}
# larger plans
PLAN_DAY = {
    "dt": DT,
    "sunrise": DT - 20_000,
    "sunset": DT + 20_000,
    "temp": {"day": 14.5, "min": 9, "max": 16.2, "night": 9.5, "eve": 13, "morn": 9.1},
    "feels_like": {"day": 14, "night": 9, "eve": 12.5, "morn": 8.6},
    "pressure": 1013,
    "humidity": 70,
    "weather": [CONDITION],
    "speed": 3.2,
    "deg": 210,
    "gust": 6.5,
    "clouds": 75,
    "pop": 0.4,
    "rain": 2.5,
}
PLAN_HOUR = {**STEP, "rain": {"1h": 0.2}}
VALID = [
    pytest.param(CurrentWeather, CURRENT, id="current_weather"),
    pytest.param(Forecast, STEP, id="forecast"),
    pytest.param(AirPollution, AIR, id="air_pollution"),
    pytest.param(AirPollutionForecast, AIR, id="air_pollution_forecast"),
    pytest.param(OneCallHourly, HOUR, id="one_call_hourly"),
    pytest.param(OneCallDaily, DAY, id="one_call_daily"),
    pytest.param(OneCallMinutely, MINUTE, id="one_call_minutely"),
    pytest.param(OneCallAlerts, ALERT, id="one_call_alerts"),
    pytest.param(OneCallAlerts, WARNING, id="one_call_alerts of 4.0"),
    pytest.param(OneCallMinutely, MINUTE | {"alerts": ALERT_IDS}, id="one_call_minutely of 4.0"),
    pytest.param(OneCallCurrent, OBSERVATION, id="one_call_current"),
    pytest.param(OneCallQuarterHourly, HOUR | {"alerts": ALERT_IDS}, id="one_call_quarter_hourly"),
    pytest.param(OneCallHourlyForecast, HOUR | {"alerts": []}, id="one_call_hourly_forecast"),
    pytest.param(OneCallDailyForecast, DAY | {"alerts": ALERT_IDS}, id="one_call_daily_forecast"),
    pytest.param(WeatherHistory, HOUR, id="weather_history"),
    pytest.param(WeatherHistoryDaily, DAY, id="weather_history_daily"),
    pytest.param(ForecastDaily, PLAN_DAY, id="forecast_daily"),
    pytest.param(ForecastHourly, PLAN_HOUR, id="forecast_hourly"),
    pytest.param(ForecastClimate, PLAN_DAY, id="forecast_climate"),
]
TABLES = [pytest.param(contract, id=table) for table, contract in contracts.TABLES.items()]
ABSENT = object()


def changed(record, **by_path):
    """Copy a record with values set by path, two underscores standing for a dot; ABSENT takes one out."""
    record = copy.deepcopy(record)
    for path, value in by_path.items():
        *parents, name = path.split("__")
        holder = record
        for parent in parents:
            holder = holder.setdefault(parent, {})
        if value is ABSENT:
            del holder[name]
        else:
            holder[name] = value
    return record


def convert(contract, *records, converter=None):
    """Convert records, each with its position as location_id."""
    ids = [str(position) for position in range(len(records))]
    return (converter or Converter(contract)).convert(list(records), {"location_id": ids})


def row(contract, record):
    """Convert one record that keeps its contract."""
    table, invalid_rows = convert(contract, record)
    assert invalid_rows == []
    (found,) = table.to_pylist()
    return found


def invalid_row(contract, record):
    """Convert one record that breaks its contract."""
    table, invalid_rows = convert(contract, record)
    assert table.num_rows == 0
    (found,) = invalid_rows
    return found


def as_received(record):
    """A record as the client hands it over: parsed from JSON."""
    return orjson.loads(orjson.dumps(record))

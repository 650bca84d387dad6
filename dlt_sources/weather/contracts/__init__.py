"""The bronze tables as pydantic models: one contract per table, the single source of its columns and types.

May import ``common``. Makes no call and reads no file.
"""

from dlt_sources.weather.contracts.air import AirPollution, AirPollutionForecast
from dlt_sources.weather.contracts.base import Contract
from dlt_sources.weather.contracts.one_call import OneCallAlerts, OneCallDaily, OneCallHourly, OneCallMinutely
from dlt_sources.weather.contracts.plan_forecasts import ForecastClimate, ForecastDaily, ForecastHourly
from dlt_sources.weather.contracts.records import LoadRun, Location, Reject, WeatherRaw
from dlt_sources.weather.contracts.timelines import (
    OneCallCurrent,
    OneCallDailyForecast,
    OneCallHourlyForecast,
    OneCallQuarterHourly,
    WeatherHistory,
    WeatherHistoryDaily,
)
from dlt_sources.weather.contracts.weather import CurrentWeather, Forecast

TABLES: dict[str, type[Contract]] = {
    contract.table: contract
    for contract in (
        Location,
        CurrentWeather,
        Forecast,
        AirPollution,
        AirPollutionForecast,
        ForecastDaily,
        ForecastHourly,
        ForecastClimate,
        OneCallHourly,
        OneCallDaily,
        OneCallMinutely,
        OneCallAlerts,
        OneCallCurrent,
        OneCallQuarterHourly,
        OneCallHourlyForecast,
        OneCallDailyForecast,
        WeatherHistory,
        WeatherHistoryDaily,
        WeatherRaw,
        Reject,
        LoadRun,
    )
}

__all__ = [
    "TABLES",
    "AirPollution",
    "AirPollutionForecast",
    "Contract",
    "CurrentWeather",
    "Forecast",
    "ForecastClimate",
    "ForecastDaily",
    "ForecastHourly",
    "LoadRun",
    "Location",
    "OneCallAlerts",
    "OneCallCurrent",
    "OneCallDaily",
    "OneCallDailyForecast",
    "OneCallHourly",
    "OneCallHourlyForecast",
    "OneCallMinutely",
    "OneCallQuarterHourly",
    "Reject",
    "WeatherHistory",
    "WeatherHistoryDaily",
    "WeatherRaw",
]

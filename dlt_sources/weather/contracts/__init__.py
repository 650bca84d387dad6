"""The bronze tables as pydantic models: one contract a table, the single source of its columns and types."""

from dlt_sources.weather.contracts.air import AirPollution, AirPollutionForecast
from dlt_sources.weather.contracts.base import Contract
from dlt_sources.weather.contracts.one_call import OneCallAlerts, OneCallDaily, OneCallHourly, OneCallMinutely
from dlt_sources.weather.contracts.records import LoadRun, Location, Reject, WeatherRaw
from dlt_sources.weather.contracts.weather import CurrentWeather, Forecast

__all__ = [
    "AirPollution",
    "AirPollutionForecast",
    "Contract",
    "CurrentWeather",
    "Forecast",
    "LoadRun",
    "Location",
    "OneCallAlerts",
    "OneCallDaily",
    "OneCallHourly",
    "OneCallMinutely",
    "Reject",
    "WeatherRaw",
]

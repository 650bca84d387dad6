"""The bronze tables as pydantic models: one contract per table, the single source of its columns and types.

May import ``common``. Makes no call and reads no file.
"""

from dlt_sources.weather.contracts.air import AirPollution, AirPollutionForecast
from dlt_sources.weather.contracts.base import Contract
from dlt_sources.weather.contracts.one_call import OneCallAlerts, OneCallDaily, OneCallHourly, OneCallMinutely
from dlt_sources.weather.contracts.records import LoadRun, Location, Reject, WeatherRaw
from dlt_sources.weather.contracts.weather import CurrentWeather, Forecast

TABLES: dict[str, type[Contract]] = {
    contract.table: contract
    for contract in (
        Location,
        CurrentWeather,
        Forecast,
        AirPollution,
        AirPollutionForecast,
        OneCallHourly,
        OneCallDaily,
        OneCallMinutely,
        OneCallAlerts,
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
    "LoadRun",
    "Location",
    "OneCallAlerts",
    "OneCallDaily",
    "OneCallHourly",
    "OneCallMinutely",
    "Reject",
    "WeatherRaw",
]

"""Endpoints of version 2.5: those of the free plan, and the forecasts that larger plans have.

Source of paths and shapes: openweathermap.org/api.
"""

from __future__ import annotations

from dlt_sources.weather.api.endpoints.model import MOST_LARGE, Endpoint, Part
from dlt_sources.weather.contracts import (
    AirPollution,
    AirPollutionForecast,
    CurrentWeather,
    Forecast,
    ForecastClimate,
    ForecastDaily,
    ForecastHourly,
)

_COORDINATES = frozenset({"coord"})
_CITY_AROUND = (
    ("city_name", "city.name"),
    ("country", "city.country"),
    ("timezone", "city.timezone"),
    ("population", "city.population"),
)
_CITY_NOT_KEPT = frozenset({"cod", "message", "cnt", "city.id", "city.coord", "city.sunrise", "city.sunset"})

FREE_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        name="current_weather",
        path="/data/2.5/weather",
        parts=(Part(CurrentWeather),),
        description="Current weather: one row per location and observation.",
        has_units=True,
    ),
    Endpoint(
        name="forecast",
        path="/data/2.5/forecast",
        parts=(Part(Forecast, "list", around=_CITY_AROUND),),
        not_kept=_CITY_NOT_KEPT,
        description="Forecast of 5 days in 3-hour steps: one row per location, step and hour of issue.",
        has_units=True,
        most_at_once=MOST_LARGE,
    ),
    Endpoint(
        name="air_pollution",
        path="/data/2.5/air_pollution/history",
        parts=(Part(AirPollution, "list"),),
        not_kept=_COORDINATES,
        description="Air quality, hourly since 2020-11-27: one row per location and hour, loaded incrementally.",
        incremental=True,
        # an answer of 90 days is 2,160 rows: 16 at once keep both cores busy, 200 would fill memory with them
        most_at_once=16,
    ),
    Endpoint(
        name="air_pollution_forecast",
        path="/data/2.5/air_pollution/forecast",
        parts=(Part(AirPollutionForecast, "list"),),
        not_kept=_COORDINATES,
        description="Air quality of the next 4 days, hourly: one row per location, hour and hour of issue.",
        most_at_once=MOST_LARGE,
    ),
    Endpoint(
        name="forecast_daily",
        path="/data/2.5/forecast/daily",
        parts=(Part(ForecastDaily, "list", around=_CITY_AROUND),),
        not_kept=_CITY_NOT_KEPT,
        description="Forecast of 16 days: one row per location, day and hour of issue. In the plan startup and above.",
        by_default=False,
        has_units=True,
        parameters=(("cnt", "16"),),
    ),
    Endpoint(
        name="forecast_hourly",
        path="/data/2.5/forecast/hourly",
        parts=(Part(ForecastHourly, "list", around=_CITY_AROUND),),
        not_kept=_CITY_NOT_KEPT,
        description="Forecast of 4 days by hour: one row per location, hour and hour of issue. In the plan developer "
        "and above.",
        by_default=False,
        has_units=True,
        most_at_once=MOST_LARGE,
    ),
    Endpoint(
        name="forecast_climate",
        path="/data/2.5/forecast/climate",
        parts=(Part(ForecastClimate, "list", around=_CITY_AROUND),),
        not_kept=_CITY_NOT_KEPT,
        description="Forecast of 30 days from the climate: one row per location, day and hour of issue. In the plan "
        "developer and above.",
        by_default=False,
        has_units=True,
        parameters=(("cnt", "30"),),
    ),
)

"""Queries of the chart's data: a few locations and days, never a whole table."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import (
    AirPollution,
    Contract,
    CurrentWeather,
    Forecast,
    ForecastHourly,
    Location,
    OneCallCurrent,
    OneCallHourlyForecast,
    WeatherHistory,
)
from dlt_sources.weather.destination.reader import DestinationReader

MAX_LOCATIONS = 8
# interval of the forecast's rows; the first of them may begin before the issue
STEP = timedelta(hours=3)
# lead times that count as a day ahead
DAY_AHEAD = (timedelta(hours=21), timedelta(hours=27))
# an observation stands for an hour of the forecast if it is at most this far from it
MAX_DISTANCE = timedelta(minutes=90)
# tables of observed temperatures; of one moment, the last one counts
OBSERVED: tuple[type[Contract], ...] = (WeatherHistory, OneCallCurrent, CurrentWeather)
# tables of forecasts; the first that has rows is drawn
FORECASTS: tuple[type[Contract], ...] = (Forecast, ForecastHourly, OneCallHourlyForecast)
# moments in UTC with their values, in order
Series = list[tuple[datetime, float]]


class ForecastError(NamedTuple):
    """Temperatures (°C) of one hour: forecast a day ahead, and observed."""

    dt: datetime
    forecast: float
    observed: float


@dataclass
class LocationWeather:
    """One location: temperatures in °C, observed, forecast and forecast a day ahead, and fine particles in µg/m³."""

    location_id: str
    name: str
    temperature: Series = field(default_factory=list)
    forecast: Series = field(default_factory=list)
    pm2_5: Series = field(default_factory=list)
    day_ahead_forecast: Series = field(default_factory=list)

    @property
    def errors(self) -> list[ForecastError]:
        """Day-ahead forecasts with the nearest observation, which is at most 90 minutes away."""
        errors = []
        for dt, forecast in self.day_ahead_forecast:
            nearest = min(self.temperature, key=lambda observation: abs(observation[0] - dt), default=None)
            if nearest and abs(nearest[0] - dt) <= MAX_DISTANCE:
                errors.append(ForecastError(dt, forecast, nearest[1]))
        return errors


@dataclass
class Weather:
    """Data of the chart: the locations shown, the number of all locations, the time range, and if it is simulated."""

    locations: list[LocationWeather]
    all_locations: int
    since: datetime
    now: datetime
    simulated: bool = False


def celsius(temperature: float, units: str | None) -> float:
    """Return a temperature in °C, given the units of its row."""
    if units == "standard":
        return temperature - 273.15
    return (temperature - 32) / 1.8 if units == "imperial" else temperature


def read_weather(reader: DestinationReader, now: datetime, days: int) -> Weather:
    """Read the last days of the first ``MAX_LOCATIONS`` locations by name."""
    since = now - timedelta(days=days)
    rows = reader.rows(
        f"SELECT location_id, coalesce(name, query, location_id) AS label FROM {{locations}} ORDER BY 2, 1"
        f" LIMIT {MAX_LOCATIONS}",
        locations=Location.table,
    )
    number = reader.rows("SELECT count(*) FROM {locations}", locations=Location.table)
    locations = {location_id: LocationWeather(location_id, label) for location_id, label in rows}
    if locations:
        _fill(reader, locations, since, now)
    return Weather(list(locations.values()), number[0][0] if number else 0, since, now)


def _fill(reader: DestinationReader, locations: dict[str, LocationWeather], since: datetime, now: datetime) -> None:
    among = f"location_id IN ({', '.join(['%s'] * len(locations))})"
    _fill_temperatures(reader, locations, since, among)
    sql = f"SELECT location_id, dt, pm2_5 FROM {{t}} WHERE dt >= %s AND pm2_5 IS NOT NULL AND {among} ORDER BY dt"
    for location_id, dt, pm2_5 in reader.rows(sql, since, *locations, t=AirPollution.table):
        locations[location_id].pm2_5.append((utc(dt), pm2_5))
    sql = (
        "SELECT location_id, dt, temp, units FROM {t} WHERE dt >= %s AND issued_at = %s"
        f" AND temp IS NOT NULL AND {among} ORDER BY dt"
    )
    issues = {contract: reader.newest(contract, "issued_at") for contract in FORECASTS}
    forecast = next((contract for contract, newest in issues.items() if newest), Forecast)
    newest_issue = issues[forecast]
    begins = newest_issue and newest_issue - STEP
    for location_id, dt, temp, units in reader.rows(sql, begins, newest_issue, *locations, t=forecast.table):
        locations[location_id].forecast.append((utc(dt), celsius(temp, units)))
    # of several issues in that range, the newest counts
    sql = (
        f"SELECT location_id, dt, temp, units, issued_at FROM {{t}} WHERE dt >= %s AND dt <= %s AND temp IS NOT NULL"
        f" AND {among} AND issued_at >= %s ORDER BY dt, issued_at"
    )
    newest: dict[tuple[str, datetime], float] = {}
    for location_id, dt, temp, units, issued in reader.rows(
        sql, since, now, *locations, since - DAY_AHEAD[1], t=forecast.table
    ):
        if DAY_AHEAD[0] <= utc(dt) - utc(issued) <= DAY_AHEAD[1]:
            newest[location_id, utc(dt)] = celsius(temp, units)
    for (location_id, dt), temp in newest.items():
        locations[location_id].day_ahead_forecast.append((dt, temp))


def _fill_temperatures(
    reader: DestinationReader, locations: dict[str, LocationWeather], since: datetime, among: str
) -> None:
    observed: dict[str, dict[datetime, float]] = {location_id: {} for location_id in locations}
    sql = f"SELECT location_id, dt, temp, units FROM {{t}} WHERE dt >= %s AND temp IS NOT NULL AND {among}"
    for contract in OBSERVED:
        for location_id, dt, temp, units in reader.rows(sql, since, *locations, t=contract.table):
            observed[location_id][utc(dt)] = celsius(temp, units)
    for location_id, temperatures in observed.items():
        locations[location_id].temperature = sorted(temperatures.items())

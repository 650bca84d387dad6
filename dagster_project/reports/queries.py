"""Queries of the chart's data: some locations and days, never a whole table."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from dagster_project.reports.health import Health, read_health
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

# more would take longer to read, and are a sample
MAX_LOCATIONS = 500
# of so many, each has a chart
MAX_SINGLE_CHARTS = 8
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
    """One location: temperatures in °C, observed, forecast and forecast a day ahead, and fine particles in µg/m³.

    The latitude is in degrees north.
    """

    location_id: str
    name: str
    latitude: float = 0.0
    temperature: Series = field(default_factory=list)
    forecast: Series = field(default_factory=list)
    pm2_5: Series = field(default_factory=list)
    day_ahead_forecast: Series = field(default_factory=list)

    @cached_property
    def errors(self) -> list[ForecastError]:
        """Day-ahead forecasts with the nearest observation, which is at most 90 minutes away."""
        errors = []
        moments = [moment for moment, _ in self.temperature]
        for dt, forecast in self.day_ahead_forecast:
            place = bisect_left(moments, dt)
            around = self.temperature[max(place - 1, 0) : place + 1]
            nearest = min(around, key=lambda observation: abs(observation[0] - dt), default=None)
            if nearest and abs(nearest[0] - dt) <= MAX_DISTANCE:
                errors.append(ForecastError(dt, forecast, nearest[1]))
        return errors


@dataclass
class Weather:
    """Data of the chart.

    Attributes:
        locations: the locations shown.
        all_locations: the number of all locations.
        since: begin of the range of time, UTC.
        now: its end, UTC.
        health: lag and rejects of the loads.
        simulated: whether the weather is simulated.
    """

    locations: list[LocationWeather]
    all_locations: int
    since: datetime
    now: datetime
    health: Health = field(default_factory=Health)
    simulated: bool = False


def celsius(temperature: float, units: str | None) -> float:
    """Return a temperature in °C, given the units of its row."""
    if units == "standard":
        return temperature - 273.15
    return (temperature - 32) / 1.8 if units == "imperial" else temperature


def read_weather(reader: DestinationReader, now: datetime, days: int) -> Weather:
    """Read the last days of the locations; of more than ``MAX_LOCATIONS``, of every second, third, … by name.

    Args:
        reader: reads the destination.
        now: end of the range of time, UTC.
        days: its length.
    """
    since = now - timedelta(days=days)
    rows = reader.rows(
        "SELECT location_id, coalesce(name, query, location_id) AS label, lat FROM {locations} ORDER BY 2, 1",
        locations=Location.table,
    )
    shown = rows[:: -(-len(rows) // MAX_LOCATIONS)] if rows else []
    locations = {key: LocationWeather(key, label, latitude or 0.0) for key, label, latitude in shown}
    if locations:
        _fill(reader, locations, _among(locations, len(rows)), since, now)
    health = read_health(reader, {key: location.name for key, location in locations.items()}, since, now)
    return Weather(list(locations.values()), len(rows), since, now, health)


class _Among(NamedTuple):
    """Condition of SQL on ``location_id``, with its parameters."""

    sql: str
    parameters: tuple[str, ...]


def _among(locations: dict[str, LocationWeather], number: int) -> _Among:
    """Return the condition that a row is of the locations shown; without one if all are."""
    if len(locations) == number:
        return _Among("1 = 1", ())
    return _Among(f"location_id IN ({', '.join(['%s'] * len(locations))})", tuple(locations))


def _fill(
    reader: DestinationReader, locations: dict[str, LocationWeather], among: _Among, since: datetime, now: datetime
) -> None:
    _fill_temperatures(reader, locations, among, since)
    sql = f"SELECT location_id, dt, pm2_5 FROM {{t}} WHERE dt >= %s AND pm2_5 IS NOT NULL AND {among.sql} ORDER BY dt"
    for location_id, dt, pm2_5 in reader.rows(sql, since, *among.parameters, t=AirPollution.table):
        if location_id in locations:
            locations[location_id].pm2_5.append((utc(dt), pm2_5))
    issues = {contract: reader.newest(contract, "issued_at") for contract in FORECASTS}
    forecast = next((contract for contract, newest in issues.items() if newest), Forecast)
    newest_issue = issues[forecast]
    if newest_issue is None:
        return
    if len(locations) <= MAX_SINGLE_CHARTS:
        sql = (
            "SELECT location_id, dt, temp, units FROM {t} WHERE dt >= %s AND issued_at = %s"
            f" AND temp IS NOT NULL AND {among.sql} ORDER BY dt"
        )
        begins = newest_issue - STEP
        for location_id, dt, temp, units in reader.rows(sql, begins, newest_issue, *among.parameters, t=forecast.table):
            if location_id in locations:
                locations[location_id].forecast.append((utc(dt), celsius(temp, units)))
    _fill_day_ahead(reader, locations, forecast, among, (since, now))


def _fill_day_ahead(
    reader: DestinationReader,
    locations: dict[str, LocationWeather],
    forecast: type[Contract],
    among: _Among,
    between: tuple[datetime, datetime],
) -> None:
    # of several issues a day ahead, the newest counts
    newest = (
        "SELECT location_id, dt, max(issued_at) AS issued_at FROM {t} WHERE dt >= %s AND dt <= %s AND issued_at >= %s"
        " AND CAST(extract(epoch FROM dt) AS BIGINT) - CAST(extract(epoch FROM issued_at) AS BIGINT) >= %s"
        " AND CAST(extract(epoch FROM dt) AS BIGINT) - CAST(extract(epoch FROM issued_at) AS BIGINT) <= %s"
        f" AND temp IS NOT NULL AND {among.sql} GROUP BY location_id, dt"
    )
    sql = (
        f"SELECT f.location_id, f.dt, f.temp, f.units FROM {{t}} AS f JOIN ({newest}) AS n"
        " ON f.location_id = n.location_id AND f.dt = n.dt AND f.issued_at = n.issued_at ORDER BY f.dt"
    )
    leads = [int(lead.total_seconds()) for lead in DAY_AHEAD]
    parameters = (*between, between[0] - DAY_AHEAD[1], *leads, *among.parameters)
    for location_id, dt, temp, units in reader.rows(sql, *parameters, t=forecast.table):
        if location_id in locations:
            locations[location_id].day_ahead_forecast.append((utc(dt), celsius(temp, units)))


def _fill_temperatures(
    reader: DestinationReader, locations: dict[str, LocationWeather], among: _Among, since: datetime
) -> None:
    observed: dict[str, dict[datetime, float]] = {location_id: {} for location_id in locations}
    sql = f"SELECT location_id, dt, temp, units FROM {{t}} WHERE dt >= %s AND temp IS NOT NULL AND {among.sql}"
    for contract in OBSERVED:
        for location_id, dt, temp, units in reader.rows(sql, since, *among.parameters, t=contract.table):
            if location_id in observed:
                observed[location_id][utc(dt)] = celsius(temp, units)
    for location_id, temperatures in observed.items():
        locations[location_id].temperature = sorted(temperatures.items())

"""What the picture shows, read from bronze: a few places, a few days, never a whole table."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import AirPollution, CurrentWeather, Forecast, Location
from dlt_sources.weather.destination.reader import DestinationReader

MOST_LOCATIONS = 8
# forecasts come in such steps, of which the first may have begun before the issue
STEP = timedelta(hours=3)
# a forecast of about a day before
AHEAD = (timedelta(hours=21), timedelta(hours=27))
NEAR = timedelta(minutes=90)
Series = list[tuple[datetime, float]]


@dataclass
class LocationWeather:
    """One place: temperatures in °C, fine particles in µg/m³, and the forecast of a day before each moment."""

    location_id: str
    name: str
    temperature: Series = field(default_factory=list)
    to_come: Series = field(default_factory=list)
    pm2_5: Series = field(default_factory=list)
    foretold: Series = field(default_factory=list)

    @property
    def errors(self) -> list[tuple[datetime, float, float]]:
        """Moment, what was foretold a day before and what came (the observation nearest to it, 90 minutes at most)."""
        found = []
        for moment, foretold in self.foretold:
            nearest = min(self.temperature, key=lambda seen: abs(seen[0] - moment), default=None)
            if nearest and abs(nearest[0] - moment) <= NEAR:
                found.append((moment, foretold, nearest[1]))
        return found


@dataclass
class Weather:
    """Everything the picture shows, and how many places there are in all."""

    locations: list[LocationWeather]
    all_locations: int
    since: datetime
    now: datetime


def celsius(temperature: float, units: str | None) -> float:
    """A temperature in °C, whatever units its row has."""
    if units == "standard":
        return temperature - 273.15
    return (temperature - 32) / 1.8 if units == "imperial" else temperature


def read_weather(loaded: DestinationReader, now: datetime, days: int) -> Weather:
    """Read the first places by name, and their last days."""
    since = now - timedelta(days=days)
    rows = loaded.rows(
        f"SELECT location_id, coalesce(name, query, location_id) AS label FROM {{locations}} ORDER BY 2, 1"
        f" LIMIT {MOST_LOCATIONS}",
        locations=Location.table,
    )
    number = loaded.rows("SELECT count(*) FROM {locations}", locations=Location.table)
    locations = {location_id: LocationWeather(location_id, label) for location_id, label in rows}
    if locations:
        _fill(loaded, locations, since, now)
    return Weather(list(locations.values()), number[0][0] if number else 0, since, now)


def _fill(loaded: DestinationReader, locations: dict[str, LocationWeather], since: datetime, now: datetime) -> None:
    among = f"location_id IN ({', '.join(['%s'] * len(locations))})"
    sql = f"SELECT location_id, dt, temp, units FROM {{t}} WHERE dt >= %s AND temp IS NOT NULL AND {among} ORDER BY dt"
    for one, dt, temp, units in loaded.rows(sql, since, *locations, t=CurrentWeather.table):
        locations[one].temperature.append((utc(dt), celsius(temp, units)))
    sql = f"SELECT location_id, dt, pm2_5 FROM {{t}} WHERE dt >= %s AND pm2_5 IS NOT NULL AND {among} ORDER BY dt"
    for one, dt, pm2_5 in loaded.rows(sql, since, *locations, t=AirPollution.table):
        locations[one].pm2_5.append((utc(dt), pm2_5))
    sql = (
        "SELECT location_id, dt, temp, units FROM {t} WHERE dt >= %s AND issued_at = %s"
        f" AND temp IS NOT NULL AND {among} ORDER BY dt"
    )
    newest_issue = loaded.newest(Forecast, "issued_at")
    begins = newest_issue and newest_issue - STEP
    for one, dt, temp, units in loaded.rows(sql, begins, newest_issue, *locations, t=Forecast.table):
        locations[one].to_come.append((utc(dt), celsius(temp, units)))
    # of several issues in that range, the newest counts
    sql = (
        f"SELECT location_id, dt, temp, units, issued_at FROM {{t}} WHERE dt >= %s AND dt <= %s AND temp IS NOT NULL"
        f" AND {among} AND issued_at >= %s ORDER BY dt, issued_at"
    )
    newest: dict[tuple[str, datetime], float] = {}
    for one, dt, temp, units, issued in loaded.rows(sql, since, now, *locations, since - AHEAD[1], t=Forecast.table):
        if AHEAD[0] <= utc(dt) - utc(issued) <= AHEAD[1]:
            newest[one, utc(dt)] = celsius(temp, units)
    for (one, dt), temp in newest.items():
        locations[one].foretold.append((dt, temp))

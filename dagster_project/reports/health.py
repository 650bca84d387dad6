"""Health of the loads, as the chart shows it: how old the newest row of each location is, and what was rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import NamedTuple

from dlt_sources.weather.common.clock import HOUR, utc
from dlt_sources.weather.contracts import (
    AirPollution,
    AirPollutionForecast,
    Contract,
    CurrentWeather,
    Forecast,
    ForecastHourly,
    LoadRun,
    Location,
    OneCallCurrent,
    OneCallHourlyForecast,
    Reject,
    WeatherHistory,
)
from dlt_sources.weather.destination.reader import DestinationReader

# tables whose newest row is shown, those that a load without `resources` fills first
TABLES: tuple[type[Contract], ...] = (
    CurrentWeather,
    Forecast,
    AirPollution,
    AirPollutionForecast,
    ForecastHourly,
    OneCallCurrent,
    OneCallHourlyForecast,
    WeatherHistory,
)
MOST_CAUSES = 2


class Lag(NamedTuple):
    """Age of the newest rows of a table in hours: the median of the locations, and the oldest one with its name."""

    table: str
    median: float
    longest: float
    name: str


class LoadedRows(NamedTuple):
    """Rows that one load of a resource fetched and rejected."""

    at: datetime
    fetched: int
    rejected: int


@dataclass
class Health:
    """Lags by table, the rows of each load, and the commonest causes of rejects with their number."""

    lags: list[Lag] = field(default_factory=list)
    loads: list[LoadedRows] = field(default_factory=list)
    causes: list[tuple[str, int]] = field(default_factory=list)


def read_health(reader: DestinationReader, names: Mapping[str, str], since: datetime, now: datetime) -> Health:
    """Read the lags of locations, and the rejects of the loads since a moment.

    Args:
        reader: reads the destination.
        names: names of the locations by location_id.
        since: the earliest load, UTC.
        now: the moment that lags are counted to, UTC.
    """
    sql = "SELECT started_at, rows_fetched, rows_rejected FROM {runs} WHERE started_at >= %s ORDER BY started_at"
    loads = reader.rows(sql, since, runs=LoadRun.table)
    sql = (
        "SELECT resource, error_class, count(*) AS number FROM {rejects} WHERE rejected_at >= %s"
        " GROUP BY resource, error_class ORDER BY 3 DESC, 1, 2"
    )
    causes = reader.rows(sql, since, rejects=Reject.table)
    return Health(
        lags=[lag for contract in TABLES if (lag := _lag(reader, contract, names, now))],
        loads=[LoadedRows(utc(at), fetched or 0, rejected or 0) for at, fetched, rejected in loads],
        causes=[(f"{resource}: {cause}", number) for resource, cause, number in causes[:MOST_CAUSES]],
    )


def _lag(reader: DestinationReader, contract: type[Contract], names: Mapping[str, str], now: datetime) -> Lag | None:
    """Return the lag of a table; None if no location has a row."""
    moment = "issued_at" if "issued_at" in contract.model_fields else "dt"
    sql = f"SELECT l.location_id, {reader.newest_of_location(contract, moment)} FROM {{locations}} l"
    rows = reader.rows(sql, table=contract.table, locations=Location.table)
    hours = {key: max((now - utc(newest)) / HOUR, 0.0) for key, newest in rows if newest and key in names}
    if not hours:
        return None
    oldest = max(hours, key=lambda key: (hours[key], key))
    return Lag(contract.table, median(hours.values()), hours[oldest], names[oldest])

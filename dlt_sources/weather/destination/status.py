"""How the bronze tables stand: rows, places, lag, gaps, rejects, and the newest conditions of each place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import TABLES, AirPollution, Contract, CurrentWeather, LoadRun, Location
from dlt_sources.weather.destination.reader import DestinationReader

MOMENTS = ("dt", "start", "fetched_at", "rejected_at", "finished_at")


@dataclass(frozen=True)
class TableStatus:
    """One table: rows, places that have any, and its newest row (of its ``dt`` where it has one)."""

    table: str
    rows: int
    locations: int | None
    newest: datetime | None


@dataclass(frozen=True)
class RunStatus:
    """One resource's newest run; its rejects are open until a later run has none."""

    resource: str
    finished_at: datetime
    status: str
    rows_loaded: int
    rows_rejected: int
    error: str | None


@dataclass(frozen=True)
class Conditions:
    """The newest observation of one place."""

    location: str
    dt: datetime
    temp: float
    units: str
    description: str | None
    aqi: int | None


@dataclass(frozen=True)
class Status:
    """Everything ``weather status`` shows."""

    tables: tuple[TableStatus, ...]
    runs: tuple[RunStatus, ...]
    conditions: tuple[Conditions, ...]
    missing_hours: int


def status(loaded: DestinationReader) -> Status:
    """Read how the tables stand."""
    return Status(
        tables=tuple(found for contract in TABLES.values() if (found := table_status(loaded, contract)) is not None),
        runs=_runs(loaded),
        conditions=_conditions(loaded),
        missing_hours=_missing_hours(loaded),
    )


def table_status(loaded: DestinationReader, contract: type[Contract]) -> TableStatus | None:
    """Read how one table stands; None where it is not there yet."""
    rows = loaded.rows("SELECT count(*) FROM {table}", table=contract.table)
    if not rows:
        return None
    names = contract.model_fields
    moment = next(name for name in MOMENTS if name in names)
    return TableStatus(contract.table, rows[0][0], _places(loaded, contract), loaded.newest(contract, moment))


def _places(loaded: DestinationReader, contract: type[Contract]) -> int | None:
    if "location_id" not in contract.model_fields:
        return None
    sql = "SELECT count(DISTINCT location_id) FROM {table}"
    if contract.key[0] == "location_id":
        # a look-up per place in the key's index, where counting distinct ones would sort the whole table
        any_row = "SELECT 1 FROM {table} t WHERE t.location_id = l.location_id"
        sql = f"SELECT count(*) FROM {{locations}} l WHERE EXISTS ({any_row})"
    rows = loaded.rows(sql, table=contract.table, locations=Location.table)
    return rows[0][0] if rows else None


def _runs(loaded: DestinationReader) -> tuple[RunStatus, ...]:
    sql = (
        "SELECT r.resource, r.finished_at, r.status, r.rows_loaded, r.rows_rejected, r.error FROM {runs} r"
        " WHERE r.finished_at = (SELECT max(n.finished_at) FROM {runs} n WHERE n.resource = r.resource)"
        " ORDER BY r.resource"
    )
    return tuple(
        RunStatus(name, utc(at), how, rows, rejected, error)
        for name, at, how, rows, rejected, error in loaded.rows(sql, runs=LoadRun.table)
    )


def _conditions(loaded: DestinationReader) -> tuple[Conditions, ...]:
    # the newest hour of a place is looked up once, not for each of its rows
    newest = (
        "(SELECT l.location_id, l.name, (SELECT max(n.dt) FROM {table} n WHERE n.location_id = l.location_id) AS dt"
        " FROM {locations} l) AS l ON t.location_id = l.location_id AND t.dt = l.dt"
    )
    sql = f"SELECT t.location_id, t.aqi FROM {{table}} t JOIN {newest}"
    aqi = dict(loaded.rows(sql, table=AirPollution.table, locations=Location.table))
    sql = (
        "SELECT l.name, t.location_id, t.dt, t.temp, t.units, t.weather_description"
        f" FROM {{table}} t JOIN {newest} ORDER BY l.name"
    )
    return tuple(
        Conditions(name or location_id, utc(dt), temp, units, description, aqi.get(location_id))
        for name, location_id, dt, temp, units, description in loaded.rows(
            sql, table=CurrentWeather.table, locations=Location.table
        )
    )


def _missing_hours(loaded: DestinationReader) -> int:
    """Hours of air pollution missing between each place's first and newest, rejected ones included."""
    sql = "SELECT count(*), min(dt), max(dt) FROM {air} GROUP BY location_id"
    return sum(
        round((last - first).total_seconds() / 3600) + 1 - hours
        for hours, first, last in loaded.rows(sql, air=AirPollution.table)
    )

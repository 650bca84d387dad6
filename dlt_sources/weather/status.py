"""How the bronze tables stand: rows, places, lag, gaps, rejects, and the newest conditions of each place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dlt_sources.weather.contracts import TABLES, AirPollution, CurrentWeather, LoadRun, Location
from dlt_sources.weather.loaded import Loaded, utc


@dataclass(frozen=True)
class TableStatus:
    """One table: rows, places, newest row (of its ``dt`` where it has one), and what its last run did."""

    table: str
    rows: int
    places: int | None
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

    place: str
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


def status(loaded: Loaded) -> Status:
    """Read how the tables stand."""
    return Status(
        tables=tuple(found for table in TABLES if (found := _table(loaded, table)) is not None),
        runs=_runs(loaded),
        conditions=_conditions(loaded),
        missing_hours=_missing_hours(loaded),
    )


def _table(loaded: Loaded, table: str) -> TableStatus | None:
    names = TABLES[table].model_fields
    places = "count(DISTINCT location_id)" if "location_id" in names else "NULL"
    newest = next((name for name in ("dt", "start", "fetched_at", "rejected_at", "finished_at") if name in names), None)
    rows = loaded.rows(f"SELECT count(*), {places}, max({newest}) FROM {{table}}", table=table)
    if not rows:
        return None
    number, distinct, moment = rows[0]
    return TableStatus(table, number, distinct, utc(moment) if moment else None)


def _runs(loaded: Loaded) -> tuple[RunStatus, ...]:
    sql = (
        "SELECT r.resource, r.finished_at, r.status, r.rows_loaded, r.rows_rejected, r.error FROM {runs} r"
        " WHERE r.finished_at = (SELECT max(n.finished_at) FROM {runs} n WHERE n.resource = r.resource)"
        " ORDER BY r.resource"
    )
    return tuple(
        RunStatus(name, utc(at), how, rows, rejected, error)
        for name, at, how, rows, rejected, error in loaded.rows(sql, runs=LoadRun.table)
    )


def _conditions(loaded: Loaded) -> tuple[Conditions, ...]:
    sql = (
        "SELECT l.name, w.location_id, w.dt, w.temp, w.units, w.weather_description FROM {current} w"
        " JOIN {locations} l ON l.location_id = w.location_id"
        " WHERE w.dt = (SELECT max(n.dt) FROM {current} n WHERE n.location_id = w.location_id) ORDER BY l.name"
    )
    air = (
        "SELECT a.location_id, a.aqi FROM {air} a"
        " WHERE a.dt = (SELECT max(n.dt) FROM {air} n WHERE n.location_id = a.location_id)"
    )
    aqi = dict(loaded.rows(air, air=AirPollution.table))
    return tuple(
        Conditions(name or location_id, utc(dt), temp, units, description, aqi.get(location_id))
        for name, location_id, dt, temp, units, description in loaded.rows(
            sql, current=CurrentWeather.table, locations=Location.table
        )
    )


def _missing_hours(loaded: Loaded) -> int:
    """Hours of air pollution missing between each place's first and newest, rejected ones included."""
    sql = "SELECT count(*), min(dt), max(dt) FROM {air} GROUP BY location_id"
    return sum(
        round((last - first).total_seconds() / 3600) + 1 - hours
        for hours, first, last in loaded.rows(sql, air=AirPollution.table)
    )

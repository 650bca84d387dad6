"""State of the bronze tables: rows, locations, lag, gaps, rejects, and the newest conditions of each location."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import TABLES, AirPollution, Contract, CurrentWeather, LoadRun, Location
from dlt_sources.weather.destination.reader import DestinationReader

MOMENTS = ("dt", "start", "fetched_at", "rejected_at", "finished_at")


@dataclass(frozen=True)
class TableStatus:
    """State of one table.

    Attributes:
        table: its name.
        rows: number of rows.
        locations: number of locations with a row; None for a table without ``location_id``.
        newest: newest moment (UTC) in the first column of ``MOMENTS`` that the table has; None if it is empty.
    """

    table: str
    rows: int
    locations: int | None
    newest: datetime | None


@dataclass(frozen=True)
class RunStatus:
    """Newest run of one resource; its rejects are open until a later run has none."""

    resource: str
    finished_at: datetime
    status: str
    rows_loaded: int
    rows_rejected: int
    error: str | None


@dataclass(frozen=True)
class Conditions:
    """Newest observation of one location, in the units of its row, and the location's newest air-quality index."""

    location: str
    dt: datetime
    temp: float
    units: str
    description: str | None
    aqi: int | None


@dataclass(frozen=True)
class Status:
    """Content of ``weather status``; ``missing_hours`` counts gaps inside the series of ``air_pollution``."""

    tables: tuple[TableStatus, ...]
    runs: tuple[RunStatus, ...]
    conditions: tuple[Conditions, ...]
    missing_hours: int


def read_status(reader: DestinationReader) -> Status:
    """Read the state of all tables.

    Args:
        reader: reads the destination.
    """
    return Status(
        tables=tuple(one for contract in TABLES.values() if (one := read_table_status(reader, contract)) is not None),
        runs=_runs(reader),
        conditions=_conditions(reader),
        missing_hours=_missing_hours(reader),
    )


def read_table_status(reader: DestinationReader, contract: type[Contract]) -> TableStatus | None:
    """Read the state of one table; None if it does not exist yet.

    Args:
        reader: reads the destination.
        contract: the table's contract.
    """
    rows = reader.rows("SELECT count(*) FROM {table}", table=contract.table)
    if not rows:
        return None
    names = contract.model_fields
    moment = next(name for name in MOMENTS if name in names)
    return TableStatus(contract.table, rows[0][0], _locations(reader, contract), reader.newest(contract, moment))


def _locations(reader: DestinationReader, contract: type[Contract]) -> int | None:
    if "location_id" not in contract.model_fields:
        return None
    sql = "SELECT count(DISTINCT location_id) FROM {table}"
    if contract.key[0] == "location_id":
        # a look-up per location in the key's index; counting distinct ones would sort the whole table
        any_row = "SELECT 1 FROM {table} t WHERE t.location_id = l.location_id"
        sql = f"SELECT count(*) FROM {{locations}} l WHERE EXISTS ({any_row})"
    rows = reader.rows(sql, table=contract.table, locations=Location.table)
    return rows[0][0] if rows else None


def _runs(reader: DestinationReader) -> tuple[RunStatus, ...]:
    sql = (
        "SELECT r.resource, r.finished_at, r.status, r.rows_loaded, r.rows_rejected, r.error FROM {runs} r"
        " WHERE r.finished_at = (SELECT max(n.finished_at) FROM {runs} n WHERE n.resource = r.resource)"
        " ORDER BY r.resource"
    )
    return tuple(
        RunStatus(name, utc(at), how, rows, rejected, error)
        for name, at, how, rows, rejected, error in reader.rows(sql, runs=LoadRun.table)
    )


def _conditions(reader: DestinationReader) -> tuple[Conditions, ...]:
    # the newest hour of a location is looked up once, not for each of its rows
    newest = (
        "(SELECT l.location_id, l.name, (SELECT max(n.dt) FROM {table} n WHERE n.location_id = l.location_id) AS dt"
        " FROM {locations} l) AS l ON t.location_id = l.location_id AND t.dt = l.dt"
    )
    sql = f"SELECT t.location_id, t.aqi FROM {{table}} t JOIN {newest}"
    aqi = dict(reader.rows(sql, table=AirPollution.table, locations=Location.table))
    sql = (
        "SELECT l.name, t.location_id, t.dt, t.temp, t.units, t.weather_description"
        f" FROM {{table}} t JOIN {newest} ORDER BY l.name"
    )
    return tuple(
        Conditions(name or location_id, utc(dt), temp, units, description, aqi.get(location_id))
        for name, location_id, dt, temp, units, description in reader.rows(
            sql, table=CurrentWeather.table, locations=Location.table
        )
    )


def _missing_hours(reader: DestinationReader) -> int:
    """Count the hours missing between each location's first and newest, rejected ones included."""
    sql = "SELECT count(*), min(dt), max(dt) FROM {air} GROUP BY location_id"
    return sum(
        round((last - first).total_seconds() / 3600) + 1 - hours
        for hours, first, last in reader.rows(sql, air=AirPollution.table)
    )

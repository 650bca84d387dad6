"""Content of ``weather status``: tables, runs, gaps, and the newest conditions of each location."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dlt_sources.weather.common.clock import utc, utc_now
from dlt_sources.weather.contracts import TABLES, AirPollution, CurrentWeather, Location
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.status.gaps import SERIES, read_gaps
from dlt_sources.weather.status.repeats import Repeats, read_repeats
from dlt_sources.weather.status.runs import RunStatus, UnfinishedBackfill, read_runs, read_unfinished
from dlt_sources.weather.status.tables import TableStatus, read_table_status


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
    """Content of ``weather status``.

    Attributes:
        tables: state of each table.
        runs: last run of each resource.
        conditions: newest observation of each location.
        missing_rows: number of rows missing inside the series of each table of history.
        repeats: answers of the last day that brought nothing new, by resource.
        unfinished: ranges of history that a user named and no load has finished.
    """

    tables: tuple[TableStatus, ...]
    runs: tuple[RunStatus, ...]
    conditions: tuple[Conditions, ...]
    missing_rows: Mapping[str, int]
    repeats: Mapping[str, Repeats] = field(default_factory=dict)
    unfinished: tuple[UnfinishedBackfill, ...] = ()

    @property
    def missing_hours(self) -> int:
        """Number of hours that are missing inside the series of ``air_pollution``."""
        return self.missing_rows.get(AirPollution.table, 0)


def read_status(reader: DestinationReader, now: datetime | None = None, gap: timedelta = timedelta(hours=1)) -> Status:
    """Read the state of all tables.

    Args:
        reader: reads the destination.
        now: the end of the day whose answers are compared, UTC; by default the present.
        gap: shortest time between two loads of the schedule.
    """
    return Status(
        tables=tuple(one for contract in TABLES.values() if (one := read_table_status(reader, contract)) is not None),
        runs=read_runs(reader),
        conditions=_conditions(reader),
        missing_rows={
            contract.table: sum(gap.rows for gap in read_gaps(reader, contract).values()) for contract in SERIES
        },
        repeats=read_repeats(reader, now or utc_now(), gap),
        unfinished=read_unfinished(reader),
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

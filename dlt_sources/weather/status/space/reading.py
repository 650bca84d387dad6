"""Reading of the space that a target takes and has.

Each load notes the database's size in ``load_runs``, so growth takes one row to read, and nothing runs between loads.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from dlt_sources.weather.common.clock import DAY, utc
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.reading.sizes import (
    database_bytes,
    duckdb_file,
    postgres_folder,
    postgres_used_bytes,
    table_bytes,
)
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.status.space.model import DATABASE, WORKING_DIRECTORY, Space, Volume

# growth is that of so many days, or of those since the first load that noted a size
WINDOW = timedelta(days=14)
# a shorter time says nothing of a day: the first loads create tables and load history
LEAST_TIME = timedelta(hours=6)
_GIB = 1024**3
# where infra/ has a server measure its volume; an old measurement is one of a server that does so no longer
MEASURED = "upkeep.volume"
MEASURED_WITHIN = timedelta(hours=1)


def read_space(target: Target, reader: DestinationReader, settings: WeatherSettings, now: datetime) -> Space:
    """Read what is known of the space that a target takes and has.

    Args:
        target: the destination and dataset.
        reader: reads the destination.
        settings: the settings, of which ``volume_gib`` counts.
        now: the present, UTC.
    """
    client = reader.client
    size = database_bytes(client) if client else None
    return Space(
        tables=table_bytes(client) if client else {},
        database=size,
        growth=_growth(reader, size, now) if size is not None else None,
        volumes=tuple(_volumes(target, reader, settings, now)),
    )


def _volumes(target: Target, reader: DestinationReader, settings: WeatherSettings, now: datetime) -> list[Volume]:
    found = []
    if client := reader.client:
        file = duckdb_file(client)
        folder = file.parent if file else postgres_folder(client) if target.is_postgres else None
        if target.is_postgres and (measured := _measured(reader, now)):
            found.append(measured)
        elif target.is_postgres and settings.volume_gib:
            total = int(settings.volume_gib * _GIB)
            found.append(Volume(DATABASE, total, max(total - postgres_used_bytes(client), 0)))
        elif folder:
            found.append(_volume(DATABASE, folder))
    return [*found, _volume(WORKING_DIRECTORY, target.root)]


def _measured(reader: DestinationReader, now: datetime) -> Volume | None:
    """Return the volume of a server that measures it; None if it does not."""
    if reader.rows(f"SELECT to_regclass('{MEASURED}')::text") in ([], [(None,)]):
        return None
    sql = f"SELECT total_bytes, free_bytes FROM {MEASURED} WHERE measured_at > %s"
    return next((Volume(DATABASE, *row) for row in reader.rows(sql, now - MEASURED_WITHIN)), None)


def _volume(name: str, folder: Path) -> Volume:
    usage = shutil.disk_usage(folder)
    # what the system keeps for itself is not free, and nobody else's either
    return Volume(name, usage.used + usage.free, usage.free, folder.stat().st_dev)


def _growth(reader: DestinationReader, size: int, now: datetime) -> float | None:
    sql = (
        "SELECT database_bytes, started_at FROM {runs} WHERE started_at >= %s AND database_bytes IS NOT NULL"
        " ORDER BY started_at LIMIT 1"
    )
    rows = reader.rows(sql, now - WINDOW, runs=LoadRun.table)
    if not rows:
        return None
    first, at = rows[0]
    passed = now - utc(at)
    return (size - first) / (passed / DAY) if passed >= LEAST_TIME else None

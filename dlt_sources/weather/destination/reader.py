"""What the destination already holds: places remembered, newest hours, complete windows.

High-water marks are read from the rows themselves, not kept in a state of their own: so they move only by data that is
loaded, stay right when a working directory or the state table is lost, and cost no state row however many places
there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from dlt import Pipeline
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import AirPollution, Contract, Location
from dlt_sources.weather.destination.connection import connected

# rows of air pollution that stand for an hour; an answer that is off by seconds has others, which fill no hour
ON_THE_HOUR = "mod(CAST(extract(epoch FROM dt) AS BIGINT), 3600) = 0"


class DestinationReader:
    """Reads bronze tables through dlt, so that it works on any destination dlt can query.

    Args:
        client: an open connection; None means that nothing is loaded yet.
    """

    def __init__(self, client: SqlClientBase[Any] | None) -> None:
        self._client = client

    def rows(self, sql: str, *parameters: object, **tables: str) -> list[tuple[Any, ...]]:
        """Run a query whose ``{table}`` fields are replaced by qualified names.

        Returns:
            The rows; none where a table does not exist yet.
        """
        client = self._client
        if client is None:
            return []
        names = {key: client.make_qualified_table_name(table) for key, table in tables.items()}
        try:
            return client.execute_sql(sql.format(**names), *parameters) or []  # type: ignore[return-value]
        except DatabaseUndefinedRelation:
            return []

    def locations(self) -> dict[str, tuple[str, str | None, float, float]]:
        """The places already resolved: query, name, latitude and longitude by location_id."""
        sql = "SELECT location_id, query, name, lat, lon FROM {locations}"
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in self.rows(sql, locations=Location.table)}

    def newest_hours(self) -> dict[str, datetime]:
        """The newest hour of air pollution by location_id, for every known place that has one."""
        # a look-up per place in the key's index, where grouping would read the whole table
        sql = (
            "SELECT l.location_id, (SELECT max(a.dt) FROM {air} a WHERE a.location_id = l.location_id)"
            " FROM {locations} l"
        )
        rows = self.rows(sql, air=AirPollution.table, locations=Location.table)
        return {location_id: utc(dt) for location_id, dt in rows if dt is not None}

    def newest(self, contract: type[Contract], moment: str) -> datetime | None:
        """The newest moment of a table, of its column ``moment``; of a series, among the newest ``dt`` of each place.

        A forecast reaches as far ahead as those issued before, so its newest hours have its newest issue.
        """
        sql = f"SELECT max({moment}) FROM {{table}}"
        if contract.key[:2] == ("location_id", "dt"):
            # look-ups per place in the key's index, where max() alone would read the whole table
            hour = "(SELECT max(h.dt) FROM {table} h WHERE h.location_id = l.location_id)"
            newest = f"(SELECT max(t.{moment}) FROM {{table}} t WHERE t.location_id = l.location_id AND t.dt = {hour})"
            sql = f"SELECT max(newest) FROM (SELECT {newest} AS newest FROM {{locations}} l) AS places"
        rows = self.rows(sql, table=contract.table, locations=Location.table)
        return utc(rows[0][0]) if rows and rows[0][0] else None

    def complete_windows(self, windows: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[str, datetime]]:
        """Windows (first and last hour) that miss no hour, as (location_id, first hour).

        So a backfill that was cut short continues where it stopped.
        """
        sql = (
            f"SELECT location_id FROM {{air}} WHERE dt >= %s AND dt <= %s AND {ON_THE_HOUR}"
            " GROUP BY location_id HAVING count(*) >= %s"
        )
        for start, end in windows:
            hours = int((end - start).total_seconds()) // 3600 + 1
            for (location_id,) in self.rows(sql, start, end, hours, air=AirPollution.table):
                yield location_id, start


@contextmanager
def reading(pipeline: Pipeline | None) -> Iterator[DestinationReader]:
    """Read through one connection: dlt resolves its whole configuration for each.

    Args:
        pipeline: the pipeline that loads; None for a source that is used without one.

    Raises:
        WriterBusyError: another process has the DuckDB file, which locks readers out too.
        DestinationError: the destination cannot be reached.
    """
    if pipeline is None:
        yield DestinationReader(None)
        return
    with connected(pipeline) as client:
        yield DestinationReader(client)


def loaded_since(moment: datetime) -> str:
    """The least ``_dlt_load_id`` of what was loaded at a moment or later: they are Unix times, and sort as text too."""
    return f"{moment.timestamp():.6f}"

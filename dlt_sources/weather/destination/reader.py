"""Queries of the loaded tables: known locations, newest hours, complete windows.

High-water marks are read from the rows, not kept in a separate state: so they move only by loaded data, stay right if a
working directory or dlt's state table is lost, and need no state, however many locations there are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from dlt import Pipeline
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.exceptions import DatabaseTerminalException, DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import TABLES, AirPollution, Contract, Location
from dlt_sources.weather.destination.capabilities.load_options import FILESYSTEM
from dlt_sources.weather.destination.connection import connected
from dlt_sources.weather.destination.reading.dialects import execute, in_dialect, qualified_name
from dlt_sources.weather.destination.reading.lake import open_lake
from dlt_sources.weather.destination.reading.relations import Relations

logger = logging.getLogger(__name__)
# dlt's name of the source's schema
SCHEMA_NAME = "weather"
# rows of air pollution on the hour; an answer that is off by seconds has others, which fill no hour
ON_THE_HOUR = "mod(CAST(extract(epoch FROM dt) AS BIGINT), 3600) = 0"
# a package's load id is older than its answers by the time that asking took; see DestinationReader.stale_locations
PACKAGE_AGE = timedelta(minutes=15)


class KnownLocation(NamedTuple):
    """Location that an earlier run resolved: the user's query, and the geocoder's answer, coordinates in degrees."""

    query: str
    name: str | None
    lat: float
    lon: float


class DestinationReader:
    """Reader of the bronze tables through dlt, for any destination that dlt can query.

    Args:
        client: an open connection; None if nothing is loaded yet.
        without: names of tables that are read as if they did not exist.
        table_name: returns the name that SQL has for a table; by default the client's.
    """

    def __init__(
        self,
        client: SqlClientBase[Any] | None,
        without: Collection[str] = (),
        table_name: Callable[[str], str] | None = None,
    ) -> None:
        self._client = client
        self._relations = Relations(client) if client else None
        self._without = without
        self._table_name = table_name or (partial(qualified_name, client) if client else str)
        self._told: set[str] = set()

    @property
    def client(self) -> SqlClientBase[Any] | None:
        """The open connection; None if nothing is loaded yet."""
        return self._client

    def rows(self, sql: str, *parameters: object, **tables: str) -> list[tuple[Any, ...]]:
        """Run a query.

        Args:
            sql: the query; ``{field}`` stands for a table's qualified name, ``%s`` for a parameter.
            parameters: the parameters, in order.
            tables: table names by field.

        Returns:
            The rows, as tuples of the query's columns; none if a table does not exist yet, or lacks a column because an
            earlier release made it: the next load adds the column.
        """
        # the caller may name more tables than a query has
        asked = [table for field, table in tables.items() if f"{{{field}}}" in sql]
        if self._client is None or self._lacks(*asked):
            return []
        try:
            names = {key: self._table_name(table) for key, table in tables.items()}
            return execute(self._client, sql.format(**names), *parameters)
        except (DatabaseUndefinedRelation, DestinationUndefinedEntity):
            return []
        except DatabaseTerminalException:
            missing = [name for table in tables.values() for name in self._missing_columns(table)]
            if not missing:
                raise
            if not self._told.issuperset(missing):
                self._told.update(missing)
                logger.warning("Missing in the destination until the next load adds it: %s", ", ".join(missing))
            return []

    def _lacks(self, *tables: str) -> bool:
        """Return whether one of some tables is certain to be missing."""
        if any(table in self._without for table in tables):
            return True
        return self._relations is None or not self._relations.may_have(*tables)

    def _missing_columns(self, table: str) -> list[str]:
        wanted = TABLES[table].model_fields if table in TABLES else {}
        return [f"{table}.{name}" for name in wanted.keys() - self.columns(table)]

    def columns(self, table: str) -> frozenset[str]:
        """Return the names of a table's columns; none if the table does not exist yet.

        Args:
            table: name of the table.
        """
        if self._client is None or self._lacks(table):
            return frozenset()
        try:
            sql, _ = in_dialect(self._client, f"SELECT * FROM {self._table_name(table)} WHERE 1 = 0")
            with self._client.execute_query(sql) as cursor:
                return frozenset(cursor.columns_schema)
        except (DatabaseUndefinedRelation, DestinationUndefinedEntity):
            return frozenset()

    def recently_loaded(self, table: str, since: datetime) -> list[str]:
        """Return an SQL condition that is true for the rows loaded since a moment, and its parameters.

        Args:
            table: name of the table. A plain dlt pipeline writes no load ids unless it is told to; then the condition
                is true for all rows.
            since: the moment, with a time zone.
        """
        has_load_ids = C_DLT_LOAD_ID in self.columns(table)
        return [f"{C_DLT_LOAD_ID} >= %s", loaded_since(since)] if has_load_ids else ["1 = 1"]

    def locations(self) -> dict[str, KnownLocation]:
        """Return the locations already resolved, by location_id."""
        sql = "SELECT location_id, query, name, lat, lon FROM {locations}"
        return {row[0]: KnownLocation(*row[1:]) for row in self.rows(sql, locations=Location.table)}

    def newest_moments(self, contract: type[Contract]) -> dict[str, datetime]:
        """Return the newest ``dt`` (UTC) of a table by location_id, for known locations that have one.

        Args:
            contract: contract of the table.
        """
        # a look-up per location in the key's index; grouping would read the whole table
        sql = (
            "SELECT l.location_id, (SELECT max(t.dt) FROM {table} t WHERE t.location_id = l.location_id)"
            " FROM {locations} l"
        )
        rows = self.rows(sql, table=contract.table, locations=Location.table)
        return {location_id: utc(dt) for location_id, dt in rows if dt is not None}

    def newest(self, contract: type[Contract], moment: str) -> datetime | None:
        """Return the newest moment of a table, UTC; None if it has no rows.

        For a series, only the rows with the newest ``dt`` of each location are considered. A forecast reaches as far
        ahead as earlier ones or further, so those rows are of its newest issue.

        Args:
            contract: the table's contract.
            moment: the column, of timestamps.
        """
        sql = f"SELECT max({moment}) FROM {{table}}"
        if contract.key[:2] == ("location_id", "dt"):
            # with an index, max() alone would read the whole table; a column of DuckDB's is read in a moment
            if not self.has_indexes:
                rows = self.rows(sql, table=contract.table)
                return utc(rows[0][0]) if rows and rows[0][0] else None
            newest = self.newest_of_location(contract, moment)
            sql = f"SELECT max(newest) FROM (SELECT {newest} AS newest FROM {{locations}} l) AS places"
        rows = self.rows(sql, table=contract.table, locations=Location.table)
        return utc(rows[0][0]) if rows and rows[0][0] else None

    @property
    def has_indexes(self) -> bool:
        """Whether look-ups of single locations are cheap: DuckDB, also that of a lake, reads columns whole instead."""
        return self._client is not None and self._client.capabilities.sqlglot_dialect != "duckdb"

    @property
    def is_postgres(self) -> bool:
        """Whether the tables are PostgreSQL's."""
        return self._client is not None and self._client.capabilities.sqlglot_dialect == "postgres"

    def newest_of_location(self, contract: type[Contract], moment: str) -> str:
        """Return SQL for the newest moment of the location ``l`` in ``{table}``.

        By look-ups in the key's index, where there is one: for a series, among the rows with the location's newest
        ``dt``, as in ``newest``. Otherwise in one pass over the column.

        Args:
            contract: the table's contract; its key begins with ``location_id``.
            moment: the column, of timestamps.
        """
        newest = f"SELECT max(t.{moment}) FROM {{table}} t WHERE t.location_id = l.location_id"
        if self.has_indexes and contract.key[:2] == ("location_id", "dt"):
            newest += " AND t.dt = (SELECT max(h.dt) FROM {table} h WHERE h.location_id = l.location_id)"
        return f"({newest})"

    def stale_locations(
        self, contract: type[Contract], before: datetime, moment: str = "fetched_at"
    ) -> dict[str, datetime | None]:
        """Return the known locations that have no row of a table as recent as a moment.

        The rows of recent loads are found by their ``_dlt_load_id`` (in PostgreSQL by its BRIN index); only the
        locations that have none of those are looked up in the key's index. So a table of years costs no more than one
        of days, and a healthy table returns nothing, however many locations there are.

        Args:
            contract: the table's contract; the key begins with ``location_id``.
            before: the earliest moment of a recent row, UTC.
            moment: the column, of timestamps: ``fetched_at``, or ``dt`` for history.

        Returns:
            The newest moment (UTC) by location_id, None for a location without any row; every location if the table
            does not exist yet.
        """
        if not self.columns(contract.table):
            return dict.fromkeys(row[0] for row in self.rows("SELECT location_id FROM {l}", l=Location.table))
        recent, *load_id = self.recently_loaded(contract.table, before - PACKAGE_AGE)
        stale = (
            "SELECT location_id FROM {locations} EXCEPT"
            f" SELECT location_id FROM {{table}} WHERE {recent} AND {moment} >= %s"
        )
        parameters = (*load_id, before)
        tables = {"table": contract.table, "locations": Location.table}
        # DuckDB, which has no index, reads the whole table for a look-up, even for none
        if not self.rows(f"{stale} LIMIT 1", *parameters, **tables):
            return {}
        sql = f"SELECT l.location_id, {self.newest_of_location(contract, moment)} FROM ({stale}) AS l"
        rows = self.rows(sql, *parameters, **tables)
        newest = {location_id: utc(last) if last else None for location_id, last in rows}
        # a package that took longer than PACKAGE_AGE to fetch has recent rows under an older load id
        return {location_id: last for location_id, last in newest.items() if last is None or last < before}

    def complete_windows(self, windows: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[str, datetime]]:
        """Find the windows of air pollution that miss no hour, so that an interrupted backfill continues.

        Args:
            windows: first and last hour of each window, UTC.

        Yields:
            location_id and first hour of each complete window.
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
def destination_reader(pipeline: Pipeline | None, without: Collection[str] = ()) -> Iterator[DestinationReader]:
    """Open a reader with one connection for all its queries: dlt resolves its whole configuration for each connection.

    A destination of files is read by the schema that dlt keeps in it, through a DuckDB in memory.

    Args:
        pipeline: the pipeline that loads; None for a source that is used without one.
        without: names of tables that are read as if they did not exist.

    Yields:
        The reader; without a pipeline, nothing is loaded.

    Raises:
        WriterBusyError: another process uses the DuckDB file, which locks readers out too.
        DestinationError: the destination cannot be reached.
    """
    if pipeline is None:
        yield DestinationReader(None)
        return
    if pipeline.destination.destination_type == FILESYSTEM:
        with open_lake(pipeline.destination, pipeline.dataset_name, SCHEMA_NAME) as lake:
            yield DestinationReader(lake.sql_client, without, lake.table_name)
        return
    with connected(pipeline) as client:
        yield DestinationReader(client, without)


def loaded_since(moment: datetime) -> str:
    """Return the lowest ``_dlt_load_id`` of rows loaded at a moment or later.

    Load ids are Unix times in seconds, and sort as text too.

    Args:
        moment: the moment, with a time zone.
    """
    return f"{moment.timestamp():.6f}"

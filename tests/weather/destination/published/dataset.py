"""A dataset of a few tables with chosen rows, and what is published in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import dlt

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.convert.items import OWNER
from dlt_sources.weather.destination.published.publisher import Publisher
from dlt_sources.weather.destination.target import Target
from tests.helpers.support import query

NOON = datetime(2026, 5, 20, 12, tzinfo=timezone.utc)
_TYPES = {
    "double": "double precision",
    "int64": "bigint",
    "string": "varchar",
    "timestamp[us, tz=UTC]": "timestamp with time zone",
}
Row = Mapping[str, Any]


def hours(number: float) -> datetime:
    """The moment so many hours after noon."""
    return NOON + timedelta(hours=number)


def make(target: Target, **rows: Iterable[Row]) -> None:
    """Make tables as a load does, with rows; columns that a row does not have are null."""
    query(target, "CREATE SCHEMA IF NOT EXISTS bronze")
    for table, given in rows.items():
        fields = TABLES[table].arrow_schema()
        columns = [f'"{field.name}" {_TYPES[str(field.type)]}' for field in fields]
        query(target, f"CREATE TABLE bronze.{table} ({', '.join(columns)}, _dlt_load_id varchar)")
        insert(target, table, *given)


def insert(target: Target, table: str, *rows: Row) -> None:
    """Insert rows of equal columns."""
    if rows:
        names = list(rows[0])
        row = f"({', '.join(['%s'] * len(names))})"
        values = [one[name] for one in rows for name in names]
        query(target, f"INSERT INTO bronze.{table} ({', '.join(names)}) VALUES {', '.join([row] * len(rows))}", *values)


def publisher(target: Target, units: str = "metric", *, views: bool = True) -> Publisher:
    """A publisher as a run makes it."""
    return Publisher(units, views, target.is_postgres, OWNER)


def publish(target: Target, units: str = "metric", *, views: bool = True) -> None:
    """Publish as a run does after its load."""
    with target.connection() as client:
        publisher(target, units, views=views).publish(client, dlt.Schema("weather"))


def views(target: Target) -> set[str]:
    """Names of the dataset's views."""
    sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'bronze' AND table_type = 'VIEW'"
    return {name for (name,) in query(target, sql)}


def comments(target: Target) -> dict[tuple[str, str], str | None]:
    """Comments by relation and column, as psql's ``d+`` and DuckDB's ``duckdb_columns()`` show them."""
    if target.is_postgres:
        sql = (
            "SELECT c.relname, a.attname, col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class')"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE c.relnamespace = 'bronze'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition"
        )
    else:
        sql = (
            "SELECT c.table_name, c.column_name, c.comment, coalesce(t.comment, v.comment) FROM duckdb_columns() AS c"
            " LEFT JOIN duckdb_tables() AS t ON t.schema_name = c.schema_name AND t.table_name = c.table_name"
            " LEFT JOIN duckdb_views() AS v ON v.schema_name = c.schema_name AND v.view_name = c.table_name"
            " WHERE c.schema_name = 'bronze'"
        )
    found: dict[tuple[str, str], str | None] = {}
    for relation, column, of_column, of_relation in query(target, sql):
        found[relation, column] = of_column
        found[relation, ""] = of_relation
    return found

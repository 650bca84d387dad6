"""Creation of partitioned tables before dlt's first load, and of the months ahead.

dlt finds the tables and only adds columns. Their order wastes no padding: PostgreSQL aligns values of eight bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, cast

from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.clock import DAY, floor_month, next_month
from dlt_sources.weather.common.errors import reason
from dlt_sources.weather.contracts import WeatherRaw
from dlt_sources.weather.destination.postgres.maintenance import INSUFFICIENT_PRIVILEGE, index_statements
from dlt_sources.weather.destination.postgres.partitions import (
    BOUND_SUFFIX,
    CHECK_VIOLATION,
    DEFAULT,
    LOCK_NOT_AVAILABLE,
    LOCK_TIMEOUT,
    PARTITION_COLUMNS,
    Tables,
    bound,
    execute_together,
    read_tables,
    state_of,
)

_DUPLICATE_TABLE = "42P07"
# a load that begins in the last day of a month may write in the next
_BOUNDS = """
SELECT r.relname, substring(pg_get_constraintdef(c.oid) FROM '\\d{{4}}-\\d{{2}}-\\d{{2}}') FROM pg_constraint AS c
JOIN pg_class AS r ON r.oid = c.conrelid JOIN pg_namespace AS n ON n.oid = r.relnamespace
WHERE n.nspname = %s AND c.conname = r.relname || '{suffix}' AND r.relkind = 'r'
"""


def prepare_tables(client: SqlClientBase[Any], schema: Schema, names: Iterable[str], now: datetime) -> list[str]:
    """Create what a package needs before dlt loads it: new tables with their partitions, and the months ahead.

    Args:
        client: an open connection.
        schema: dlt's schema of the package, which has the columns.
        names: tables that the package may load.
        now: the present moment, UTC.

    Returns:
        What could not be created and why, a sentence each.
    """
    tables = read_tables(client)
    months = [floor_month(now), next_month(floor_month(now))]
    if tables.plain:
        _release(client, now)
    wanted = PARTITION_COLUMNS.keys() & set(names)
    new = sorted(wanted - tables.partitioned.keys() - tables.plain)
    # a table is rebuilt from raw answers of all months that are kept
    kept = {one.begin for one in tables.months if one.table == WeatherRaw.table and one.begin}
    troubles = [
        trouble
        for name in new
        if (trouble := _create(client, name, _statements(client, schema, name, sorted({*months, *kept}))))
    ]
    troubles += create_months(client, months, tables)
    return troubles


def create_months(client: SqlClientBase[Any], months: Sequence[datetime], tables: Tables | None = None) -> list[str]:
    """Create months that partitioned tables lack.

    Args:
        client: an open connection.
        months: the begin of each month, UTC.
        tables: the tables, if they are read already.

    Returns:
        What could not be created and why, a sentence each.
    """
    tables = tables or read_tables(client)
    troubles = []
    for name, there in sorted(tables.partitioned.items()):
        covered = [one for one in tables.months if one.table == name]
        lacking = [
            month
            for month in months
            if partition_name(name, month) not in there
            and not any(one.end > month and one.begin is None for one in covered)
        ]
        if lacking and (trouble := _create(client, name, [_month_statement(client, name, month) for month in lacking])):
            troubles.append(trouble)
    return troubles


def partition_statements(client: SqlClientBase[Any], table: str, months: Iterable[datetime]) -> list[str]:
    """Return the statements that create a table's default partition, and those of months.

    Args:
        client: a connection, which knows how names are quoted.
        table: the table.
        months: the begin of each month, UTC.
    """
    default = client.make_qualified_table_name(f"{table}_{DEFAULT}")
    first = f"CREATE TABLE {default} PARTITION OF {client.make_qualified_table_name(table)} DEFAULT"
    return [first, *(_month_statement(client, table, month) for month in months)]


def partition_name(table: str, month: datetime) -> str:
    """Return the name of the partition of a month.

    Args:
        table: the table.
        month: the begin of the month.
    """
    return f"{table}_{month:%Y_%m}"


def months_from(moment: datetime, until: datetime) -> list[datetime]:
    """Return the begins of the months from that of a moment to the one after another.

    Args:
        moment: the first moment, UTC.
        until: the other moment, UTC.
    """
    found = [floor_month(moment)]
    while found[-1] <= until:
        found.append(next_month(found[-1]))
    return found


def _release(client: SqlClientBase[Any], now: datetime) -> None:
    """Drop the bounds that a ``weather partition`` which never ended has left, before rows reach them."""
    for table, until in client.execute_sql(_BOUNDS.format(suffix=BOUND_SUFFIX), client.dataset_name) or ():
        if until and datetime.fromisoformat(until).replace(tzinfo=timezone.utc) - now < DAY:
            name = client.make_qualified_table_name(table)
            client.execute_sql(f"ALTER TABLE {name} DROP CONSTRAINT {table}{BOUND_SUFFIX}")


def _create(client: SqlClientBase[Any], name: str, statements: Sequence[str]) -> str | None:
    try:
        execute_together(client, [LOCK_TIMEOUT, *statements])
    except DatabaseException as error:
        state = state_of(error)
        if state == _DUPLICATE_TABLE:
            return None
        if state not in (INSUFFICIENT_PRIVILEGE, LOCK_NOT_AVAILABLE, CHECK_VIOLATION):
            raise
        remedy = (
            "Run weather partition, which moves"
            if state == CHECK_VIOLATION
            else "weather partition creates it and moves"
        )
        return (
            f"A partition of {name} could not be created: {reason(error)}. The rows are loaded, into {name}_{DEFAULT} "
            f"if their month has no other partition. {remedy} them."
        )
    return None


def _statements(client: SqlClientBase[Any], schema: Schema, name: str, months: Iterable[datetime]) -> list[str]:
    """Return the statements that create a table as dlt would, but partitioned, and in an order without padding."""
    table = cast("PreparedTableSchema", schema.tables[name])
    mapper = client.capabilities.get_type_mapper()
    # the eight bytes wide first, of them those that are never null, which are read fastest
    ordered = sorted(
        schema.get_table_columns(name).items(),
        key=lambda item: (item[1]["data_type"] in ("text", "json"), item[1].get("nullable", True)),
    )
    listed = ", ".join(
        f"{client.escape_column_name(column)} {mapper.to_destination_type(hints, table)}"
        f"{'' if hints.get('nullable', True) else ' NOT NULL'}"
        for column, hints in ordered
    )
    key = client.escape_column_name(PARTITION_COLUMNS[name])
    create = f"CREATE TABLE {client.make_qualified_table_name(name)} ({listed}) PARTITION BY RANGE ({key})"
    return [create, *index_statements(client, name), *partition_statements(client, name, months)]


def _month_statement(client: SqlClientBase[Any], table: str, month: datetime) -> str:
    name = client.make_qualified_table_name(partition_name(table, month))
    parent = client.make_qualified_table_name(table)
    return f"CREATE TABLE {name} PARTITION OF {parent} FOR VALUES FROM ({bound(month)}) TO ({bound(next_month(month))})"

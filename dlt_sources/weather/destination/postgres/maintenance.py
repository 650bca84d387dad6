"""Maintenance of PostgreSQL: indexes of the bronze tables, and row counts after a load.

A unique index on the key protects against duplicates and keeps the merge fast: without it every MERGE reads the whole
table. A BRIN index of a few kilobytes finds the rows of recent loads. DuckDB gets neither: its merge joins whole
columns anyway, its indexes live in memory, and it stores the range of each column for each part of a table.

Rows are counted because dlt counts only the rows in its files. It copies those to staging tables and merges from there.
A second writer, which is possible after the lock's connection was cut, may truncate the staging tables in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import DestinationError, reason
from dlt_sources.weather.contracts import TABLES

UNIQUE_VIOLATION = "23505"
INSUFFICIENT_PRIVILEGE = "42501"


def ensure_indexes(client: SqlClientBase[Any], tables: Iterable[str]) -> list[str]:
    """Create the indexes that bronze tables lack.

    Args:
        client: an open connection.
        tables: names of existing tables; others than the bronze tables are ignored.

    Returns:
        What could not be created and why, a sentence a table, with the statements that correct it.
    """
    return [trouble for name in sorted(TABLES.keys() & set(tables)) if (trouble := _ensure_indexes_of(client, name))]


def lacks_indexes(client: SqlClientBase[Any]) -> bool:
    """Return whether a bronze table exists without the index of its key.

    Args:
        client: an open connection.
    """
    sql = (
        "SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s"
        " AND c.relname = ANY(%s) AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT 1 FROM pg_index AS i"
        " JOIN pg_class AS x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND x.relname = c.relname || '_key'"
        " AND i.indisvalid)"
    )
    return bool(client.execute_sql(sql, client.dataset_name, list(TABLES)))


def _ensure_indexes_of(client: SqlClientBase[Any], name: str) -> str | None:
    for statement in index_statements(client, name):
        try:
            client.execute_sql(statement)
        except DatabaseException as error:
            state = getattr(error.dbapi_exception, "pgcode", None)
            if state not in (UNIQUE_VIOLATION, INSUFFICIENT_PRIVILEGE):
                raise
            # PostgreSQL asks whether the role owns the table before it looks for the index
            if state == INSUFFICIENT_PRIVILEGE and _exists(client, statement):
                continue
            remedy = [_delete_duplicates(client, name), statement] if state == UNIQUE_VIOLATION else [statement]
            who = "" if state == UNIQUE_VIOLATION else " as the table's owner"
            return (
                f"The rows of {name} are loaded, but an index is missing: merging is slow without it, and a second "
                f"writer may double rows: {reason(error)}. Run{who}: {'; '.join(remedy)};"
            )
    return None


def _exists(client: SqlClientBase[Any], statement: str) -> bool:
    name = statement.partition(" IF NOT EXISTS ")[2].partition(" ON ")[0].strip('"')
    sql = "SELECT 1 FROM pg_indexes WHERE schemaname = %s AND indexname = %s"
    return bool(client.execute_sql(sql, client.dataset_name, name))


def _delete_duplicates(client: SqlClientBase[Any], name: str) -> str:
    table = client.make_qualified_table_name(name)
    same = " AND ".join(f"a.{column} = b.{column}" for column in map(client.escape_column_name, TABLES[name].key))
    return f"DELETE FROM {table} a USING {table} b WHERE a.ctid < b.ctid AND {same}"


def index_statements(client: SqlClientBase[Any], name: str) -> Iterator[str]:
    """Yield the statements that create a bronze table's indexes, unless they exist.

    Args:
        client: a connection, which knows how names are quoted.
        name: the table.
    """
    table = client.make_qualified_table_name(name)
    key = ", ".join(client.escape_column_name(column) for column in TABLES[name].key)
    index = client.escape_column_name(f"{name}_key")
    yield f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {table} ({key})"
    load, index = (client.escape_column_name(column) for column in (C_DLT_LOAD_ID, f"{name}_loaded"))
    yield f"CREATE INDEX IF NOT EXISTS {index} ON {table} USING brin ({load}) WITH (autosummarize = on)"


def verify_rows_loaded(client: SqlClientBase[Any], load_ids: Sequence[str], rows: Counter[str]) -> None:
    """Compare the rows that a load wrote to its files with those in the tables, found by their ``_dlt_load_id``.

    Args:
        client: an open connection.
        load_ids: ids of the loaded packages.
        rows: rows written by table name; others than the bronze tables are ignored.

    Raises:
        DestinationError: a table has fewer rows.
    """
    sent = {table: rows[table] for table in sorted(TABLES.keys() & rows.keys()) if rows[table]}
    if not sent:
        return
    counts = [
        f"(SELECT count(*) FROM {client.make_qualified_table_name(table)} WHERE {C_DLT_LOAD_ID} = ANY(%s))"
        for table in sent
    ]
    result = client.execute_sql(f"SELECT {', '.join(counts)}", *[list(load_ids)] * len(sent))
    loaded = dict(zip(sent, result[0], strict=True)) if result else {}
    missing = [
        f"{number - loaded[table]} of {number} rows of {table}"
        for table, number in sent.items()
        if loaded[table] < number
    ]
    if missing:
        raise DestinationError(
            f"{', '.join(missing)} did not arrive: another writer used the dataset's staging tables at the same "
            "time. The package is kept and the next run loads it again."
        )

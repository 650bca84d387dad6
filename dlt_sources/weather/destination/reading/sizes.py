"""Sizes of a database and of its tables, as DuckDB and PostgreSQL tell them; of other destinations none is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.destination.postgres.partitions import table_sizes

# the server's disk is this machine's, and the role may know where the data are
_DATA_DIRECTORY = (
    "SELECT CASE WHEN pg_has_role('pg_read_all_settings', 'MEMBER')"
    " AND (inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1'))"
    " THEN current_setting('data_directory') END"
)
# all databases share a volume with the write-ahead log, which grows to max_wal_size between checkpoints:
# postgresql.org/docs/current/wal-configuration.html
_USED = (
    "SELECT sum(pg_database_size(oid)) + pg_size_bytes(current_setting('max_wal_size')) FROM pg_database"
    " WHERE has_database_privilege(oid, 'CONNECT')"
)
_BLOCKS = (
    "SELECT count(DISTINCT block_id) * (SELECT block_size FROM pragma_database_size() LIMIT 1)"
    " FROM pragma_storage_info('{}') WHERE persistent"
)


def duckdb_file(client: SqlClientBase[Any]) -> Path | None:
    """Return the file of an open DuckDB; None for another destination, and for a database that is no local file.

    Args:
        client: the open connection.
    """
    if client.capabilities.sqlglot_dialect != "duckdb":
        return None
    sql = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    rows = client.execute_sql(sql)
    path = Path(rows[0][0]) if rows and rows[0][0] else None
    return path if path and path.is_file() else None


def database_bytes(client: SqlClientBase[Any]) -> int | None:
    """Return the size of a database: of PostgreSQL's by its own count, of DuckDB's file and its log; None if unknown.

    Args:
        client: the open connection.
    """
    if client.capabilities.sqlglot_dialect == "postgres":
        rows = client.execute_sql("SELECT pg_database_size(current_database())")
        return int(rows[0][0]) if rows else None
    file = duckdb_file(client)
    if file is None:
        return None
    log = file.with_name(f"{file.name}.wal")
    return file.stat().st_size + (log.stat().st_size if log.exists() else 0)


def table_bytes(client: SqlClientBase[Any]) -> dict[str, int]:
    """Return the bytes of each table of the dataset, indexes and partitions included; empty if they are unknown.

    Rows that DuckDB has only in its log yet count as nothing.

    Args:
        client: the open connection.
    """
    if client.capabilities.sqlglot_dialect == "postgres":
        return table_sizes(client)
    if duckdb_file(client) is None:
        return {}
    sql = "SELECT table_name FROM duckdb_tables() WHERE schema_name = %s AND database_name = current_database()"
    names = [name for (name,) in client.execute_sql(sql, client.dataset_name) or ()]
    sizes = {}
    for name in names:
        qualified = client.make_qualified_table_name(name).replace("'", "''")
        rows = client.execute_sql(_BLOCKS.format(qualified))
        sizes[name] = int(rows[0][0]) if rows else 0
    return sizes


def postgres_folder(client: SqlClientBase[Any]) -> Path | None:
    """Return the folder of a PostgreSQL server's data if it is on this machine and the role may know it.

    Args:
        client: the open connection.
    """
    rows = client.execute_sql(_DATA_DIRECTORY)
    folder = Path(rows[0][0]) if rows and rows[0][0] else None
    return folder if folder and folder.is_dir() else None


def postgres_used_bytes(client: SqlClientBase[Any]) -> int:
    """Return the bytes that a PostgreSQL server's databases and write-ahead log take of its volume.

    Args:
        client: the open connection.
    """
    rows = client.execute_sql(_USED)
    return int(rows[0][0]) if rows else 0

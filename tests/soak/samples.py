"""What there is after some hours: rows and bytes of tables, files, and what PostgreSQL has not cleaned up."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

import duckdb
import psycopg2

from tests.soak.world import World, files_below

# of DuckDB 2.0 (duckdb.org/docs/stable/internals/storage)
BLOCK_BYTES = 262_144
# long texts stand in further blocks
_DUCKDB = """
    SELECT count(DISTINCT block) FROM (
        SELECT block_id AS block FROM pragma_storage_info('{0}') WHERE block_id >= 0
        UNION ALL SELECT unnest(additional_block_ids) FROM pragma_storage_info('{0}'))"""
_POSTGRES = """
    SELECT coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid)), sum(s.n_live_tup), sum(s.n_dead_tup)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
    WHERE c.relkind = 'r' AND n.nspname = %s GROUP BY 1"""


@dataclass(frozen=True)
class Table:
    """State of a table: rows, bytes with indexes, and dead rows, which PostgreSQL has."""

    rows: int
    bytes: int
    dead: int = 0


@dataclass(frozen=True)
class Sample:
    """State after an hour.

    Attributes:
        hour: number of the hour.
        tables: by name.
        database_bytes: size of the database or its file.
        journal_bytes: size of DuckDB's write-ahead log.
        files: number of files besides the database: working directories, dlt's folders, locks, logs.
        file_bytes: their size.
        staging_bytes: size of the tables that packages are merged from.
    """

    hour: int
    tables: dict[str, Table] = field(default_factory=dict)
    database_bytes: int = 0
    journal_bytes: int = 0
    files: int = 0
    file_bytes: int = 0
    staging_bytes: int = 0


def sample(world: World, hour: int) -> Sample:
    """Measure the state after an hour; no load may be under way."""
    files, size = files_below(world.folder / "work", without="weather.duckdb")
    if world.server is None:
        tables, staging, database = _of_duckdb(world)
        log = world.folder / "work" / "weather.duckdb.wal"
        return Sample(hour, tables, database, log.stat().st_size if log.exists() else 0, files, size, staging)
    tables, staging, database = _of_postgres(world)
    return Sample(hour, tables, database, 0, files, size, staging)


def _of_duckdb(world: World) -> tuple[dict[str, Table], int, int]:
    dataset = world.target.dataset_name
    tables: dict[str, Table] = {}
    staging = 0
    with closing(duckdb.connect(world.database, read_only=True)) as connection:
        names = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        for schema, name in names:
            blocks = connection.execute(_DUCKDB.format(f'"{schema}"."{name}"')).fetchall()[0][0]
            if schema == dataset:
                rows = connection.execute(f'SELECT count(*) FROM "{schema}"."{name}"').fetchall()[0][0]
                tables[name] = Table(rows, blocks * BLOCK_BYTES)
            else:
                staging += blocks * BLOCK_BYTES
    return tables, staging, (world.folder / "work" / "weather.duckdb").stat().st_size


def _of_postgres(world: World) -> tuple[dict[str, Table], int, int]:
    dataset = world.target.dataset_name
    with closing(psycopg2.connect(world.database)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(_POSTGRES, (dataset,))
        found = cursor.fetchall()
        tables = {}
        for name, size, _, dead in found:
            cursor.execute(f'SELECT count(*) FROM "{dataset}"."{name}"')
            tables[name] = Table(int(_first(cursor)), int(size), int(dead or 0))
        cursor.execute(_POSTGRES, (f"{dataset}_staging",))
        staging = sum(int(size) for _, size, *_ in cursor.fetchall())
        cursor.execute("SELECT pg_database_size(current_database())")
        return tables, staging, int(_first(cursor))


def _first(cursor: psycopg2.extensions.cursor) -> int:
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])

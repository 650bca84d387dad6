"""Unique indexes on the bronze tables' keys in PostgreSQL: a net under the merge, and what keeps it fast.

Without an index every MERGE reads the whole table. DuckDB is left without: its merge joins whole columns anyway, and
its indexes live in memory.
"""

from __future__ import annotations

import dlt

from dlt_sources.weather.contracts import TABLES


def ensure_indexes(pipeline: dlt.Pipeline) -> None:
    """Create the missing indexes for the tables that the pipeline knows."""
    known = pipeline.default_schema.tables.keys() & TABLES.keys()
    with pipeline.sql_client() as client:
        for name in sorted(known):
            table = client.make_qualified_table_name(name)
            key = ", ".join(client.escape_column_name(column) for column in TABLES[name].key)
            index = client.escape_column_name(f"{name}_key")
            client.execute_sql(f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {table} ({key})")

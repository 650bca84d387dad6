"""Unique indexes on the bronze tables' keys in PostgreSQL: a net under the merge, and what keeps it fast.

Without an index every MERGE reads the whole table. DuckDB is left without: its merge joins whole columns anyway, and
its indexes live in memory.
"""

from __future__ import annotations

from collections.abc import Iterable

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.target import Target


def ensure_indexes(target: Target, tables: Iterable[str]) -> None:
    """Create the missing indexes of some tables, which must be there; tables that are not ours are passed over."""
    with target.connection() as client:
        for name in sorted(TABLES.keys() & set(tables)):
            table = client.make_qualified_table_name(name)
            key = ", ".join(client.escape_column_name(column) for column in TABLES[name].key)
            index = client.escape_column_name(f"{name}_key")
            client.execute_sql(f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {table} ({key})")

"""The indexes of the bronze tables in PostgreSQL.

A unique one on the key, a net under the merge and what keeps it fast: without it every MERGE reads the whole table. And
one, of a few kilobytes, by which rows that were loaded lately are found. DuckDB is left without: its merge joins whole
columns anyway, its indexes live in memory, and it knows the range of each column in each part of a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.contracts import TABLES


def ensure_indexes(client: SqlClientBase[Any], tables: Iterable[str]) -> None:
    """Create the missing indexes of some tables, which must be there; tables that are not ours are passed over."""
    for name in sorted(TABLES.keys() & set(tables)):
        table = client.make_qualified_table_name(name)
        key = ", ".join(client.escape_column_name(column) for column in TABLES[name].key)
        index = client.escape_column_name(f"{name}_key")
        client.execute_sql(f"CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {table} ({key})")
        load, index = (client.escape_column_name(column) for column in (C_DLT_LOAD_ID, f"{name}_loaded"))
        client.execute_sql(
            f"CREATE INDEX IF NOT EXISTS {index} ON {table} USING brin ({load}) WITH (autosummarize = on)"
        )

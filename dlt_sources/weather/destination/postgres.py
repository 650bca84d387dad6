"""Upkeep of PostgreSQL: indexes of the bronze tables, and row counts after a load.

A unique index on the key protects against duplicates and keeps the merge fast: without it every MERGE reads the whole
table. A BRIN index of a few kilobytes finds the rows of recent loads. DuckDB gets neither: its merge joins whole
columns anyway, its indexes live in memory, and it keeps the range of each column for each part of a table.

Rows are counted because dlt counts only what it wrote to files. It copies those to staging tables and merges from
there; a second writer, possible once the lock's connection was cut, may empty the staging tables at that moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import DestinationError
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


def verify_rows_loaded(client: SqlClientBase[Any], load_ids: Sequence[str], rows: Counter[str]) -> None:
    """Count a load's rows in the tables, which are found by their ``_dlt_load_id``.

    Args:
        client: the open connection.
        load_ids: of the packages that were loaded.
        rows: how many each table was sent; tables that are not ours are passed over.

    Raises:
        DestinationError: a table has fewer.
    """
    sent = {table: rows[table] for table in sorted(TABLES.keys() & rows.keys()) if rows[table]}
    if not sent:
        return
    counts = [
        f"(SELECT count(*) FROM {client.make_qualified_table_name(table)} WHERE {C_DLT_LOAD_ID} = ANY(%s))"
        for table in sent
    ]
    rows_found = client.execute_sql(f"SELECT {', '.join(counts)}", *[list(load_ids)] * len(sent))
    found = dict(zip(sent, rows_found[0], strict=True)) if rows_found else {}
    short = [
        f"{sent[table] - found[table]} of {sent[table]} rows of {table}" for table in sent if found[table] < sent[table]
    ]
    if short:
        raise DestinationError(
            f"{', '.join(short)} did not arrive: somebody else wrote to the dataset's staging tables at the same time. "
            "The package is kept and the next run loads it again."
        )

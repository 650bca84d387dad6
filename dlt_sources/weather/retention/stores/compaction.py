"""Compaction of a month's partition whose forecasts are thinned: VACUUM leaves the space of the deleted rows in it.

A month that is over gets no new rows to fill that space. So the rows that remain are copied to a new partition without
the writer lock, and the two are exchanged under it, in one transaction that waits for readers two seconds at most. If a
row has changed since it was copied, the copy is dropped, and the next pruning tries again; so it does after a kill.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.destination.postgres.partitions import (
    LOCK_NOT_AVAILABLE,
    LOCK_TIMEOUT,
    PARTITION_COLUMNS,
    Partition,
    bound,
    state_of,
)

# of the partition that an earlier release's table became, whose rows may be those of years: looking through them once
# more under the writer lock must not hold up a load for more than a second
MOST_ROWS = 1_000_000
# most of a file is empty, and more than a few pages of it
_BLOATED, _LEAST_BYTES = 2.0, 1_000_000
# the size of a tuple's header and of its place in a page: PostgreSQL's documentation, "Database Page Layout"
_ROW_BYTES = 28
_SIZE = (
    "SELECT pg_relation_size(c.oid), c.reltuples * (%s + coalesce((SELECT sum((1 - s.null_frac) * s.avg_width)"
    " FROM pg_stats AS s WHERE s.schemaname = n.nspname AND s.tablename = c.relname), 0))"
    " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"
)
# equal if no row was added, replaced or deleted
_FINGERPRINT = "SELECT count(*), bit_xor(hashtextextended(ctid::text || ' ' || xmin::text, 0)) FROM {0}"
Turn = Callable[[], AbstractContextManager[SqlClientBase[Any]]]
Run = Callable[[SqlClientBase[Any], Callable[[], Any]], Any]


def is_bloated(client: SqlClientBase[Any], partition: Partition) -> bool:
    """Return whether most of a partition's file is empty, by what the last VACUUM (ANALYZE) found.

    Args:
        client: an open connection.
        partition: the partition.
    """
    rows = client.execute_sql(_SIZE, _ROW_BYTES, client.dataset_name, partition.name)
    if not rows:
        return False
    size, filled = rows[0]
    return bool(size > _LEAST_BYTES and size > _BLOATED * max(filled, 0))


def rows_of(client: SqlClientBase[Any], partition: Partition) -> int:
    """Return the number of a partition's rows, by what the last VACUUM found.

    Args:
        client: an open connection.
        partition: the partition.
    """
    name = client.make_qualified_table_name(partition.name)
    rows = client.execute_sql("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", name)
    return int(rows[0][0]) if rows else 0


def compact(client: SqlClientBase[Any], partition: Partition, turn: Turn, run: Run) -> bool:
    """Replace a partition by a copy of its rows.

    Args:
        client: an open connection, to copy with.
        partition: the partition.
        turn: holds the writer lock, and yields its connection.
        run: runs a statement that a signal cancels.

    Returns:
        Whether it was replaced; not if a row has changed since it was copied, readers did not end in time, or another
        pruning copies it.
    """
    old, new = (client.make_qualified_table_name(name) for name in (partition.name, f"{partition.name}_copy"))
    column = client.escape_column_name(PARTITION_COLUMNS[partition.table])
    begin = bound(partition.begin) if partition.begin else "MINVALUE"
    after_begin = f" AND {column} >= {begin}" if partition.begin else ""
    span = f"FROM ({begin}) TO ({bound(partition.end)})"
    # so that attaching need not read the rows
    check = (
        f"ALTER TABLE {new} ADD CONSTRAINT whole_month CHECK ({column} IS NOT NULL"
        f"{after_begin} AND {column} < {bound(partition.end)})"
    )
    # until the connection closes
    if client.execute_sql("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", new) != [(True,)]:
        return False
    client.execute_sql(f"DROP TABLE IF EXISTS {new}")
    before = run(client, lambda: _copied(client, old, new, check))
    parent = client.make_qualified_table_name(partition.table)
    with turn() as writer:
        try:
            with writer.begin_transaction():
                writer.execute_sql(f"{LOCK_TIMEOUT}; LOCK TABLE {old} IN SHARE ROW EXCLUSIVE MODE")
                is_same = run(writer, lambda: writer.execute_sql(_FINGERPRINT.format(old))) == before
                if is_same:
                    writer.execute_sql(
                        f"ALTER TABLE {parent} DETACH PARTITION {old};"
                        f" ALTER TABLE {parent} ATTACH PARTITION {new} FOR VALUES {span};"
                        f" ALTER TABLE {new} DROP CONSTRAINT whole_month; DROP TABLE {old};"
                        f" ALTER TABLE {new} RENAME TO {client.escape_column_name(partition.name)}"
                    )
        except DatabaseException as error:
            if state_of(error) != LOCK_NOT_AVAILABLE:
                raise
            is_same = False
        if not is_same:
            writer.execute_sql(f"DROP TABLE IF EXISTS {new}")
    return bool(is_same)


def _copied(client: SqlClientBase[Any], old: str, new: str, check: str) -> Any:
    """Copy the rows, and return the fingerprint of those that are copied."""
    with client.begin_transaction():
        client.execute_sql(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;"
            f" CREATE TABLE {new} (LIKE {old} INCLUDING ALL); INSERT INTO {new} SELECT * FROM {old}; {check}"
        )
        return client.execute_sql(_FINGERPRINT.format(old))

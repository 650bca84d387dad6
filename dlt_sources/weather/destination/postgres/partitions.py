"""Partitions by month of the tables that grow with each load: forecasts by their issue, raw answers by their arrival.

A month that is over can be dropped whole: no dead rows, and its space is free at once. The tables are created here,
before dlt, which then finds them and only adds columns; plain tables of earlier releases, and of plain dlt pipelines,
stay plain until ``weather partition``. Months are made ahead; rows of any other month go to the default partition.

A package's ``MERGE`` looks each row up in the one partition that it belongs to, if the planner is told to use the key's
indexes (``session.LoadingCredentials``); by its own estimate it reads all partitions.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import reason
from dlt_sources.weather.contracts import TABLES, WeatherRaw

# table → column: forecasts are dropped by the hour in which they were issued, raw answers by that of their arrival
PARTITION_COLUMNS: dict[str, str] = {
    name: "issued_at" for name, contract in TABLES.items() if "issued_at" in contract.key
} | {WeatherRaw.table: "fetched_at"}
DEFAULT = "default"
# ends the name of the constraint that bounds a plain table while it is being partitioned
BOUND_SUFFIX = "_until"
# a reader's open transaction holds up a load, and a load a reader, no longer than that
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
LOCK_ATTEMPTS, PAUSE_SECONDS = 5, 1.0
LOCK_NOT_AVAILABLE, CHECK_VIOLATION = "55P03", "23514"
_BOUND = re.compile(r"FROM \((?P<begin>[^)]+)\) TO \('(?P<end>[^']+)'\)")
_CATALOG = """
SELECT p.relname, p.relkind = 'p', c.relname, pg_get_expr(c.relpartbound, c.oid){size}
FROM pg_class AS p
JOIN pg_namespace AS n ON n.oid = p.relnamespace
LEFT JOIN pg_inherits AS i ON i.inhparent = p.oid AND p.relkind = 'p'
LEFT JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE n.nspname = %s AND p.relname = ANY(%s) AND p.relkind IN ('r', 'p')
"""
_SIZES = """
SELECT coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid))
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND c.relispartition
LEFT JOIN pg_class AS p ON p.oid = i.inhparent
WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'm')
GROUP BY 1 ORDER BY 1
"""


class Partition(NamedTuple):
    """A partition of a table: rows from ``begin`` (None: from the first) until before ``end``, UTC; its bytes."""

    table: str
    name: str
    begin: datetime | None
    end: datetime
    bytes: int


class Tables(NamedTuple):
    """Tables of a dataset that can be partitioned, as the catalogue has them: names of partitions by table.

    ``plain`` are those without partitions; ``ends`` are the partitions with their bounds.
    """

    partitioned: dict[str, set[str]]
    plain: set[str]
    months: list[Partition]


def read_tables(client: SqlClientBase[Any], *, sizes: bool = False) -> Tables:
    """Read which tables are partitioned, and how; one query of the catalogue.

    Args:
        client: an open connection.
        sizes: whether to measure the partitions, which reads a file's size each.
    """
    sql = _CATALOG.format(size=", pg_total_relation_size(c.oid)" if sizes else ", 0")
    rows = client.execute_sql(sql, client.dataset_name, list(PARTITION_COLUMNS)) or ()
    found = Tables({}, set(), [])
    for table, is_partitioned, name, bound, size in rows:
        if not is_partitioned:
            found.plain.add(table)
            continue
        names = found.partitioned.setdefault(table, set())
        if name is not None:
            names.add(name)
            if bounds := _BOUND.search(bound):
                begin, end = bounds["begin"], _moment(bounds["end"])
                first = None if begin == "MINVALUE" else _moment(begin.strip("'"))
                found.months.append(Partition(table, name, first, end, size or 0))
    found.months.sort(key=lambda one: (one.table, one.end))
    return found


def partitions(client: SqlClientBase[Any]) -> list[Partition]:
    """Return the partitions by table, oldest first, without the default ones.

    Args:
        client: an open connection.
    """
    return read_tables(client, sizes=True).months


def partitions_before(client: SqlClientBase[Any], table: str, moment: datetime) -> list[Partition]:
    """Return the partitions of a table that end at a moment or before, oldest first; none of a plain table.

    Args:
        client: an open connection.
        table: the table.
        moment: the moment, UTC.
    """
    return [one for one in partitions(client) if one.table == table and one.end <= moment]


def drop_partition(client: SqlClientBase[Any], partition: Partition) -> bool:
    """Drop a partition with its rows; one attempt, which waits two seconds at most for readers.

    A caller that holds the writer lock releases it before the next attempt, so that loads need not wait for readers.

    Args:
        client: an open connection.
        partition: the partition.

    Returns:
        Whether it is dropped; not while the transactions of readers last.
    """
    statement = f"DROP TABLE IF EXISTS {client.make_qualified_table_name(partition.name)}"
    return with_short_lock(client, [statement], attempts=1) is None


def table_sizes(client: SqlClientBase[Any]) -> dict[str, int]:
    """Return the bytes of each table of the dataset, with indexes, TOAST and partitions, by its name.

    Args:
        client: an open connection.
    """
    return {name: int(size) for name, size in client.execute_sql(_SIZES, client.dataset_name) or ()}


def with_short_lock(client: SqlClientBase[Any], statements: Sequence[str], attempts: int = LOCK_ATTEMPTS) -> str | None:
    """Execute statements in one transaction that waits for locks two seconds at most, and is tried several times.

    Args:
        client: an open connection.
        statements: the statements.
        attempts: how often it is tried.

    Returns:
        Why the locks could not be had, or None.
    """
    for attempt in range(attempts):
        if attempt:
            # those who waited behind this one go first
            time.sleep(PAUSE_SECONDS)
        try:
            execute_together(client, [LOCK_TIMEOUT, *statements])
        except DatabaseException as error:
            if state_of(error) != LOCK_NOT_AVAILABLE:
                raise
            failure = reason(error)
        else:
            return None
    return failure


def execute_together(client: SqlClientBase[Any], statements: Sequence[str]) -> None:
    """Execute statements in one transaction and one round trip.

    Args:
        client: an open connection.
        statements: the statements.
    """
    with client.begin_transaction():
        client.execute_sql(";\n".join(statements))


def state_of(error: DatabaseException) -> str | None:
    """Return PostgreSQL's code of an error.

    Args:
        error: the error, as dlt raises it.
    """
    return getattr(error.dbapi_exception, "pgcode", None)


def bound(moment: datetime) -> str:
    """Return a moment as a literal of SQL.

    Args:
        moment: the moment, UTC.
    """
    return f"'{moment:%Y-%m-%d %H:%M:%S}+00'"


def _moment(text: str) -> datetime:
    # the session's time zone is UTC
    return datetime.fromisoformat(f"{text[:19]}+00:00")

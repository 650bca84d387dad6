"""Conversion of a plain table into a partitioned one, without copying a row: the old table becomes its first partition.

A check constraint bounds the rows first, and is validated while loads go on; with it PostgreSQL attaches the table
without reading it. The exchange is one transaction of catalogue changes: killed at any moment, the table is whole,
either plain or partitioned. Views that read the table are pointed at the new one by replacing them, which keeps their
grants and comments.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.common.errors import DestinationError, reason
from dlt_sources.weather.destination.postgres.partitioning.creation import months_from, partition_statements
from dlt_sources.weather.destination.postgres.partitions import (
    BOUND_SUFFIX,
    CHECK_VIOLATION,
    DEFAULT,
    LOCK_TIMEOUT,
    PARTITION_COLUMNS,
    bound,
    execute_together,
    read_tables,
    state_of,
    with_short_lock,
)

# loads may write into the table until the bound, so it lies no nearer
_LEAST_TIME = timedelta(days=7)
_SIZE = "SELECT pg_total_relation_size(oid), greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass"
_CONSTRAINT = """
SELECT pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s
"""
_OBSTACLES = """
WITH t AS (SELECT %s::regclass AS oid), readers AS (
    SELECT DISTINCT v.oid, v.relkind, v.relowner FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid
    JOIN pg_class AS v ON v.oid = r.ev_class, t
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
    AND v.oid <> t.oid
)
SELECT 'this role does not own it' FROM t, pg_class AS c WHERE c.oid = t.oid AND NOT pg_has_role(c.relowner, 'USAGE')
UNION ALL SELECT 'the materialized view ' || oid::regclass || ' reads it' FROM readers WHERE relkind = 'm'
UNION ALL SELECT 'the view ' || oid::regclass || ' reads it, and this role does not own that' FROM readers
    WHERE relkind = 'v' AND NOT pg_has_role(relowner, 'USAGE')
UNION ALL SELECT 'it has the constraint ' || conname FROM pg_constraint, t
    WHERE (conrelid = t.oid OR confrelid = t.oid) AND contype IN ('p', 'u', 'x', 'f', 'c') AND conname <> %s
UNION ALL SELECT 'it has the trigger ' || tgname FROM pg_trigger, t WHERE tgrelid = t.oid AND NOT tgisinternal
UNION ALL SELECT 'it has the policy ' || polname FROM pg_policy, t WHERE polrelid = t.oid
UNION ALL SELECT 'it is in the publication ' || pubname FROM pg_publication_rel AS p JOIN pg_publication AS u
    ON u.oid = p.prpubid, t WHERE p.prrelid = t.oid
UNION ALL SELECT 'the function ' || objid::regproc || ' depends on it' FROM pg_depend, t
    WHERE classid = 'pg_proc'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = t.oid
"""
_VIEWS = """
SELECT DISTINCT v.oid::regclass::text, pg_get_viewdef(v.oid), v.reloptions FROM pg_depend AS d
JOIN pg_rewrite AS r ON r.oid = d.objid JOIN pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'v'
WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = %s::regclass
"""
_INDEXES = (
    "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
)
_GRANTS = """
SELECT a.privilege_type, '', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, a.is_grantable
FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.oid = %s::regclass AND a.grantee <> c.relowner
UNION ALL
SELECT a.privilege_type, ' (' || quote_ident(x.attname) || ')',
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, a.is_grantable
FROM pg_attribute AS x, aclexplode(x.attacl) AS a WHERE x.attrelid = %s::regclass
"""
_OWNER = """
SELECT c.relowner::regrole::text, quote_literal(obj_description(c.oid, 'pg_class')) FROM pg_class AS c
WHERE c.oid = %s::regclass
"""


class PlainTable(NamedTuple):
    """A table to be partitioned: its name, bytes with indexes, and about how many rows; the bound of the old rows."""

    name: str
    bytes: int
    rows: int
    until: datetime

    @property
    def constraint(self) -> str:
        """Name of the check constraint that bounds the rows."""
        return f"{self.name}{BOUND_SUFFIX}"

    @property
    def old_name(self) -> str:
        """Name of the partition that the table becomes."""
        return f"{self.name}_before_{self.until:%Y_%m}"


def plain_tables(client: SqlClientBase[Any], now: datetime) -> list[PlainTable]:
    """Return the tables that could be partitioned and are not, by name.

    Args:
        client: an open connection.
        now: the present moment, UTC.
    """
    found = []
    for name in sorted(read_tables(client).plain):
        sizes = client.execute_sql(_SIZE, client.make_qualified_table_name(name))
        size, rows = sizes[0] if sizes else (0, 0)
        found.append(PlainTable(name, size, rows, months_from(now, now + _LEAST_TIME)[-1]))
    return found


def obstacles(client: SqlClientBase[Any], table: PlainTable) -> list[str]:
    """Return why a table cannot be partitioned: what a user attached to it that would not survive.

    Args:
        client: an open connection.
        table: the table.
    """
    rows = client.execute_sql(_OBSTACLES, client.make_qualified_table_name(table.name), table.constraint) or ()
    return [text for (text,) in rows]


def add_bound(client: SqlClientBase[Any], table: PlainTable) -> None:
    """Bound the rows by a constraint that is not validated yet; one of an earlier, interrupted call is replaced.

    Args:
        client: the connection of the writer lock.
        table: the table.
    """
    name = client.make_qualified_table_name(table.name)
    column = PARTITION_COLUMNS[table.name]
    found = client.execute_sql(_CONSTRAINT, name, table.constraint)
    if found and f"{table.until:%Y-%m-%d}" in found[0][0]:
        return
    _hurry(
        client,
        table,
        [
            f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {table.constraint}",
            f"ALTER TABLE {name} ADD CONSTRAINT {table.constraint}"
            f" CHECK ({column} IS NOT NULL AND {column} < {bound(table.until)}) NOT VALID",
        ],
    )


def validate_bound(client: SqlClientBase[Any], table: PlainTable) -> None:
    """Let PostgreSQL read the table once, while others read and write it.

    Args:
        client: an open connection; no writer lock is needed.
        table: the table.
    """
    name = client.make_qualified_table_name(table.name)
    try:
        client.execute_sql(f"ALTER TABLE {name} VALIDATE CONSTRAINT {table.constraint}")
    except DatabaseException as error:
        if state_of(error) != CHECK_VIOLATION:
            raise
        client.execute_sql(f"ALTER TABLE {name} DROP CONSTRAINT {table.constraint}")
        raise DestinationError(
            f"{table.name} has rows whose {PARTITION_COLUMNS[table.name]} is {table.until:%Y-%m-%d} or later: was a "
            "clock ahead? Delete them, and run again. The table is as it was."
        ) from None


def exchange(client: SqlClientBase[Any], table: PlainTable) -> None:
    """Put a partitioned table in the place of a bounded one, which becomes its first partition; one transaction.

    Args:
        client: the connection of the writer lock.
        table: the table.

    Raises:
        DestinationError: readers hold the table, or something is attached to it; it stays as it was.
    """
    try:
        with client.begin_transaction():
            client.execute_sql(f"{LOCK_TIMEOUT}; SET LOCAL search_path = ''")
            client.execute_sql(f"LOCK TABLE {client.make_qualified_table_name(table.name)} IN ACCESS EXCLUSIVE MODE")
            for statement in list(_exchange_statements(client, table)):
                client.execute_sql(statement)
    except DatabaseException as error:
        raise DestinationError(
            f"{table.name} could not be partitioned: {reason(error)}. It is as it was, and no row is lost; run again."
        ) from None


def default_rows(client: SqlClientBase[Any], table: str) -> int:
    """Return the number of rows in a partitioned table's default partition, which ``spread_default`` moves.

    Args:
        client: an open connection.
        table: the partitioned table.
    """
    rows = client.execute_sql(f"SELECT count(*) FROM {client.make_qualified_table_name(f'{table}_{DEFAULT}')}")
    return int(rows[0][0]) if rows else 0


def spread_default(client: SqlClientBase[Any], table: str, now: datetime) -> int:
    """Move the rows of a table's default partition into months; one transaction.

    Args:
        client: the connection of the writer lock.
        table: the partitioned table.
        now: the present moment, UTC.

    Returns:
        The number of rows.
    """
    parent, column = client.make_qualified_table_name(table), PARTITION_COLUMNS[table]
    default = client.make_qualified_table_name(f"{table}_{DEFAULT}")
    rows = client.execute_sql(f"SELECT count(*), min({column}), max({column}) FROM {default}")
    number, first, last = rows[0] if rows else (0, None, None)
    if first is None or last is None:
        return 0
    known = read_tables(client).months
    months = [
        month
        for month in months_from(first, max(last, now))
        if not any(
            one.table == table and (one.begin is None or one.begin <= month) and month < one.end for one in known
        )
    ]
    moved = f"{table}_moved"
    columns = ", ".join(
        client.escape_column_name(name)
        for (name,) in client.execute_sql(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", parent
        )
        or ()
    )
    execute_together(
        client,
        [
            LOCK_TIMEOUT,
            f"ALTER TABLE {parent} DETACH PARTITION {default}",
            f"ALTER TABLE {default} RENAME TO {client.escape_column_name(moved)}",
            *partition_statements(client, table, months),
            f"INSERT INTO {parent} ({columns}) SELECT {columns} FROM {client.make_qualified_table_name(moved)}",
            f"DROP TABLE {client.make_qualified_table_name(moved)}",
        ],
    )
    return int(number)


def _exchange_statements(client: SqlClientBase[Any], table: PlainTable) -> Iterator[str]:
    """Yield the statements, from what the catalogue says of the locked table before any of them is sent."""
    name = client.make_qualified_table_name(table.name)
    old = client.make_qualified_table_name(table.old_name)
    views = client.execute_sql(_VIEWS, name) or ()
    indexes = client.execute_sql(f"{_INDEXES} WHERE i.indrelid = %s::regclass ORDER BY 1", name) or ()
    grants = client.execute_sql(_GRANTS, name, name) or ()
    ((owner, comment),) = client.execute_sql(_OWNER, name) or ()
    yield f"ALTER TABLE {name} RENAME TO {client.escape_column_name(table.old_name)}"
    schema = client.fully_qualified_dataset_name()
    for number, (index, _) in enumerate(indexes):
        own = f"{table.old_name}{index.removeprefix(table.name)}" if index.startswith(table.name) else ""
        renamed = client.escape_column_name(own or f"{table.old_name}_{number}")
        yield f"ALTER INDEX {schema}.{client.escape_column_name(index)} RENAME TO {renamed}"
    yield (
        f"CREATE TABLE {name} (LIKE {old} INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMPRESSION"
        f" INCLUDING COMMENTS) PARTITION BY RANGE ({PARTITION_COLUMNS[table.name]})"
    )
    yield f"ALTER TABLE {name} OWNER TO {owner}"
    yield from (definition for _, definition in indexes)
    yield f"ALTER TABLE {name} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ({bound(table.until)})"
    yield f"ALTER TABLE {old} DROP CONSTRAINT {table.constraint}"
    yield from partition_statements(client, table.name, [table.until])
    for privilege, column, grantee, grantable in grants:
        yield f"GRANT {privilege}{column} ON {name} TO {grantee}{' WITH GRANT OPTION' if grantable else ''}"
    if comment is not None:
        yield f"COMMENT ON TABLE {name} IS {comment}"
    for view, definition, options in views:
        given = f" WITH ({', '.join(options)})" if options else ""
        yield f"CREATE OR REPLACE VIEW {view}{given} AS {definition}"


def _hurry(client: SqlClientBase[Any], table: PlainTable, statements: list[str]) -> None:
    if failure := with_short_lock(client, statements):
        raise DestinationError(
            f"{table.name} could not be locked for a moment: {failure}. It is as it was; end the transactions that "
            "read it, or run again."
        )

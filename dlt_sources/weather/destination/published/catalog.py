"""The database's catalogue: tables, views, columns and comments of a dataset, read in one query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

# what pg_has_role answers is whether this role may comment on the relation
_POSTGRES = """
SELECT c.relname, c.relkind = 'v', pg_has_role(c.relowner, 'USAGE'), a.name, d.description
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
CROSS JOIN LATERAL (
    SELECT 0 AS number, '' AS name
    UNION ALL
    SELECT attnum, attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
) AS a
LEFT JOIN pg_description AS d
    ON d.objoid = c.oid AND d.objsubid = a.number AND d.classoid = 'pg_class'::regclass
WHERE n.nspname = %s
"""
_DUCKDB = """
SELECT table_name, false, true, '', comment FROM duckdb_tables() AS t WHERE {here}
UNION ALL SELECT view_name, true, true, '', comment FROM duckdb_views() AS t WHERE {here}
UNION ALL SELECT table_name, NULL, true, column_name, comment FROM duckdb_columns() AS t WHERE {here}
"""
_HERE = "t.database_name = current_database() AND t.schema_name = %s"


@dataclass
class Relation:
    """A table or view of the dataset.

    Attributes:
        name: its name.
        is_view: whether it is a view.
        is_owned: whether this role may comment on it.
        comment: its comment.
        columns: the columns' comments by name, in no order.
    """

    name: str
    is_view: bool
    is_owned: bool
    comment: str | None = None
    columns: dict[str, str | None] = field(default_factory=dict)


def read_catalog(client: SqlClientBase[Any], *, is_postgres: bool) -> dict[str, Relation]:
    """Return the tables and views of the client's dataset by name.

    Args:
        client: an open connection.
        is_postgres: whether the database is PostgreSQL; otherwise it is DuckDB.
    """
    sql, names = (_POSTGRES, 1) if is_postgres else (_DUCKDB.format(here=_HERE), 3)
    rows = client.execute_sql(sql, *[client.dataset_name] * names) or []
    found: dict[str, Relation] = {}
    # the row of a relation has no column name, and sorts first
    for name, is_view, is_owned, column, comment in sorted(rows, key=lambda row: (row[0], row[3])):
        if not column:
            found[name] = Relation(name, bool(is_view), bool(is_owned), comment)
        elif name in found:
            found[name].columns[column] = comment
    return found


def comment_statement(client: SqlClientBase[Any], relation: Relation, column: str, text: str) -> str:
    """Return the statement that writes a comment.

    Args:
        client: a connection, which knows how names are quoted.
        relation: the table or view.
        column: its column; empty for the relation itself.
        text: the comment.
    """
    kind = "COLUMN" if column else "VIEW" if relation.is_view else "TABLE"
    name = client.make_qualified_table_name(relation.name)
    if column:
        name = f"{name}.{client.escape_column_name(column)}"
    quoted = text.replace("'", "''")
    return f"COMMENT ON {kind} {name} IS '{quoted}'"

"""Translation of this program's SQL, which DuckDB and PostgreSQL read alike, for other databases.

sqlglot, with which dlt translates queries too, knows the dialects. A few expressions are rewritten first, since they
mean something else elsewhere: SQLite keeps moments as text, and MySQL reads them in the session's time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlglot
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import expressions as sql

from dlt_sources.weather.common.clock import utc

# read this program's SQL as it is
NATIVE = ("duckdb", "postgres")
_PLACEHOLDER = re.compile(r":p(\d+)\b")
# a moment as SQLAlchemy writes it to SQLite
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")


def is_native(client: SqlClientBase[Any]) -> bool:
    """Return whether a destination reads this program's SQL as it is."""
    return client.capabilities.sqlglot_dialect in (None, *NATIVE)


def qualified_name(client: SqlClientBase[Any], table: str) -> str:
    """Return the name of a table of the dataset, as statements for ``execute`` have it.

    Args:
        client: a client of the destination.
        table: name of the table.
    """
    if is_native(client):
        return str(client.make_qualified_table_name(table))
    return ".".join(f'"{part}"' for part in client.make_qualified_table_name_path(table, quote=False))


def execute(client: SqlClientBase[Any], query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run a statement in the dialect of an open connection, and return its rows.

    Args:
        client: the open connection.
        query: the statement, with ``%s`` for each parameter; ``%%`` is a percent sign.
        parameters: the parameters.
    """
    text, ordered = in_dialect(client, query, *parameters)
    return from_destination(client.execute_sql(text, *ordered) or [], client.capabilities.sqlglot_dialect)


def in_dialect(client: SqlClientBase[Any], query: str, *parameters: object) -> tuple[str, Sequence[object]]:
    """Return a statement in the dialect of a destination, with its parameters in the order in which it has them.

    Args:
        client: a client of the destination.
        query: the statement, with ``%s`` for each parameter; ``%%`` is a percent sign.
        parameters: the parameters.
    """
    dialect = client.capabilities.sqlglot_dialect
    return (query, parameters) if dialect is None or is_native(client) else translated(query, parameters, dialect)


def translated(query: str, parameters: Sequence[object], dialect: str) -> tuple[str, list[object]]:
    """Return a statement in another dialect, with its parameters in the order in which it has them.

    Args:
        query: the statement, with ``%s`` for each parameter; ``%%`` is a percent sign.
        parameters: the parameters.
        dialect: sqlglot's name of the dialect.
    """
    text, order = _translated(query, dialect)
    return text, [_naive(parameters[number]) for number in order]


def from_destination(rows: Sequence[Sequence[Any]], dialect: str | None) -> list[tuple[Any, ...]]:
    """Return rows with their moments, which SQLite gives as text.

    Args:
        rows: the rows.
        dialect: sqlglot's name of the destination's dialect.
    """
    if dialect != "sqlite":
        return rows  # type: ignore[return-value]
    return [tuple(_moment(value) for value in row) for row in rows]


def _moment(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) and _MOMENT.fullmatch(value) else value


def _naive(value: object) -> object:
    """Return a moment in UTC without its zone, as these databases keep it."""
    return f"{utc(value):%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


@lru_cache(maxsize=256)
def _translated(query: str, dialect: str) -> tuple[str, tuple[int, ...]]:
    numbers = iter(range(query.count("%s")))
    named = re.sub("%[s%]", lambda found: f":p{next(numbers)}" if found[0] == "%s" else "%", query)
    tree = sqlglot.parse_one(named, read="postgres")
    if rewrite := _REWRITES.get(dialect):
        tree = tree.transform(rewrite)
    # what a dialect lacks, such as zones of moments that it keeps without one, makes no difference here
    text = tree.sql(dialect, unsupported_level=sqlglot.ErrorLevel.IGNORE)
    order = tuple(int(number) for number in _PLACEHOLDER.findall(text))
    # a driver formats the text only if there are parameters
    return _PLACEHOLDER.sub("%s", text.replace("%", "%%") if order else text), order


def _for_sqlite(node: sql.Expression) -> sql.Expression:
    if isinstance(node, sql.AtTimeZone):
        return _inner(node.this, _for_sqlite)
    if isinstance(node, sql.Extract):
        part = {"EPOCH": "%s", "YEAR": "%Y", "MONTH": "%m"}[node.name.upper()]
        text = sql.func("strftime", sql.Literal.string(part), _inner(node.expression, _for_sqlite))
        return sql.cast(text, "bigint")
    if isinstance(node, sql.Floor):
        # of positive numbers only
        return sql.cast(_inner(node.this, _for_sqlite), "bigint")
    if isinstance(node, sql.Add) and isinstance(node.expression, sql.Interval):
        interval = node.expression
        moved = [_inner(node.this, _for_sqlite), sql.Literal.string(f"+{interval.this.name} {interval.unit}")]
        return sql.Anonymous(this="datetime", expressions=moved)
    return node


def _for_mysql(node: sql.Expression) -> sql.Expression:
    if isinstance(node, sql.Extract) and node.name.upper() == "EPOCH":
        begin, moment = sql.Literal.string("1970-01-01"), _inner(node.expression, _for_mysql)
        return sql.Anonymous(this="TIMESTAMPDIFF", expressions=[sql.Var(this="SECOND"), begin, moment])
    return node


def _inner(node: sql.Expression, rewrite: Callable[[sql.Expression], sql.Expression]) -> sql.Expression:
    """Return the rewritten operand of an expression that is replaced, which sqlglot does not descend into."""
    return node.transform(rewrite)


_REWRITES: dict[str, Callable[[sql.Expression], sql.Expression]] = {"sqlite": _for_sqlite, "mysql": _for_mysql}

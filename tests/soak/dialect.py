"""The SQL of `grow` where DuckDB's and PostgreSQL's differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.destination.target import Target

# those of constraints cannot be dropped alone; pg_get_indexdef says ONLY where a table is partitioned
_INDEXES = (
    "SELECT format('%I.%I', n.nspname, i.relname), replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON ')"
    " FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace"
    " WHERE x.indrelid = '{table}'::regclass"
    " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = x.indexrelid)"
)


@dataclass(frozen=True)
class Dialect:
    """One database's SQL.

    Attributes:
        temporary: schema of temporary tables.
        texts: type of a list of texts.
        numbers: type of a list of integers.
        body: text of an answer, from its ``parts`` and the ``moments`` between them, ``h`` hours earlier.
        is_postgres: whether it is PostgreSQL.
    """

    temporary: str
    texts: str
    numbers: str
    body: str
    is_postgres: bool

    def series(self, first: int, last: int) -> str:
        """Rows with a number ``h`` from ``first`` down to ``last``."""
        if self.is_postgres:
            return f"generate_series({first}, {last}, -1) AS hours(h)"
        return f"range({first}, {last - 1}, -1) AS hours(h)"

    def array(self, values: Sequence[str]) -> str:
        """A list of values."""
        if self.is_postgres:
            return f"ARRAY[{', '.join(values)}]{'::bigint[]' if not values else ''}"
        return f"[{', '.join(values)}]"

    def run_stamp(self, moment: str) -> str:
        """The begin of a run's id."""
        if self.is_postgres:
            return f"to_char({moment}, 'YYYYMMDD\"T\"HH24MISS')"
        return f"strftime({moment}, '%Y%m%dT%H%M%S')"

    def date(self, moment: str) -> str:
        """The date of a moment, as text."""
        return f"CAST(CAST({moment} AS DATE) AS VARCHAR)"

    @contextmanager
    def without_indexes(self, client: SqlClientBase[Any], table: str) -> Iterator[None]:
        """Drop PostgreSQL's indexes of a table, and make them again at the end."""
        if not self.is_postgres:
            yield
            return
        indexes = client.execute_sql(_INDEXES.replace("{table}", client.make_qualified_table_name(table))) or []
        for name, _ in indexes:
            client.execute_sql(f"DROP INDEX {name}")
        yield
        for _, definition in indexes:
            client.execute_sql(str(definition))


DUCKDB = Dialect(
    temporary="temp",
    texts="VARCHAR[]",
    numbers="BIGINT[]",
    body="array_to_string(list_transform(parts, lambda part, i:"
    " part || coalesce(CAST(moments[i] - h * 3600 AS VARCHAR), '')), '')",
    is_postgres=False,
)
POSTGRES = Dialect(
    temporary="pg_temp",
    texts="text[]",
    numbers="bigint[]",
    body="array_to_string(ARRAY(SELECT part || coalesce(CAST(moment - h * 3600 AS text), '')"
    " FROM unnest(parts, moments) AS u(part, moment)), '')",
    is_postgres=True,
)


def dialect_of(target: Target) -> Dialect:
    """The SQL of a target's database."""
    return POSTGRES if target.is_postgres else DUCKDB

"""The tables that views select from, as they exist in one database, and the expressions that its SQL dialect needs.

PostgreSQL and DuckDB take the same SQL but in two places: a series of hours, and the one row of many that is taken for
each row of another table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.contracts.base import TIMESTAMP

_TYPES = {
    pa.float64(): "double precision",
    pa.int64(): "bigint",
    pa.string(): "varchar",
    TIMESTAMP: "timestamp with time zone",
}


@dataclass(frozen=True)
class SourceTables:
    """The tables of a dataset.

    Args:
        columns: names of the columns of each table that exists.
        qualified: the tables' names as SQL has them.
        units: the setting ``units``, which temperatures and speeds of views have.
        is_postgres: whether the database is PostgreSQL; otherwise it is DuckDB.
    """

    columns: Mapping[str, frozenset[str]]
    qualified: Mapping[str, str]
    units: str
    is_postgres: bool

    def has(self, table: str) -> bool:
        """Return whether a table exists."""
        return table in self.columns

    def name(self, table: str) -> str:
        """Return the qualified name of a table."""
        return self.qualified[table]

    def column(self, table: str, name: str, alias: str = "t") -> str:
        """Return a column; null of its type where the table does not have it, or not yet.

        Args:
            table: the table.
            name: the column's name in a contract.
            alias: the table's name in the query.
        """
        if name in self.columns.get(table, ()):
            return f"{alias}.{name}"
        found = [contract.arrow_schema().field(name) for contract in TABLES.values() if name in contract.model_fields]
        return f"CAST(NULL AS {_TYPES[found[0].type]})"

    def temperature(self, table: str, name: str) -> str:
        """Return a temperature of the table ``t`` in the unit of the setting, by the units of its row."""
        value = self.column(table, name)
        # by definition 0 °C is 273.15 K, and 1 °F is 5/9 K (NIST Special Publication 811, appendix B)
        to = {
            "metric": {"standard": f"{value} - 273.15", "imperial": f"({value} - 32) / 1.8"},
            "standard": {"metric": f"{value} + 273.15", "imperial": f"({value} - 32) / 1.8 + 273.15"},
            "imperial": {"metric": f"{value} * 1.8 + 32", "standard": f"({value} - 273.15) * 1.8 + 32"},
        }
        return self._converted(table, value, to[self.units])

    def speed(self, table: str, name: str) -> str:
        """Return a speed of the table ``t`` in the unit of the setting, by the units of its row."""
        value = self.column(table, name)
        # a mile an hour is 0.44704 m/s exactly (NIST Special Publication 811, appendix B)
        if self.units == "imperial":
            return self._converted(table, value, dict.fromkeys(("metric", "standard"), f"{value} / 0.44704"))
        return self._converted(table, value, {"imperial": f"{value} * 0.44704"})

    def _converted(self, table: str, value: str, to: Mapping[str, str]) -> str:
        if value.startswith("CAST"):
            return value
        # the API gives two decimals; PostgreSQL rounds a double to whole numbers only
        cases = " ".join(f"WHEN '{units}' THEN round(({converted}) * 100) / 100" for units, converted in to.items())
        return f"CASE {self.column(table, 'units')} {cases} ELSE {value} END"

    def hours(self, first: str, last: str) -> str:
        """Return an expression of the select list that makes a row of each hour from one moment to another."""
        series = f"generate_series({first}, {last}, INTERVAL '1 hour')"
        return series if self.is_postgres else f"unnest({series})"

    def computed_once(self, alias: str, name: str, order: str = "dt") -> str:
        """Return an item of the select list that keeps PostgreSQL from computing a subquery's columns at each use.

        It merges a subquery into the query around it, and a column that is used ten times is then an expression that
        is computed ten times. A window function prevents that; as nothing uses it, it is not computed either. A
        condition on ``location_id`` still reaches the table. DuckDB computes such columns once.

        Args:
            alias: name of the rows, which have ``location_id``.
            name: name of the item, another at each level.
            order: a column by which the rows are in order, so that nothing is sorted.
        """
        if not self.is_postgres:
            return ""
        return f",\n        row_number() OVER (PARTITION BY {alias}.location_id ORDER BY {alias}.{order}) AS {name}"

    def joined_first(self, rows: str, alias: str, keys: Mapping[str, str], near: str, order: str) -> str:
        """Return a left join that takes one row for each row of the query.

        PostgreSQL looks it up in the key's index, one look-up a row, so that a query of few rows reads few. DuckDB,
        which has no such index, sorts out the rows once and joins them by hash.

        Args:
            rows: a query of the rows.
            alias: name of the joined row.
            keys: what each key column of ``rows`` must equal.
            near: a condition on ``r``, the rows, that follows from the keys and that an index can serve; may be empty.
            order: the order of ``r``, of which the first row is taken; empty if the keys are unique.
        """
        if self.is_postgres:
            conditions = [near] if near else [f"r.{name} = {value}" for name, value in keys.items()]
            where = " AND ".join(conditions)
            return (
                f"LEFT JOIN LATERAL (\n    SELECT * FROM (\n{rows}\n    ) AS r\n    WHERE {where}\n"
                f"    {f'ORDER BY {order} ' if order else ''}LIMIT 1\n) AS {alias} ON true"
            )
        names = ", ".join(f"r.{name}" for name in keys)
        on = " AND ".join(f"{alias}.{name} = {value}" for name, value in keys.items())
        if not order:
            return f"LEFT JOIN (\n{rows}\n) AS {alias} ON {on}"
        return (
            f"LEFT JOIN (\n    SELECT DISTINCT ON ({names}) * FROM (\n{rows}\n    ) AS r\n"
            f"    ORDER BY {names}, {order}\n) AS {alias} ON {on}"
        )


def nearest_hour(moment: str) -> str:
    """Return SQL for the full hour, UTC, that is nearest to a moment; half past counts for the next."""
    return f"(date_trunc('hour', ({moment} AT TIME ZONE 'UTC') + INTERVAL '30 minutes') AT TIME ZONE 'UTC')"


def local(moment: str, offset: str) -> str:
    """Return SQL for a moment as the clocks of the location show it, by its offset from UTC in seconds."""
    return f"({moment} AT TIME ZONE 'UTC') + {offset} * INTERVAL '1 second'"

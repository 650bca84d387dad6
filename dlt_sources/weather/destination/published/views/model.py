"""Model of a view: its columns with descriptions and units, the tables that it needs, and its SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.contracts.base import LOCATIONS, Column
from dlt_sources.weather.contracts.units import SPEED, SPEEDS, TEMPERATURE, TEMPERATURES, unit_of
from dlt_sources.weather.destination.published.views.tables import SourceTables

# of the location's clocks, so of no time zone
LOCAL_TIME = pa.timestamp("us")
# the dataset that examples name
BRONZE = "bronze"


@dataclass(frozen=True)
class ViewColumn:
    """One column of a view.

    Attributes:
        name: its name.
        type: its Arrow type; whole numbers are ``int64``, whatever the width of SQL's.
        description: its description.
        unit: its unit; ``TEMPERATURE`` and ``SPEED`` stand for those of the setting ``units``.
    """

    name: str
    type: pa.DataType
    description: str
    unit: str = ""

    def comment(self, units: str) -> str:
        """Return the description with the unit under a setting of ``units``."""
        unit = self.unit_in(units)
        return f"{self.description}, {unit}" if unit and unit not in self.description else self.description

    def unit_in(self, units: str) -> str:
        """Return the unit under a setting of ``units``; empty where the column has none."""
        return {TEMPERATURE: TEMPERATURES[units], SPEED: SPEEDS[units]}.get(self.unit, self.unit)


@dataclass(frozen=True)
class View:
    """A view.

    Attributes:
        name: its name in the dataset.
        description: what one row is, and how it is computed, in sentences.
        tables: tables of which at least one must exist besides ``locations``.
        columns: its columns, in order.
        select: returns its SQL over the tables that exist.
        example: a query, as documentation shows it, of the dataset ``bronze``.
    """

    name: str
    description: str
    tables: tuple[str, ...]
    columns: tuple[ViewColumn, ...]
    select: Callable[[SourceTables], str]
    example: str

    def sql(self, tables: SourceTables) -> str | None:
        """Return the view's query; None if a table that it needs does not exist.

        Args:
            tables: the tables that exist.
        """
        if not tables.has(LOCATIONS) or not any(tables.has(table) for table in self.tables):
            return None
        return self.select(tables)

    def example_in(self, dataset: str) -> str:
        """Return the example as it reads in a dataset."""
        return self.example.replace(f"FROM {BRONZE}.", f"FROM {dataset}.")


def columns_of(table: str, *names: str) -> tuple[ViewColumn, ...]:
    """Return columns as the contract of a table describes them; the words about nulls are the table's and stay.

    Args:
        table: the table.
        names: the columns' names.
    """
    known = {column.name: column for column in TABLES[table].columns()}
    return tuple(_as_view_column(known[name]) for name in names)


def _as_view_column(column: Column) -> ViewColumn:
    unit, description = unit_of(column), column.description
    if unit in (TEMPERATURE, SPEED):
        description = description.partition("; ")[0]
    return ViewColumn(column.name, column.type, description, unit)

"""State of single tables: rows, locations, newest moment, units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import TABLES, Contract, LoadRun, Location
from dlt_sources.weather.contracts.base import AnswerRow
from dlt_sources.weather.destination.reader import DestinationReader

# rows from which on PostgreSQL's estimate is shown: counting 12 million takes 2.5 s, and reads them from the disk
LARGE = 1_000_000
# of the table or its partitions: the rows a page of the last analysis, times the pages of today, as the planner has it;
# one that was never analyzed has none
_ESTIMATE = (
    "SELECT coalesce(sum(reltuples / greatest(relpages, 1) * pg_relation_size(oid)"
    " / current_setting('block_size')::int) FILTER (WHERE reltuples > 0), 0) FROM pg_class WHERE relkind = 'r'"
    " AND (oid = '{table}'::regclass OR oid IN (SELECT relid FROM pg_partition_tree('{table}')))"
)
# rows whose units are read, before the newest load: those of years would have to be read whole
UNITS_OF = timedelta(days=30)
MOMENTS = ("dt", "start", "fetched_at", "rejected_at", "finished_at")


@dataclass(frozen=True)
class TableStatus:
    """State of one table.

    Attributes:
        table: its name.
        rows: number of rows.
        is_estimate: whether that is PostgreSQL's estimate, since counting takes seconds.
        locations: number of locations with a row; None for a table without ``location_id``.
        newest: newest moment (UTC) in the first column of ``MOMENTS`` that the table has; None if it is empty.
    """

    table: str
    rows: int
    locations: int | None
    newest: datetime | None
    is_estimate: bool = False

    @property
    def rows_text(self) -> str:
        """The number of rows, with a tilde before an estimate."""
        return f"{'~' if self.is_estimate else ''}{self.rows:,}"


class RowCount(NamedTuple):
    """Number of rows of a table, and whether that is PostgreSQL's estimate."""

    rows: int
    is_estimate: bool


def read_table_status(reader: DestinationReader, contract: type[Contract]) -> TableStatus | None:
    """Read the state of one table; None if it does not exist yet.

    Args:
        reader: reads the destination.
        contract: the table's contract.
    """
    counted = count_rows(reader, contract)
    if counted is None:
        return None
    names = contract.model_fields
    moment = next(name for name in MOMENTS if name in names)
    newest = reader.newest(contract, moment)
    return TableStatus(contract.table, counted.rows, _locations(reader, contract), newest, counted.is_estimate)


def count_rows(reader: DestinationReader, contract: type[Contract]) -> RowCount | None:
    """Return the number of rows of a table, estimated if it is large; None if it does not exist yet.

    Args:
        reader: reads the destination.
        contract: the table's contract.
    """
    estimate = estimated_rows(reader, contract)
    if estimate >= LARGE:
        return RowCount(estimate, is_estimate=True)
    rows = reader.rows("SELECT count(*) FROM {table}", table=contract.table)
    return RowCount(rows[0][0], is_estimate=False) if rows else None


def estimated_rows(reader: DestinationReader, contract: type[Contract]) -> int:
    """Return the number of rows by PostgreSQL's statistics, over all partitions; 0 where it has none.

    Args:
        reader: reads the destination.
        contract: the table's contract.
    """
    if not reader.is_postgres:
        return 0
    rows = reader.rows(_ESTIMATE, table=contract.table)
    return round(rows[0][0]) if rows else 0


def read_units(reader: DestinationReader) -> dict[str, list[str]]:
    """Return the units of the rows that the newest loads wrote, by table; several if settings changed meanwhile.

    Args:
        reader: reads the destination.
    """
    runs = reader.rows("SELECT max(finished_at) FROM {runs}", runs=LoadRun.table)
    newest = utc(runs[0][0]) if runs and runs[0][0] else None
    contracts = (contract for contract in TABLES.values() if issubclass(contract, AnswerRow))
    return {
        contract.table: _units(reader, contract.table, newest)
        for contract in contracts
        if "units" in contract.model_fields
    }


def _units(reader: DestinationReader, table: str, newest: datetime | None) -> list[str]:
    recent, *parameters = reader.recently_loaded(table, newest - UNITS_OF) if newest else ["1 = 1"]
    sql = f"SELECT DISTINCT units FROM {{table}} WHERE {recent} AND units IS NOT NULL ORDER BY units"
    return [units for (units,) in reader.rows(sql, *parameters, table=table)]


def _locations(reader: DestinationReader, contract: type[Contract]) -> int | None:
    if "location_id" not in contract.model_fields:
        return None
    sql = "SELECT count(DISTINCT location_id) FROM {table}"
    if contract.key[0] == "location_id":
        # a look-up per location in the key's index; counting distinct ones would sort the whole table
        any_row = "SELECT 1 FROM {table} t WHERE t.location_id = l.location_id"
        sql = f"SELECT count(*) FROM {{locations}} l WHERE EXISTS ({any_row})"
    rows = reader.rows(sql, table=contract.table, locations=Location.table)
    return rows[0][0] if rows else None

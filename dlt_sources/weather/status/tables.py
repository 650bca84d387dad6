"""State of single tables: rows, locations, newest moment, units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dlt_sources.weather.contracts import TABLES, Contract, Location
from dlt_sources.weather.contracts.base import AnswerRow
from dlt_sources.weather.destination.reader import DestinationReader

MOMENTS = ("dt", "start", "fetched_at", "rejected_at", "finished_at")


@dataclass(frozen=True)
class TableStatus:
    """State of one table.

    Attributes:
        table: its name.
        rows: number of rows.
        locations: number of locations with a row; None for a table without ``location_id``.
        newest: newest moment (UTC) in the first column of ``MOMENTS`` that the table has; None if it is empty.
    """

    table: str
    rows: int
    locations: int | None
    newest: datetime | None


def read_table_status(reader: DestinationReader, contract: type[Contract]) -> TableStatus | None:
    """Read the state of one table; None if it does not exist yet.

    Args:
        reader: reads the destination.
        contract: the table's contract.
    """
    rows = reader.rows("SELECT count(*) FROM {table}", table=contract.table)
    if not rows:
        return None
    names = contract.model_fields
    moment = next(name for name in MOMENTS if name in names)
    return TableStatus(contract.table, rows[0][0], _locations(reader, contract), reader.newest(contract, moment))


def read_units(reader: DestinationReader) -> dict[str, list[str]]:
    """Return the units of each table whose rows name theirs, several if settings changed; reads the tables whole.

    Args:
        reader: reads the destination.
    """
    sql = "SELECT DISTINCT units FROM {table} WHERE units IS NOT NULL ORDER BY units"
    contracts = (contract for contract in TABLES.values() if issubclass(contract, AnswerRow))
    return {
        contract.table: [units for (units,) in reader.rows(sql, table=contract.table)]
        for contract in contracts
        if "units" in contract.model_fields
    }


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

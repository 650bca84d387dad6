"""dlt items: Arrow tables addressed to a bronze table, with that table's key, columns and write disposition."""

from __future__ import annotations

from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TWriteDispositionConfig

from dlt_sources.weather.contracts import Contract

# dlt's default strategy, delete-insert, doubles rows when two writers share a dataset
UPSERT: TWriteDispositionConfig = {"disposition": "merge", "strategy": "upsert"}


def as_table(contract: type[Contract], table: pa.Table) -> Any:
    """Address an Arrow table to the contract's bronze table, whichever resource yields it.

    The columns are hinted here and not on the resource, since what a resource hints goes to all its tables.
    """
    hints = dlt.mark.make_hints(
        table_name=contract.table,
        write_disposition=UPSERT,
        primary_key=contract.key,
        columns=contract.hints(),
    )
    return dlt.mark.with_hints(table, hints, create_table_variant=True)


def to_table(contract: type[Contract], rows: list[dict[str, Any]]) -> Any:
    """Make an item of rows that this source wrote itself."""
    return as_table(contract, pa.Table.from_pylist(rows, schema=contract.arrow_schema()))

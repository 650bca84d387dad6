"""dlt items: Arrow tables with the name, key, columns and write disposition of their bronze table."""

from __future__ import annotations

from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.extract.exceptions import CurrentSourceSchemaNotAvailable

from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.destination.capabilities.load_options import active_load_options

# the API's field that a new column holds: in the metadata of Arrow's field, and as a hint of dlt's column
FIELD = b"field"
OWNER = "x-field"


def as_table(contract: type[Contract], table: pa.Table) -> Any:
    """Return a dlt item that loads an Arrow table into the contract's bronze table, from any resource.

    The hints are on the item and not on the resource, since a resource's hints apply to all of its tables. They say how
    the destination of the present pipeline takes the rows. The field
    that a new column holds is a hint too, which dlt keeps with the schema.
    """
    columns = _new_hints(contract)
    for field in table.schema:
        if field.metadata and FIELD in field.metadata:
            columns[field.name] = {"name": field.name, OWNER: field.metadata[FIELD].decode()}  # type: ignore[misc]
    hints = dlt.mark.make_hints(
        table_name=contract.table,
        primary_key=contract.key,
        columns=columns,
        references=contract.references(),
        **active_load_options().hints,
    )
    return dlt.mark.with_hints(table, hints, create_table_variant=True)


def to_table(contract: type[Contract], rows: list[dict[str, Any]]) -> Any:
    """Return a dlt item of rows that this source made: dicts with the contract's columns as keys."""
    return as_table(contract, pa.Table.from_pylist(rows, schema=contract.arrow_schema()))


def _new_hints(contract: type[Contract]) -> dict[str, TColumnSchema]:
    """Return the hints of a contract's columns without descriptions that the schema has already.

    dlt validates every hint of every item, and keeps what the schema has.
    """
    hints = contract.hints()
    try:
        table = dlt.current.source_schema().tables.get(contract.table)
    except CurrentSourceSchemaNotAvailable:
        return hints
    known = table["columns"] if table else {}
    return {
        name: hint
        for name, hint in hints.items()
        # Arrow says the type of all others; a column without a hint is as Arrow has it
        if "data_type" in hint or known.get(name, {}).get("description") != hint["description"]
    }

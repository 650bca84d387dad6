"""Columns that the API has added to a table, and rows that were fetched before another run gave one its type.

A run rejects what does not have the type with which a column first came (``rows.py``). What it cannot know is a type
that another run's package brings while its own waits to be loaded: a shard's does, and one that a dead run left. dlt
would take the later type for the column's, and PostgreSQL's binary COPY the bytes of a text for a number.
"""

from __future__ import annotations

import logging

import dlt
import pyarrow as pa
from dlt.common.normalizers.naming.snake_case import NamingConvention

from dlt_sources.weather.contracts import Contract

logger = logging.getLogger(__name__)
_naming = NamingConvention(max_length=63)  # PostgreSQL's limit for identifiers
_TYPES = {"double": pa.float64(), "bool": pa.bool_()}
_NAMES = {pa.float64(): "number", pa.bool_(): "bool"}


def column_name(text: str) -> str:
    """A column's name made of any text, as dlt would write it."""
    return _naming.normalize_identifier(text)


def columns_beyond(contract: type[Contract]) -> dict[str, pa.DataType]:
    """The table's columns that no contract names, from the schema that dlt has of the destination."""
    try:
        table = dlt.current.source_schema().tables.get(contract.table, {})
    except Exception:  # noqa: BLE001
        return {}
    return {
        name: _TYPES.get(str(column.get("data_type")), pa.string())
        for name, column in table.get("columns", {}).items()
        if name not in contract.model_fields and not name.startswith("_dlt")
    }


def beside_columns_of_another_type(contract: type[Contract], table: pa.Table) -> pa.Table:
    """Name columns anew that the destination has with another type by now, so that no value is lost or mistaken.

    The rows are counted as loaded already, and their answers gone: too late to reject them.
    """
    types = columns_beyond(contract)
    names = []
    for field in table.schema:
        name = field.name
        if types.get(name, field.type) != field.type:
            name = column_name(f"{name}_as_{_NAMES.get(field.type, 'text')}")
            logger.warning(
                "%s.%s came as another type in another run; %s keeps what this one has",
                contract.table,
                field.name,
                name,
            )
        names.append(name)
    return table.rename_columns(names)

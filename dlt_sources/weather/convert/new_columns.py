"""Columns that the API has added to a table, and type conflicts between the runs that first load them.

A run keeps values of another type than the column's in ``other_fields`` (``unknown_fields.py``). It cannot know a type
that another run's package brings while its own package waits to be loaded: another shard's, or one left by a killed
run. dlt would take the later type as the column's, and PostgreSQL's binary COPY would read the bytes of a text as a
number.
"""

from __future__ import annotations

import logging
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.normalizers.naming.snake_case import NamingConvention

from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.convert.items import OWNER

logger = logging.getLogger(__name__)
_naming = NamingConvention(max_length=63)  # PostgreSQL's limit for identifiers
_TYPES = {"double": pa.float64(), "bool": pa.bool_()}
_NAMES = {pa.float64(): "number", pa.bool_(): "bool"}


def column_name(text: str) -> str:
    """Return a column name made from any text, as dlt normalizes it."""
    return _naming.normalize_identifier(text)


def columns_beyond(contract: type[Contract]) -> dict[str, pa.DataType]:
    """Return the types of the table's columns beyond the contract, by name, from dlt's schema of the destination."""
    return {
        name: _TYPES.get(str(column.get("data_type")), pa.string())
        for name, column in _columns(contract.table).items()
        if name not in contract.model_fields and not name.startswith("_dlt")
    }


def fields_beyond(contract: type[Contract]) -> dict[str, str]:
    """Return the dotted paths of the API's fields that those columns hold, by name, as far as the schema has them."""
    return {name: column[OWNER] for name, column in _columns(contract.table).items() if OWNER in column}


def _columns(table: str) -> dict[str, Any]:
    try:
        return dict(dlt.current.source_schema().tables.get(table, {}).get("columns", {}))
    except Exception:  # noqa: BLE001
        return {}


def rename_conflicting_columns(contract: type[Contract], table: pa.Table) -> pa.Table:
    """Return the table with columns renamed that have another type in the destination by now.

    So no value is lost or misread. The rows cannot be rejected any more: they are counted as loaded, and their answers
    are gone.
    """
    types = columns_beyond(contract)
    names = []
    for field in table.schema:
        name = field.name
        if types.get(name, field.type) != field.type:
            name = column_name(f"{name}_as_{_NAMES.get(field.type, 'text')}")
            logger.warning(
                "%s.%s has another type since another run; the values of this run go to %s",
                contract.table,
                field.name,
                name,
            )
        names.append(name)
    return table.rename_columns(names)

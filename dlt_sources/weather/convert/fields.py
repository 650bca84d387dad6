"""Arrow arrays for the known fields of a batch."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt_sources.weather.contracts.base import EARLIEST, EARLIEST_VALUE, LATEST, TIMESTAMP, Column
from dlt_sources.weather.convert.invalid_rows import ContractViolationError


def known_field(leaf: pa.Array | None, column: Column, length: int) -> pa.Array:
    """Return one known field as its column, cast as strictly as pydantic does.

    Args:
        leaf: the values as Arrow has inferred them; None if no record has the field.
        column: the column.
        length: number of records.

    Raises:
        ContractViolationError: a value is missing, of the wrong type or out of range.
    """
    if not column.path or leaf is None or pa.types.is_null(leaf.type):
        if column.required and length:
            raise ContractViolationError(".".join(column.path), "missing")
        return pa.nulls(length, column.type)
    name = ".".join(column.path)
    if column.required and leaf.null_count:
        raise ContractViolationError(name, "missing")
    number = pa.types.is_integer(leaf.type) or pa.types.is_floating(leaf.type)
    if not (number if column.type in (pa.float64(), pa.int64(), TIMESTAMP) else leaf.type == column.type):
        raise ContractViolationError(name, f"expected {column.type}, got {leaf.type}")
    try:
        if column.type == TIMESTAMP:
            return _timestamps(_with_nulls(leaf.cast(pa.int64()), column), name)
        cast = leaf.cast(column.type, safe=column.type != pa.float64())
    except pa.ArrowInvalid as error:
        raise ContractViolationError(name, str(error)) from None
    if column.type == pa.float64() and not pc.all(pc.is_finite(cast)).as_py() and cast.null_count < len(cast):
        raise ContractViolationError(name, "not a finite number")
    return _with_nulls(cast, column)


def _timestamps(seconds: pa.Array, name: str) -> pa.Array:
    extremes = pc.min_max(seconds).as_py()
    if extremes["min"] is not None and not (
        EARLIEST_VALUE.timestamp() <= extremes["min"] and extremes["max"] < LATEST.timestamp()
    ):
        raise ContractViolationError(name, f"Unix time outside {EARLIEST:%Y} to {LATEST:%Y}")
    return seconds.cast(pa.timestamp("s", tz="UTC")).cast(TIMESTAMP)


def _with_nulls(array: pa.Array, column: Column) -> pa.Array:
    """Return the array with the value by which the API says "unknown" as null."""
    if column.null_when is None:
        return array
    unknown = {
        "zero": lambda: pc.equal(array, 0),
        "negative": lambda: pc.less(array, 0),
        "empty": lambda: pc.equal(array, ""),
    }[column.null_when]()
    return pc.if_else(unknown, pa.scalar(None, array.type), array)


def value_at(record: dict[str, Any], path: tuple[str, ...]) -> object:
    """Return the value at a path of a record; None if there is none."""
    value: object = record
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value

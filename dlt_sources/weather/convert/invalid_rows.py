"""Rows that break their contract: finding the invalid field and describing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from dlt_sources.weather.contracts.base import Column, Contract


class ContractViolationError(Exception):
    """A record of a batch breaks the contract.

    Args:
        field: dotted path of the invalid field; "" if it is not known.
        message: description of the violation.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class InvalidRow:
    """Record that breaks its contract.

    Attributes:
        position: index of the record in the batch.
        field: dotted path of the invalid field; "" if it is not known.
        message: description of the violation.
    """

    position: int
    field: str
    message: str


def explain(contract: type[Contract], record: dict[str, Any]) -> ContractViolationError | None:
    """Return the first violation of one record, with field and value; None if the record keeps the contract."""
    try:
        prepared = contract.prepare(record)
    except TypeError:
        return ContractViolationError("", "the record is nested too deeply")
    values: dict[str, object] = {}
    for column in contract.columns():
        if not column.path:
            continue
        value: object = prepared
        for depth, step in enumerate(column.path):
            if value is None:
                break
            if not isinstance(value, dict):
                name = ".".join(column.path[:depth])
                return ContractViolationError(name, f"{name}: expected an object, got {_short(value)}")
            value = value.get(step)
        if value is None and column.required:
            return ContractViolationError(".".join(column.path), f"{'.'.join(column.path)}: missing")
        counts = int | float if column.type == pa.int64() else int
        if isinstance(value, counts) and not -(2**63) <= value < 2**63:
            name = ".".join(column.path)
            return ContractViolationError(name, f"{name}: {value} is beyond 64 bits")
        values[column.name] = None if means_null(value, column) else value
    try:
        contract.model_validate({c.name: None for c in contract.columns() if not c.path} | values)
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else ""
            invalid = next((c for c in contract.columns() if c.name == name and c.path), None)
            if invalid is None or values.get(name) is None:
                continue  # columns that this source adds, and nulls that mean unknown
            path = ".".join(invalid.path)
            return ContractViolationError(path, f"{path}: {problem['msg']}, got {_short(values[name])}")
    return None


def means_null(value: object, column: Column) -> bool:
    """Return whether a value is the one by which the API says "unknown" in a column."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (
        (column.null_when == "zero" and number and value == 0)
        or (column.null_when == "negative" and number and value < 0)  # type: ignore[operator]
        or (column.null_when == "empty" and value == "")
    )


def _short(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        return "a value nested too deeply"
    return text if len(text) <= 100 else f"{text[:97]}..."

"""From JSON records to Arrow: by column for the many that keep the contract, one by one for the few that do not.

Answers are converted a batch at a time, because that is an order of magnitude faster than validating row by row. A
batch that does not fit its contract is split in halves until the guilty records stand alone; pydantic then says which
field is wrong, and why.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from dlt_sources.weather.contracts.base import EARLIEST, LATEST, TIMESTAMP, Column, Contract
from dlt_sources.weather.convert.new_columns import column_name

# a guard against an answer that would turn the table into thousands of columns
MOST_NEW_COLUMNS = 100
# deeper than anything the API sends; what lies below is kept as JSON
DEEPEST = 5


class DoesNotFitError(Exception):
    """Some record of a batch breaks the contract at ``field``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class InvalidRow:
    """A record that breaks its contract: its position in the batch, the field, and what is wrong with it."""

    position: int
    field: str
    message: str


@dataclass
class Converter:
    """Turns records of one table into Arrow and remembers the columns that the API has added.

    Args:
        contract: the table's contract.
        new_columns: columns beyond the contract that the table already has, by name.
    """

    contract: type[Contract]
    new_columns: dict[str, pa.DataType] = field(default_factory=dict)

    def convert(
        self, records: Sequence[dict[str, Any]], ours: Mapping[str, Sequence[object]]
    ) -> tuple[pa.Table, list[InvalidRow]]:
        """Convert records and set ``ours``, the columns that this source adds, beside them.

        Returns:
            A table with the contract's columns, then whatever columns the API has added; and the records left out.
        """
        invalid_rows: list[InvalidRow] = []
        pieces = list(self._pieces(records, 0, invalid_rows))
        kept = [position for start, piece in pieces for position in range(start, start + piece.num_rows)]
        table = pa.concat_tables([piece for _, piece in pieces], promote_options="default")
        for name, values in ours.items():
            index = table.schema.get_field_index(name)
            type_ = self.contract.arrow_schema().field(name).type
            array = pa.array(values if len(kept) == len(values) else [values[i] for i in kept], type_)
            table = table.set_column(index, self.contract.arrow_schema().field(name), array)
        return table, invalid_rows

    def _pieces(
        self, records: Sequence[dict[str, Any]], start: int, invalid_rows: list[InvalidRow]
    ) -> Iterator[tuple[int, pa.Table]]:
        try:
            yield start, self._columnar(records)
        except DoesNotFitError as invalid_row:
            if len(records) == 1:
                explained = explain(self.contract, records[0]) or invalid_row
                invalid_rows.append(InvalidRow(start, explained.field, explained.message))
                yield start, self.contract.arrow_schema().empty_table()
            else:
                middle = len(records) // 2
                yield from self._pieces(records[:middle], start, invalid_rows)
                yield from self._pieces(records[middle:], start + middle, invalid_rows)

    def _columnar(self, records: Sequence[dict[str, Any]]) -> pa.Table:
        prepared = []
        try:
            prepared = [self.contract.prepare(record) for record in records]
            text = orjson.dumps(prepared)
            # an empty struct type is what Arrow makes of records without any field
            structs = pa.array(prepared) if prepared else pa.array([], pa.struct([]))
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            # orjson and Arrow refuse what nests too deeply, numbers beyond 64 bits, and values of mixed types
            if len(prepared) == 1 and (plainer := _lists_as_text(prepared[0], self.contract)) != prepared[0]:
                return self._columnar([plainer])
            raise DoesNotFitError("", str(error)) from None
        leaves = dict(_leaves(structs, (), self.contract))
        if b"true" in text or b"false" in text:
            _refuse_bools_among_floats(leaves, prepared)
        arrays = [_known(leaves.pop(column.path, None), column, len(records)) for column in self.contract.columns()]
        table = pa.Table.from_arrays(arrays, schema=self.contract.arrow_schema())
        found: dict[str, pa.DataType] = {}
        for path, leaf in leaves.items():
            if ".".join(path) in self.contract.ignored or pa.types.is_null(leaf.type):
                continue
            array = _unknown(leaf, path, prepared)
            name = self._name(path, found)
            agreed = self.new_columns.get(name, array.type)
            if agreed != array.type:
                raise DoesNotFitError(".".join(path), f"{name} is {agreed} since it first came, now {array.type}")
            found[name] = array.type
            table = table.append_column(name, array)
        if len(self.new_columns.keys() | found.keys()) > MOST_NEW_COLUMNS:
            raise DoesNotFitError("", f"more than {MOST_NEW_COLUMNS} fields that the API reference does not name")
        self.new_columns.update(found)
        return table

    def _name(self, path: tuple[str, ...], others: Mapping[str, object]) -> str:
        """A readable column name: ``snow.3h`` becomes ``snow_3h``; one that is taken gets a suffix of its own."""
        joined = "_".join(path)
        name = column_name(joined) if joined.strip() else "unnamed"
        taken = name in self.contract.model_fields or name in others or name.startswith("_dlt")
        return f"{name[:54]}_{zlib.crc32('.'.join(path).encode()):08x}" if taken else name


def explain(contract: type[Contract], record: dict[str, Any]) -> DoesNotFitError | None:
    """Say what pydantic finds wrong with one record: the first field at fault and its value.

    Returns:
        None where pydantic finds nothing.
    """
    try:
        prepared = contract.prepare(record)
    except TypeError:
        return DoesNotFitError("", "it is nested too deeply")
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
                return DoesNotFitError(name, f"{name}: expected an object, got {_short(value)}")
            value = value.get(step)
        if value is None and column.required:
            return DoesNotFitError(".".join(column.path), f"{'.'.join(column.path)}: missing")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            name = ".".join(column.path)
            return DoesNotFitError(name, f"{name}: {value} is beyond 64 bits")
        values[column.name] = None if _stands_for_null(value, column) else value
    try:
        contract.model_validate({c.name: None for c in contract.columns() if not c.path} | values)
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else ""
            at_fault = next((c for c in contract.columns() if c.name == name and c.path), None)
            if at_fault is None or values.get(name) is None:
                continue  # our own columns, and nulls that stand for unknown
            path = ".".join(at_fault.path)
            return DoesNotFitError(path, f"{path}: {problem['msg']}, got {_short(values[name])}")
    return None


def _leaves(
    array: pa.Array, path: tuple[str, ...], contract: type[Contract]
) -> Iterator[tuple[tuple[str, ...], pa.Array]]:
    """Flatten nested structs to (path, values) pairs; what is too deep stays a struct."""
    for name, child in zip(array.type.names, array.flatten(), strict=True):
        here = (*path, name)
        if pa.types.is_struct(child.type) and len(here) < DEEPEST and here not in contract.paths():
            yield from _leaves(child, here, contract)
        elif here in contract.parents() and not pa.types.is_null(child.type):
            raise DoesNotFitError(".".join(here), f"{'.'.join(here)}: expected an object")
        else:
            yield here, child


def _refuse_bools_among_floats(leaves: Mapping[tuple[str, ...], pa.Array], records: Sequence[dict[str, Any]]) -> None:
    """Arrow takes ``true`` beside ``1.5`` for 1.0; this source does not."""
    for path, leaf in leaves.items():
        if pa.types.is_floating(leaf.type) and any(isinstance(_at(record, path), bool) for record in records):
            raise DoesNotFitError(".".join(path), "true or false among numbers")


def _known(leaf: pa.Array | None, column: Column, length: int) -> pa.Array:
    """Cast one known field to its column, as strictly as pydantic does."""
    if not column.path or leaf is None or pa.types.is_null(leaf.type):
        if column.required and length:
            raise DoesNotFitError(".".join(column.path), "missing")
        return pa.nulls(length, column.type)
    name = ".".join(column.path)
    if column.required and leaf.null_count:
        raise DoesNotFitError(name, "missing")
    number = pa.types.is_integer(leaf.type) or pa.types.is_floating(leaf.type)
    if not (number if column.type in (pa.float64(), pa.int64(), TIMESTAMP) else leaf.type == column.type):
        raise DoesNotFitError(name, f"expected {column.type}, got {leaf.type}")
    try:
        if column.type == TIMESTAMP:
            return _moments(_nulled(leaf.cast(pa.int64()), column), name)
        cast = leaf.cast(column.type, safe=column.type != pa.float64())
    except pa.ArrowInvalid as error:
        raise DoesNotFitError(name, str(error)) from None
    if column.type == pa.float64() and not pc.all(pc.is_finite(cast)).as_py() and cast.null_count < len(cast):
        raise DoesNotFitError(name, "not a finite number")
    return _nulled(cast, column)


def _moments(seconds: pa.Array, name: str) -> pa.Array:
    extremes = pc.min_max(seconds).as_py()
    if extremes["min"] is not None and not (
        EARLIEST.timestamp() <= extremes["min"] and extremes["max"] < LATEST.timestamp()
    ):
        raise DoesNotFitError(name, "no time of weather")
    return seconds.cast(pa.timestamp("s", tz="UTC")).cast(TIMESTAMP)


def _nulled(array: pa.Array, column: Column) -> pa.Array:
    """Turn the value by which the API says "unknown" into null."""
    if column.null_when is None:
        return array
    unknown = {
        "zero": lambda: pc.equal(array, 0),
        "negative": lambda: pc.less(array, 0),
        "empty": lambda: pc.equal(array, ""),
    }[column.null_when]()
    return pc.if_else(unknown, pa.scalar(None, array.type), array)


def _stands_for_null(value: object, column: Column) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (
        (column.null_when == "zero" and number and value == 0)
        or (column.null_when == "negative" and number and value < 0)  # type: ignore[operator]
        or (column.null_when == "empty" and value == "")
    )


def _unknown(leaf: pa.Array, path: tuple[str, ...], records: Sequence[dict[str, Any]]) -> pa.Array:
    """Bring a field that no contract names into one of three types, so that it cannot flip between runs."""
    if pa.types.is_integer(leaf.type) or pa.types.is_floating(leaf.type):
        return leaf.cast(pa.float64(), safe=False)
    if pa.types.is_boolean(leaf.type) or pa.types.is_string(leaf.type):
        return leaf
    return pa.array([_as_json(record, path) for record in records], pa.string())


def _as_json(record: dict[str, Any], path: tuple[str, ...]) -> str | None:
    value = _at(record, path)
    return None if value is None else orjson.dumps(value).decode()


def _lists_as_text(value: Any, contract: type[Contract], path: tuple[str, ...] = ()) -> Any:
    """Write lists that no contract names as JSON: Arrow cannot type a list of mixed values."""
    if isinstance(value, dict) and len(path) < DEEPEST:
        return {name: _lists_as_text(inner, contract, (*path, name)) for name, inner in value.items()}
    if isinstance(value, list) and path not in contract.paths() | contract.parents():
        try:
            return orjson.dumps(value).decode()
        except TypeError as error:
            raise DoesNotFitError(".".join(path), str(error)) from None
    return value


def _at(record: dict[str, Any], path: tuple[str, ...]) -> object:
    value: object = record
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _short(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= 100 else f"{text[:97]}..."

"""Conversion of JSON records to Arrow: by column for a whole batch, record by record only for invalid ones.

Converting a batch by column is an order of magnitude faster than validating row by row. A batch that breaks its
contract is split in halves until each invalid record stands alone; pydantic then names the invalid field and the
reason.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from dlt_sources.weather.contracts.base import Contract
from dlt_sources.weather.convert.fields import MAX_DEPTH, known_field, simplified, unknown_field, value_at
from dlt_sources.weather.convert.invalid_rows import ContractViolationError, InvalidRow, explain
from dlt_sources.weather.convert.new_columns import column_name

# limit against an answer that would turn the table into thousands of columns
MOST_NEW_COLUMNS = 100


@dataclass
class Converter:
    """Converter of one table's records, which remembers the columns that the API has added.

    Args:
        contract: contract of the table.
        new_columns: types of the columns beyond the contract that the table already has, by name.
    """

    contract: type[Contract]
    new_columns: dict[str, pa.DataType] = field(default_factory=dict)

    def convert(
        self, records: Sequence[dict[str, Any]], added: Mapping[str, Sequence[object]]
    ) -> tuple[pa.Table, list[InvalidRow]]:
        """Convert a batch of records; new columns are added to ``new_columns``.

        The schema of the returned table is ``contract.arrow_schema()``: measures are float64, whole numbers int64,
        times ``timestamp[us, tz=UTC]``, the rest string, with the key first and not nullable. Columns that the API has
        added follow, nullable, each float64, bool or string (JSON text for objects and lists).

        Args:
            records: the records as the API sent them, in any nesting.
            added: values of the columns that this source adds, one per record, by column name.

        Returns:
            The table, with one row per valid record in the order of the records; and the invalid records.
        """
        invalid_rows: list[InvalidRow] = []
        pieces = list(self._pieces(records, 0, invalid_rows))
        kept = [position for start, piece in pieces for position in range(start, start + piece.num_rows)]
        table = pa.concat_tables([piece for _, piece in pieces], promote_options="default")
        for name, values in added.items():
            column = self.contract.arrow_schema().field(name)
            array = pa.array(values if len(kept) == len(values) else [values[i] for i in kept], column.type)
            table = table.set_column(table.schema.get_field_index(name), column, array)
        return table, invalid_rows

    def _pieces(
        self, records: Sequence[dict[str, Any]], start: int, invalid_rows: list[InvalidRow]
    ) -> Iterator[tuple[int, pa.Table]]:
        """Yield tables of valid records with the position of their first record; collect the invalid ones."""
        try:
            yield start, self._converted(records)
        except ContractViolationError as violation:
            if len(records) == 1:
                explained = explain(self.contract, records[0]) or violation
                invalid_rows.append(InvalidRow(start, explained.field, explained.message))
                yield start, self.contract.arrow_schema().empty_table()
            else:
                middle = len(records) // 2
                yield from self._pieces(records[:middle], start, invalid_rows)
                yield from self._pieces(records[middle:], start + middle, invalid_rows)

    def _converted(self, records: Sequence[dict[str, Any]], *, are_simplified: bool = False) -> pa.Table:
        """Return all records as one table.

        Args:
            records: the records as the API sent them.
            are_simplified: whether ``simplified`` has been applied, as it is to a single record that Arrow refuses.

        Raises:
            ContractViolationError: at least one record is invalid.
        """
        prepared = []
        try:
            prepared = [self.contract.prepare(record) for record in records]
            text = orjson.dumps(prepared)
            # records without any field are an empty struct type to Arrow
            structs = pa.array(prepared) if prepared else pa.array([], pa.struct([]))
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            # orjson and Arrow refuse deep nesting, numbers beyond 64 bits, and values of mixed types
            if len(prepared) == 1 and not are_simplified:
                return self._converted([simplified(prepared[0], self.contract)], are_simplified=True)
            raise ContractViolationError("", str(error)) from None
        leaves = dict(_leaves(structs, (), self.contract))
        if b"true" in text or b"false" in text:
            _refuse_bools_among_floats(leaves, prepared)
        arrays = [
            known_field(leaves.pop(column.path, None), column, len(records)) for column in self.contract.columns()
        ]
        table = pa.Table.from_arrays(arrays, schema=self.contract.arrow_schema())
        return self._with_new_columns(table, leaves, prepared)

    def _with_new_columns(
        self, table: pa.Table, leaves: Mapping[tuple[str, ...], pa.Array], records: Sequence[dict[str, Any]]
    ) -> pa.Table:
        """Append the fields that no contract names, each with the type that its column has had so far."""
        types: dict[str, pa.DataType] = {}
        for path, leaf in leaves.items():
            if ".".join(path) in self.contract.ignored or pa.types.is_null(leaf.type):
                continue
            array = unknown_field(leaf, path, records)
            name = self._column_name(path, types)
            expected = self.new_columns.get(name, array.type)
            if expected != array.type:
                raise ContractViolationError(".".join(path), f"{name} was {expected} so far, now it is {array.type}")
            types[name] = array.type
            table = table.append_column(name, array)
        if len(self.new_columns.keys() | types.keys()) > MOST_NEW_COLUMNS:
            raise ContractViolationError(
                "", f"more than {MOST_NEW_COLUMNS} fields that the API reference does not name"
            )
        self.new_columns.update(types)
        return table

    def _column_name(self, path: tuple[str, ...], taken: Mapping[str, object]) -> str:
        """Return a readable column name: ``snow.3h`` becomes ``snow_3h``; a name in use gets a checksum as suffix."""
        joined = "_".join(path)
        name = column_name(joined) if joined.strip() else "unnamed"
        in_use = name in self.contract.model_fields or name in taken or name.startswith("_dlt")
        return f"{name[:54]}_{zlib.crc32('.'.join(path).encode()):08x}" if in_use else name


def _leaves(
    array: pa.Array, parent: tuple[str, ...], contract: type[Contract]
) -> Iterator[tuple[tuple[str, ...], pa.Array]]:
    """Yield the path and the values of each field of nested structs; below ``MAX_DEPTH`` they stay structs."""
    for name, child in zip(array.type.names, array.flatten(), strict=True):
        path = (*parent, name)
        if pa.types.is_struct(child.type) and len(path) < MAX_DEPTH and path not in contract.paths():
            yield from _leaves(child, path, contract)
        elif path in contract.parents() and not pa.types.is_null(child.type):
            raise ContractViolationError(".".join(path), f"{'.'.join(path)}: expected an object")
        else:
            yield path, child


def _refuse_bools_among_floats(leaves: Mapping[tuple[str, ...], pa.Array], records: Sequence[dict[str, Any]]) -> None:
    """Raise on bools among numbers: Arrow reads ``true`` next to ``1.5`` as 1.0."""
    for path, leaf in leaves.items():
        if pa.types.is_floating(leaf.type) and any(isinstance(value_at(record, path), bool) for record in records):
            raise ContractViolationError(".".join(path), "true or false among numbers")

"""Conversion of JSON records to Arrow: by column for a whole batch, record by record only for invalid ones.

Converting a batch by column is an order of magnitude faster than validating row by row. A batch that breaks its
contract is split in halves until each invalid record stands alone; pydantic then names the invalid field and the
reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from dlt_sources.weather.contracts.base import OTHER_FIELDS, Contract, as_json
from dlt_sources.weather.convert.fields import known_field, value_at
from dlt_sources.weather.convert.invalid_rows import ContractViolationError, InvalidRow, explain
from dlt_sources.weather.convert.items import FIELD
from dlt_sources.weather.convert.unknown_fields import (
    MAX_DEPTH,
    by_path,
    column_type,
    distinct_name,
    insert,
    known_part,
    plain_name,
    stored,
)

# limit against an answer that would turn the table into thousands of columns
MOST_NEW_COLUMNS = 100
_REFUSED = (pa.ArrowException, OverflowError, TypeError, ValueError)


@dataclass
class Converter:
    """Converter of one table's records, which remembers the columns that the API has added.

    Args:
        contract: contract of the table.
        new_columns: types of the columns beyond the contract that the table already has, by name.
        owners: dotted paths of the fields that those columns hold, by name, as far as they are known.

    Attributes:
        other_fields: dotted paths of the fields with a value in ``other_fields``.
    """

    contract: type[Contract]
    new_columns: dict[str, pa.DataType] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    other_fields: set[str] = field(default_factory=set)

    def convert(
        self, records: Sequence[dict[str, Any]], added: Mapping[str, Sequence[object] | pa.Array]
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
        kept: list[int] | None = None
        if invalid_rows:
            kept = [position for start, piece in pieces for position in range(start, start + piece.num_rows)]
        table = pa.concat_tables([piece for _, piece in pieces], promote_options="default")
        return self._with_added(table, added, kept), invalid_rows

    def convert_leaves(
        self, leaves: dict[tuple[str, ...], pa.Array], length: int, added: Mapping[str, Sequence[object] | pa.Array]
    ) -> pa.Table | None:
        """Convert records whose values are columns already; None if their conversion record by record is needed.

        Args:
            leaves: the values of each field, by path, as Arrow infers them.
            length: number of records.
            added: see ``convert``.
        """
        try:
            table, has_unknown = self._known_fields(leaves, length)
        except ContractViolationError:
            return None
        return None if has_unknown else self._with_added(table, added)

    def _with_added(
        self, table: pa.Table, added: Mapping[str, Sequence[object] | pa.Array], kept: list[int] | None = None
    ) -> pa.Table:
        for name, values in added.items():
            column = self.contract.arrow_schema().field(name)
            array = values if isinstance(values, pa.Array) else pa.array(values, column.type)
            array = array if kept is None else array.take(pa.array(kept, pa.int64()))
            table = table.set_column(table.schema.get_field_index(name), column, array)
        return table

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

    def _converted(self, records: Sequence[dict[str, Any]]) -> pa.Table:
        """Return all records as one table.

        Raises:
            ContractViolationError: at least one record is invalid.
        """
        try:
            prepared = [self.contract.prepare(record) for record in records]
        except TypeError as error:
            raise ContractViolationError("", str(error)) from None
        try:
            leaves, has_unknown = self._arrays(prepared), False
        except _REFUSED:
            # an unknown field may be to blame: of mixed types, nested deeply, or a number beyond 64 bits
            try:
                leaves, has_unknown = self._arrays([known_part(record, self.contract) for record in prepared]), True
            except _REFUSED as error:
                raise ContractViolationError("", str(error)) from None
        table, has_others = self._known_fields(leaves, len(records))
        return self._with_unknown_fields(table, prepared) if has_unknown or has_others else table

    def _known_fields(self, leaves: dict[tuple[str, ...], pa.Array], length: int) -> tuple[pa.Table, bool]:
        """Return the contract's columns, taken out of ``leaves``, and whether unknown fields with values are left.

        Raises:
            ContractViolationError: a value is missing, of the wrong type or out of range.
        """
        arrays = [known_field(leaves.pop(column.path, None), column, length) for column in self.contract.columns()]
        has_unknown = any(
            not pa.types.is_null(leaf.type) and ".".join(path) not in self.contract.ignored
            for path, leaf in leaves.items()
        )
        return pa.Table.from_arrays(arrays, schema=self.contract.arrow_schema()), has_unknown

    def _arrays(self, prepared: Sequence[dict[str, Any]]) -> dict[tuple[str, ...], pa.Array]:
        """Return the values of each field, by path, as Arrow infers them.

        Raises:
            ContractViolationError: a known field is of a type that is none of the column's.
            pa.ArrowException, OverflowError, TypeError, ValueError: orjson or Arrow refuse the records.
        """
        text = orjson.dumps(prepared)
        # records without any field are an empty struct type to Arrow
        structs = pa.array(prepared) if prepared else pa.array([], pa.struct([]))
        leaves = dict(leaves_of(structs, (), self.contract))
        if b"true" in text or b"false" in text:
            _refuse_bools_among_floats({path: leaves[path] for path in leaves.keys() & self.contract.paths()}, prepared)
        return leaves

    def _with_unknown_fields(self, table: pa.Table, records: Sequence[dict[str, Any]]) -> pa.Table:
        """Append the fields that no contract names, and fill ``other_fields`` with the values that fit no column."""
        others: dict[int, dict[str, Any]] = {}
        for path, values in by_path(records, self.contract).items():
            name, column = self._column_for(path, values)
            fitting = {
                position: stored(value) for position, value in values.items() if column and column_type(value) == column
            }
            if fitting:
                self.new_columns[name] = column
                self.owners.setdefault(name, ".".join(path))
                field = pa.field(name, column, metadata={FIELD: ".".join(path)})
                table = table.append_column(field, pa.array(map(fitting.get, range(len(records))), column))
            for position in values.keys() - fitting.keys():
                insert(values[position], path, others.setdefault(position, {}))
                self.other_fields.add(".".join(path))
        if others:
            column = table.schema.field(OTHER_FIELDS)
            texts = [as_json(others[position]) if position in others else None for position in range(len(records))]
            table = table.set_column(table.schema.names.index(OTHER_FIELDS), column, pa.array(texts, column.type))
        return table

    def _column_for(self, path: tuple[str, ...], values: Mapping[int, Any]) -> tuple[str, pa.DataType | None]:
        """Return name and type of an unknown field's column; no type if the field has none and can have none."""
        name = plain_name(path)
        if (
            name is None
            or name in self.contract.model_fields
            or self.owners.get(name, ".".join(path)) != ".".join(path)
        ):
            name = distinct_name(path)
        if name in self.new_columns or len(self.new_columns) >= MOST_NEW_COLUMNS:
            return name, self.new_columns.get(name)
        return name, next((found for value in values.values() if (found := column_type(value))), None)


def leaves_of(
    array: pa.Array, parent: tuple[str, ...], contract: type[Contract]
) -> Iterator[tuple[tuple[str, ...], pa.Array]]:
    """Yield the path and the values of each field of nested structs; below ``MAX_DEPTH`` they stay structs."""
    for name, child in zip(array.type.names, array.flatten(), strict=True):
        path = (*parent, name)
        if pa.types.is_struct(child.type) and len(path) < MAX_DEPTH and path not in contract.paths():
            yield from leaves_of(child, path, contract)
        elif path in contract.parents() and not pa.types.is_null(child.type):
            raise ContractViolationError(".".join(path), f"{'.'.join(path)}: expected an object")
        else:
            yield path, child


def _refuse_bools_among_floats(leaves: Mapping[tuple[str, ...], pa.Array], records: Sequence[dict[str, Any]]) -> None:
    """Raise on bools among numbers: Arrow reads ``true`` next to ``1.5`` as 1.0."""
    for path, leaf in leaves.items():
        if pa.types.is_floating(leaf.type) and any(isinstance(value_at(record, path), bool) for record in records):
            raise ContractViolationError(".".join(path), "true or false among numbers")

"""Fields that no contract names: each has a column, and a value that does not fit it stands in ``other_fields``.

An unknown field never costs a row. Its column is a double, a bool or a text, by the first value; the column keeps that
type for good. Objects are taken apart, lists become JSON text.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from dlt_sources.weather.contracts.base import Contract, as_json
from dlt_sources.weather.convert.new_columns import column_name

# deeper than anything the API sends; objects below are kept as JSON
MAX_DEPTH = 5
Path = tuple[str, ...]


def unknown_leaves(record: dict[str, Any], contract: type[Contract], parent: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of each field of a record that the contract neither names nor ignores; nulls are left out.

    Args:
        record: the record, as ``contract.prepare`` returns it, or an object inside it.
        contract: contract of the record.
        parent: path of the object in the record.
    """
    for name, value in record.items():
        path = (*parent, name)
        if value is None or path in contract.paths() or ".".join(path) in contract.ignored:
            continue
        if isinstance(value, dict) and len(path) < MAX_DEPTH:
            yield from unknown_leaves(value, contract, path)
        elif path not in contract.parents():
            yield path, value


def known_part(record: dict[str, Any], contract: type[Contract], parent: Path = ()) -> dict[str, Any]:
    """Return a record without the fields that the contract does not name.

    Args:
        record: the record, as ``contract.prepare`` returns it, or an object inside it.
        contract: contract of the record.
        parent: path of the object in the record.
    """
    known = {}
    for name, value in record.items():
        path = (*parent, name)
        if path in contract.paths():
            known[name] = value
        elif path in contract.parents():
            known[name] = known_part(value, contract, path) if isinstance(value, dict) else value
    return known


def by_path(records: Sequence[dict[str, Any]], contract: type[Contract]) -> dict[Path, dict[int, Any]]:
    """Return the unknown fields of a batch, in an order that does not depend on the records': values by position."""
    found: dict[Path, dict[int, Any]] = {}
    for position, record in enumerate(records):
        for path, value in unknown_leaves(record, contract):
            found.setdefault(path, {})[position] = value
    return {path: found[path] for path in sorted(found, key=lambda path: (len(path), path))}


def column_type(value: Any) -> pa.DataType | None:
    """Return the type of the column that a value fits; None for a whole number that a double would change."""
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.float64() if int(float(value)) == value else None
    return pa.float64() if isinstance(value, float) else pa.string()


def stored(value: Any) -> Any:
    """Return a value as its column holds it."""
    if isinstance(value, dict | list):
        return as_json(value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def plain_name(path: Path) -> str | None:
    """Return a field's column name, if it is the path as it stands: ``snow.3h`` becomes ``snow_3h``.

    A name that must be changed for the database (``newField``) has a checksum (``distinct_name``), always: it might
    otherwise become the name of another field (``new_field``), and which one, the order of their arrival would decide.
    """
    joined = "_".join(path)
    return joined if joined.strip() and joined == column_name(joined) and not joined.startswith("_dlt") else None


def distinct_name(path: Path) -> str:
    """Return a column name that no other field has: a readable beginning, and a checksum of the path."""
    joined = "_".join(path)
    name = column_name(joined) if joined.strip() else "unnamed"
    return f"{name[:54]}_{zlib.crc32('.'.join(path).encode()):08x}"


def insert(value: Any, path: Path, fields: dict[str, Any]) -> None:
    """Insert a value into nested objects, in which its path leads to it as in the API's answer."""
    for name in path[:-1]:
        fields = fields.setdefault(name, {})
    fields[path[-1]] = value

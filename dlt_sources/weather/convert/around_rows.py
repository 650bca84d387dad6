"""Fields of an answer that stand around its rows: those that each row repeats, and those that no table has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from dlt_sources.weather.api.endpoints import Endpoint, Part
from dlt_sources.weather.api.responses import Answer
from dlt_sources.weather.contracts.base import Column
from dlt_sources.weather.convert.fields import value_at
from dlt_sources.weather.convert.invalid_rows import means_null


def columns_around(part: Part, answers: Sequence[Answer]) -> dict[str, list[object]]:
    """Return the columns that a part's rows take from the answer around them, by name.

    Args:
        part: the part.
        answers: the answer of each row.
    """
    columns = {column.name: column for column in part.contract.columns()}
    around: dict[str, list[object]] = {}
    for name, path in part.around:
        # rows of one answer follow each other
        last, value = None, None
        values = around[name] = []
        for answer in answers:
            if answer is not last:
                last, value = answer, _fitting(columns[name], value_at(answer.data, tuple(path.split("."))))
            values.append(value)
    return around


def fields_not_kept(endpoint: Endpoint, data: Any) -> Iterator[str]:
    """Yield the dotted paths of fields around the rows that no table has, and that are not known to be left out.

    Args:
        endpoint: the endpoint.
        data: the answer.
    """
    members = {part.member for part in endpoint.parts}
    if "" in members:
        return
    known = {path: name for part in endpoint.parts for name, path in part.around}
    parents = {path.partition(".")[0] for path in (*known, *endpoint.not_kept) if "." in path}
    columns = {column.name: column for part in endpoint.parts for column in part.contract.columns()}
    for member, value in data.items():
        if member in members:
            continue
        inner = value if isinstance(value, dict) and member in parents else None
        for path, found in ((f"{member}.{name}", one) for name, one in inner.items()) if inner else ((member, value),):
            is_kept = path in known and _fits(columns[known[path]], found)
            if found is not None and not is_kept and path not in endpoint.not_kept:
                yield path


def _fitting(column: Column, value: Any) -> object:
    return value if _fits(column, value) and not means_null(value, column) else None


def _fits(column: Column, value: Any) -> bool:
    if column.type == pa.string():
        return isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63

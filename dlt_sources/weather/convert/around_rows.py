"""Fields of an answer that stand around its rows: those that each row repeats, and those that no table has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, repeat
from types import NoneType
from typing import Any

import pyarrow as pa

from dlt_sources.weather.api.endpoints import Endpoint, Part
from dlt_sources.weather.api.responses import Answer
from dlt_sources.weather.common.clock import floor_hour
from dlt_sources.weather.contracts.base import Column
from dlt_sources.weather.convert.fields import value_at
from dlt_sources.weather.convert.invalid_rows import means_null


def added_columns(part: Part, answers: Sequence[Answer], sizes: Sequence[int]) -> dict[str, pa.Array]:
    """Return the columns that records do not contain, by name: of the request, and of the answer around the rows.

    A value is converted once an answer: history comes in many small ones.

    Args:
        part: the part.
        answers: the answers whose records are converted.
        sizes: the number of records of each answer.
    """
    moments = [answer.fetched_at for answer in answers]
    values: dict[str, list[object]] = {
        "location_id": [answer.request.about.location.location_id for answer in answers],
        "fetched_at": [*moments],
        "issued_at": [floor_hour(moment) for moment in moments],
        "units": [answer.request.params.get("units") for answer in answers],
    }
    columns = {column.name: column for column in part.contract.columns()}
    for name, path in part.around:
        steps = tuple(path.split("."))
        values[name] = [_fitting(columns[name], value_at(answer.data, steps)) for answer in answers]
    rows = pa.array(chain.from_iterable(repeat(number, size) for number, size in enumerate(sizes)), pa.int64())
    return {name: pa.array(values[name], columns[name].type).take(rows) for name in values.keys() & columns.keys()}


def fields_not_kept(endpoint: Endpoint, data: Any) -> Iterator[str]:
    """Yield the dotted paths of fields around the rows that no table has, and that are not known to be left out.

    Args:
        endpoint: the endpoint.
        data: the answer.
    """
    members, parents, known = _known_around(endpoint)
    if "" in members or _is_usual(endpoint, data):
        return
    for member, value in data.items():
        if member in members:
            continue
        inner = value if isinstance(value, dict) and member in parents else None
        for path, found in ((f"{member}.{name}", one) for name, one in inner.items()) if inner else ((member, value),):
            is_kept = path in known and _fits(known[path], found)
            if found is not None and not is_kept and path not in endpoint.not_kept:
                yield path


def _is_usual(endpoint: Endpoint, data: dict[str, Any]) -> bool:
    """Return whether only known members of the usual types stand around the rows, as in nearly all answers."""
    types = _usual_types(endpoint)
    for member, value in data.items():
        usual = types.get(member, NoneType)
        if usual is None:
            continue
        if type(value) is not usual or (isinstance(value, int) and value.bit_length() > 63):
            return False
    return True


@cache
def _usual_types(endpoint: Endpoint) -> dict[str, type | None]:
    """Return the type of each known member; None for one that may have any, the rows included."""
    members, _, known = _known_around(endpoint)
    columns = {path: str if column.type == pa.string() else int for path, column in known.items()}
    return {**dict.fromkeys((*members, *endpoint.not_kept)), **columns}


@cache
def _known_around(endpoint: Endpoint) -> tuple[frozenset[str], frozenset[str], dict[str, Column]]:
    """Return the members with rows, the members whose inner fields are known, and the columns by path."""
    columns = {column.name: column for part in endpoint.parts for column in part.contract.columns()}
    known = {path: columns[name] for part in endpoint.parts for name, path in part.around}
    parents = frozenset(path.partition(".")[0] for path in (*known, *endpoint.not_kept) if "." in path)
    return frozenset(part.member for part in endpoint.parts), parents, known


def _fitting(column: Column, value: Any) -> object:
    return value if _fits(column, value) and not means_null(value, column) else None


def _fits(column: Column, value: Any) -> bool:
    if column.type == pa.string():
        return isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63

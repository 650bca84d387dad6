"""Answers of one table that are converted together, by Arrow's JSON reader if all of them are as usual.

Arrow's reader makes columns of the answers' text without Python objects, in a third of the time, while other threads
run: the client receives the next answers meanwhile. It takes what the contract names and nothing else; a batch with
anything unusual in it is converted from the records that Python has read of it (``converter.py``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from dlt_sources.weather.api.endpoints import Part
from dlt_sources.weather.api.responses import Answer
from dlt_sources.weather.contracts import Contract
from dlt_sources.weather.convert.around_rows import added_columns
from dlt_sources.weather.convert.converter import Converter, leaves_of
from dlt_sources.weather.convert.invalid_rows import ContractViolationError, InvalidRow

# Arrow's reader counts the bytes of a block in 32 bits
MOST_BYTES_AT_ONCE = 1 << 30
# whole numbers beyond are refused record by record; Arrow's reader makes floats of them
INTEGERS_END = float(1 << 63)


class Batch:
    """Records of one table that wait for conversion, and the answers that they came in.

    Attributes:
        records: the records of all answers, one answer after another.
        answers: the answers.
        sizes: the number of records of each answer.
        bytes: size of the answers' bodies.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.sizes: list[int] = []
        self.bytes = 0
        self._is_whole = True

    def add(self, records: list[dict[str, Any]], answer: Answer, *, is_whole: bool) -> None:
        """Add the records of one answer.

        Args:
            records: the records.
            answer: the answer.
            is_whole: whether they are all records of the answer, in its order and unchanged.
        """
        self.records += records
        self.answers.append(answer)
        self.sizes.append(len(records))
        self.bytes += len(answer.body)
        self._is_whole = self._is_whole and is_whole

    def answer_of(self, position: int) -> Answer:
        """Return the answer that a record came in."""
        return self.answers[bisect_right(list(accumulate(self.sizes)), position)]

    def convert(self, part: Part, converter: Converter) -> tuple[pa.Table, list[InvalidRow]]:
        """Convert the records, see ``Converter.convert``.

        Args:
            part: the part of the answers that the records are.
            converter: the converter of its table.
        """
        added = added_columns(part, self.answers, self.sizes)
        if self._is_whole and part.member and part.read is None:
            bodies = [answer.body for answer in self.answers]
            leaves = _leaves_of_bodies(part.contract, part.member, bodies, self.sizes)
            table = None if leaves is None else converter.convert_leaves(leaves, len(self.records), added)
            if table is not None:
                return table, []
        self._read_outlines(part)
        return converter.convert(self.records, added)

    def _read_outlines(self, part: Part) -> None:
        """Read the records of which only the moments are known yet; an outline is added with all of its rows."""
        start = 0
        for answer, size in zip(self.answers, self.sizes, strict=True):
            if answer.is_outline:
                self.records[start : start + size] = part.records(answer.as_whole().data) or []
            start += size


def _leaves_of_bodies(
    contract: type[Contract], member: str, bodies: Sequence[bytes], sizes: Sequence[int]
) -> dict[tuple[str, ...], pa.Array] | None:
    """Return the values of each field of the rows of answers, by path; None if they must be read another way.

    Args:
        contract: contract of the rows.
        member: name of the member that lists the rows.
        bodies: the answers.
        sizes: the number of rows of each.
    """
    lists = contract.texts_of_lists()
    text = b"\n".join(bodies)
    # characters that are escaped in JSON would have to be escaped again in the texts of lists
    if lists is None or len(text) >= MOST_BYTES_AT_ONCE or (lists and b"\\" in text):
        return None
    options = pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    try:
        rows = pa.json.read_json(pa.BufferReader(text), options)[member].combine_chunks()
        if not pa.types.is_list(rows.type) or pc.list_value_length(rows).to_pylist() != list(sizes):
            return None
        structs = rows.flatten()
        if not pa.types.is_struct(structs.type) or structs.null_count:
            return None
        structs = _with_texts(structs, lists, contract)
        leaves = None if structs is None else dict(leaves_of(structs, (), contract))
    except (pa.ArrowException, KeyError, ContractViolationError):
        return None
    return None if leaves is None or any(map(_has_long_numbers, leaves.values())) else leaves


def _has_long_numbers(leaf: pa.Array) -> bool:
    if not pa.types.is_floating(leaf.type):
        return False
    largest = pc.max(pc.abs(leaf)).as_py()
    return largest is not None and largest >= INTEGERS_END


def _with_texts(structs: pa.StructArray, lists: Mapping[str, str], contract: type[Contract]) -> pa.StructArray | None:
    """Return records as ``contract.prepare`` does: lists as JSON texts, and the first object of a list in its place."""
    fields: dict[str, pa.Array] = {}
    for name, values in zip(structs.type.names, structs.flatten(), strict=True):
        if name not in lists or pa.types.is_null(values.type):
            fields[name] = values
            continue
        has_columns = (name,) in contract.parents()
        texts = _json_texts(values) if pa.types.is_list(values.type) else None
        if texts is None or has_columns != pa.types.is_struct(values.type.value_type):
            return None
        fields[lists[name]] = texts
        if has_columns:
            is_filled = pc.greater(pc.list_value_length(values), 0)
            first = pc.if_else(is_filled, values.offsets[:-1], pa.scalar(None, values.offsets.type))
            fields[name] = values.values.take(first)
    return pa.StructArray.from_arrays(list(fields.values()), names=list(fields))


def _json_texts(lists: pa.ListArray) -> pa.Array | None:
    """Return lists of objects or texts as JSON; None if there is more in them than whole numbers and texts."""
    values = lists.values
    if pa.types.is_struct(values.type):
        pieces: list[Any] = []
        for name, field in zip(values.type.names, values.flatten(), strict=True):
            text = _json_value(field)
            if text is None:
                return None
            pieces += [f'{"," if pieces else "{"}"{name}":', text]
        elements = pc.binary_join_element_wise(*pieces, "}", "")
    elif pa.types.is_null(values.type) and not len(values):
        elements = pa.array([], pa.string())
    else:
        elements = _json_value(values)
    if elements is None:
        return None
    joined = pc.binary_join(pa.ListArray.from_arrays(lists.offsets, elements), ",")
    texts = pc.binary_join_element_wise("[", joined, "]", "")
    return pc.if_else(pc.is_valid(lists), texts, pa.scalar(None, texts.type))


def _json_value(values: pa.Array) -> pa.Array | None:
    if values.null_count:
        return None
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    return pc.binary_join_element_wise('"', values, '"', "") if pa.types.is_string(values.type) else None

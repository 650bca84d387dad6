"""Base of the contracts: pydantic models whose fields name the JSON path that each bronze column is read from.

The model is the single source of truth. The Arrow schema, the dlt column hints and the documented columns are
derived from it, so a type or a description is written once.
"""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import orjson
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema, TTableReferenceInline
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

NullWhen = Literal["zero", "negative", "empty"]

# the first moment any OpenWeather product covers (One Call 3.0 timemachine: openweathermap.org/api/one-call-3)
EARLIEST = datetime(1979, 1, 1, tzinfo=timezone.utc)
# sun and moon of the first day rise before it in the east, where the day begins before it begins at UTC
EARLIEST_VALUE = EARLIEST - timedelta(days=2)
# far beyond every forecast; an epoch in milliseconds lies after it, so it is rejected
LATEST = datetime(2100, 1, 1, tzinfo=timezone.utc)
TIMESTAMP = pa.timestamp("us", tz="UTC")
OTHER_FIELDS = "other_fields"
# the table of places, which is a resource's name too, and the column by which all others refer to it
LOCATIONS, LOCATION_ID = "locations", "location_id"


def whole(value: object) -> object:
    """Return a float without a fraction as an int (the vendor's docs print ``"aqi": 4.0``), other values unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def from_epoch(value: object) -> object:
    """Return Unix seconds as a UTC timestamp, other values unchanged.

    Raises:
        ValueError: the time is outside 1979 to 2100, which no product covers.
    """
    seconds = whole(value)
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return value
    if not EARLIEST_VALUE.timestamp() <= seconds < LATEST.timestamp():
        raise ValueError(f"Unix time {seconds} is outside {EARLIEST:%Y} to {LATEST:%Y}")
    return datetime.fromtimestamp(seconds, timezone.utc)


def as_json(value: object) -> str:
    """Return a value as JSON text; a value that is nested too deeply for Python's encoder is not kept.

    Args:
        value: the value, as read from an answer.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # orjson's limit is a depth of 254, its reader's 1,024
        pass
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return '"nested too deeply to be kept"'


Measure = float
Integer = Annotated[int, BeforeValidator(whole)]
Moment = Annotated[datetime, BeforeValidator(from_epoch)]


@dataclass(frozen=True)
class Column:
    """One bronze column.

    Attributes:
        name: name of the column.
        type: Arrow type.
        path: names that lead to the value in the JSON record; empty for columns that this source adds.
        description: description, with units.
        required: whether a record without the value is invalid.
        null_when: value by which the API says "unknown".
        json: whether the text holds JSON, and dlt makes it a JSON column.
    """

    name: str
    type: pa.DataType
    path: tuple[str, ...]
    description: str
    required: bool
    null_when: NullWhen | None
    json: bool


def given(
    path: str,
    description: str,
    *,
    required: bool = False,
    null_when: NullWhen | None = None,
    json: bool = False,
) -> Any:
    """Declare a column that is read from the API's answer.

    Args:
        path: dotted path of the value in the record.
        description: description of the column, with units.
        required: whether a record without the value, or with null, is invalid.
        null_when: value by which the API says "unknown"; it becomes null.
        json: whether the value is JSON text.
    """
    extra: dict[str, Any] = {"path": path, "null_when": null_when, "required": required, "json": json}
    return Field(default=... if required else None, description=description, json_schema_extra=extra)


def added(description: str, *, null_when: NullWhen | None = None, json: bool = False) -> Any:
    """Declare a column that this source adds to the record: its own, or of the answer around the record.

    Args:
        description: description of the column.
        null_when: value by which the API says "unknown"; it becomes null.
        json: whether the value is JSON text.
    """
    extra: dict[str, Any] = {"path": "", "null_when": null_when, "required": False, "json": json}
    return Field(default=None, description=description, json_schema_extra=extra)


class Contract(BaseModel):
    """Row of one bronze table, as the API's reference describes it.

    Types are strict: ``"285"`` is no number and ``true`` is no 1. An integer is accepted as a measure, since the API
    drops the fraction of whole numbers.
    """

    # validators are built when a row is first validated, which few loads ever do
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, frozen=True, defer_build=True)

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    # dotted paths of fields that repeat what a column holds
    ignored: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record with known variants of a field brought into one shape, before columns are read from it."""
        return record

    @classmethod
    def texts_of_lists(cls) -> dict[str, str] | None:
        """Return the lists of which ``prepare`` makes texts, with their names; None if it does anything else."""
        return {}

    @classmethod
    def identity(cls, record: dict[str, Any]) -> object:
        """Return the value that distinguishes a record from the others of its answer."""
        return record.get("dt")

    @classmethod
    def columns(cls) -> tuple[Column, ...]:
        """Return the table's columns, those of the key first."""
        return _columns(cls)

    @classmethod
    def paths(cls) -> frozenset[tuple[str, ...]]:
        """Return the paths of all values that columns are read from."""
        return _paths(cls)

    @classmethod
    def parents(cls) -> frozenset[tuple[str, ...]]:
        """Return the paths that must hold objects, since columns are read from inside them."""
        return _parents(cls)

    @classmethod
    def arrow_schema(cls) -> pa.Schema:
        """Return the Arrow schema of every batch for the table; columns that the API adds follow these."""
        return _arrow_schema(cls)

    @classmethod
    def hints(cls) -> dict[str, TColumnSchema]:
        """Return the dlt column hints by column name: descriptions, and ``json`` for columns that are text to Arrow."""
        hints: dict[str, TColumnSchema] = {}
        for column in cls.columns():
            hint: TColumnSchema = {"name": column.name, "description": column.description}
            if column.json:
                hint["data_type"] = "json"
            hints[column.name] = hint
        return hints

    @classmethod
    def references(cls) -> list[TTableReferenceInline]:
        """Return the tables that rows refer to, as dlt declares it: a row of a place refers to ``locations``."""
        if cls.key[0] != LOCATION_ID or cls.key == (LOCATION_ID,):
            return []
        return [
            {
                "columns": [LOCATION_ID],
                "referenced_table": LOCATIONS,
                "referenced_columns": [LOCATION_ID],
                "cardinality": "many_to_one",
            }
        ]


class AnswerRow(Contract):
    """Row that is read from an answer: it keeps what the API adds and no column can hold."""

    other_fields: str | None = added(
        "Fields that the API has added and that fit no column, as JSON; null if there are none", json=True
    )


@cache
def _columns(contract: type[Contract]) -> tuple[Column, ...]:
    columns = []
    for name, field in contract.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict)  # noqa: S101 - every field is declared with given() or added()
        columns.append(
            Column(
                name=name,
                type=_arrow_type(field.annotation),
                path=tuple(str(extra["path"]).split(".")) if extra["path"] else (),
                description=field.description or "",
                required=bool(extra["required"]),
                null_when=extra.get("null_when"),  # type: ignore[arg-type]
                json=bool(extra.get("json")),
            )
        )
    # the key first, as in a hand-written table, and the leftovers last
    order = {**{name: number for number, name in enumerate(contract.key)}, OTHER_FIELDS: 100}
    return tuple(sorted(columns, key=lambda column: order.get(column.name, 99)))


@cache
def _arrow_schema(contract: type[Contract]) -> pa.Schema:
    return pa.schema([pa.field(c.name, c.type, nullable=c.name not in contract.key) for c in contract.columns()])


@cache
def _paths(contract: type[Contract]) -> frozenset[tuple[str, ...]]:
    return frozenset(c.path for c in contract.columns() if c.path)


@cache
def _parents(contract: type[Contract]) -> frozenset[tuple[str, ...]]:
    return frozenset(path[:depth] for path in contract.paths() for depth in range(1, len(path)))


def _arrow_type(annotation: Any) -> pa.DataType:
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (a for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return {
        float: pa.float64(),
        int: pa.int64(),
        str: pa.string(),
        bool: pa.bool_(),
        datetime: TIMESTAMP,
    }[annotation]

"""What a contract is: a pydantic model whose fields say where in the JSON each bronze column comes from.

The model is the single source of truth. The Arrow schema, the dlt column hints and the documented columns are
derived from it, so a type or a description is written once.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

NullWhen = Literal["zero", "negative", "empty"]

# the first moment any OpenWeather product covers (One Call 3.0 timemachine: openweathermap.org/api/one-call-3)
EARLIEST = datetime(1979, 1, 1, tzinfo=timezone.utc)
# far beyond every forecast: an epoch in milliseconds lands after it, so it is caught
LATEST = datetime(2100, 1, 1, tzinfo=timezone.utc)
TIMESTAMP = pa.timestamp("us", tz="UTC")


def whole(value: object) -> object:
    """Turn a float without a fraction (the vendor's docs print ``"aqi": 4.0``) into an int."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def from_epoch(value: object) -> object:
    """Turn Unix seconds into a UTC timestamp.

    Raises:
        ValueError: the moment is outside 1979 to 2100, so it is no time of weather.
    """
    seconds = whole(value)
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return value
    if not EARLIEST.timestamp() <= seconds < LATEST.timestamp():
        raise ValueError(f"Unix time {seconds} is outside {EARLIEST:%Y} to {LATEST:%Y}")
    return datetime.fromtimestamp(seconds, timezone.utc)


Measure = float
Integer = Annotated[int, BeforeValidator(whole)]
Moment = Annotated[datetime, BeforeValidator(from_epoch)]


@dataclass(frozen=True)
class Column:
    """One bronze column: its name, Arrow type, and where the API's answer holds it.

    ``path`` is the way into the JSON record; it is empty for the columns that this source adds itself.
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
    """Declare a column that the API's answer gives at the dotted ``path``.

    A ``required`` value must be there and not null. ``null_when`` names a value by which the API says "unknown".
    """
    extra: dict[str, Any] = {"path": path, "null_when": null_when, "required": required, "json": json}
    return Field(default=... if required else None, description=description, json_schema_extra=extra)


def added(description: str) -> Any:
    """Declare a column that this source fills in itself."""
    extra: dict[str, Any] = {"path": "", "required": False}
    return Field(default=None, description=description, json_schema_extra=extra)


class Contract(BaseModel):
    """A row of one bronze table, as the API's reference describes it.

    Types are strict: ``"285"`` is no number and ``true`` is no 1. An integer where a measure is expected is a
    measure, since the API drops the fraction of whole numbers.
    """

    # validators are built when a row is first validated, which few loads ever do
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, frozen=True, defer_build=True)

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    # fields that say nothing a column does not say already
    ignored: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def prepare(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Bring the answer's known variants of one thing into one shape, before columns are read from it."""
        return record

    @classmethod
    def identity(cls, record: dict[str, Any]) -> object:
        """What tells a record from the others of its answer."""
        return record.get("dt")

    @classmethod
    def columns(cls) -> tuple[Column, ...]:
        """The table's columns, in order."""
        return _columns(cls)

    @classmethod
    def paths(cls) -> frozenset[tuple[str, ...]]:
        """The paths that hold the columns' values."""
        return _paths(cls)

    @classmethod
    def parents(cls) -> frozenset[tuple[str, ...]]:
        """The paths that must hold objects, since columns are read from inside them."""
        return _parents(cls)

    @classmethod
    def arrow_schema(cls) -> pa.Schema:
        """The Arrow schema that every batch for this table has, before columns that the API adds."""
        return _arrow_schema(cls)

    @classmethod
    def hints(cls) -> dict[str, TColumnSchema]:
        """The dlt column hints: descriptions, and ``json`` where Arrow can only say text."""
        hints: dict[str, TColumnSchema] = {}
        for column in cls.columns():
            hint: TColumnSchema = {"name": column.name, "description": column.description}
            if column.json:
                hint["data_type"] = "json"
            hints[column.name] = hint
        return hints


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
    # the key first, as one would write the table by hand
    return tuple(sorted(columns, key=lambda c: contract.key.index(c.name) if c.name in contract.key else 99))


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

"""Reading and deleting the rows that go, chunk by chunk; what DuckDB and PostgreSQL have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.contracts import WeatherRaw
from dlt_sources.weather.destination.connection import translated_errors
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.reading.dialects import qualified_name
from dlt_sources.weather.destination.reading.sizes import table_bytes
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.retention.policy import Rule
from dlt_sources.weather.retention.portions import Condition, Portion, condition_of, doomed
from dlt_sources.weather.retention.turns import Turns
from dlt_sources.weather.status.gaps import SERIES
from dlt_sources.weather.status.tables import count_rows

# of a table's narrow rows, some 20 MB in memory; an answer in weather_raw has some 16 kB
ROWS_OF_A_CHUNK = 100_000
ANSWERS_OF_A_CHUNK = 1_000
# of a row in PostgreSQL: its place in the table, the transaction that wrote it, and the table's file
PLACE, WRITTEN_BY, FILE = HANDLES = ("_ctid", "_xmin", "_file")


class Store(ABC):
    """A database whose rows are read and deleted chunk by chunk.

    A chunk has the rows' columns if they are archived, else what identifies them. It is deleted exactly: a row that a
    load has replaced since it was read stays, and goes with the next pruning.

    Args:
        target: the destination and dataset.
        turns: the writer lock.
    """

    def __init__(self, target: Target, turns: Turns) -> None:
        self._target = target
        self._turns = turns

    def tables(self) -> Mapping[str, int]:
        """Return the bytes of the dataset's tables, indexes included, by name."""
        with translated_errors(), self._target.connection(self._turns.wait_seconds) as client:
            return table_bytes(client)

    def rows_of(self, rule: Rule) -> int:
        """Return the number of rows of a table, estimated if it is large."""
        with translated_errors(), self._target.connection(self._turns.wait_seconds) as client:
            counted = self._turns.run(client, lambda: count_rows(DestinationReader(client), rule.contract))
            return counted.rows if counted else 0

    @abstractmethod
    def portions(self, rule: Rule) -> list[Portion]:
        """Return what goes of a table, oldest first."""

    @abstractmethod
    def drop_whole(self, rule: Rule) -> int:
        """Drop the old rows of a table at once where that is possible, and return their number."""

    def delete_at_once(self, portion: Portion) -> Iterator[int]:  # noqa: ARG002 - for those that can
        """Delete a portion by few statements, each in a turn, and yield the number of rows of each."""
        return iter(())

    @abstractmethod
    def chunks(self, portion: Portion, *, whole: bool) -> Iterator[pa.Table]:
        """Yield the rows of a portion; each chunk is deleted before the next is asked for.

        Args:
            portion: the rows.
            whole: whether chunks have all columns.
        """

    @abstractmethod
    def delete(self, portion: Portion, chunk: pa.Table) -> int:
        """Delete the rows of a chunk under the writer lock, and return their number."""

    @abstractmethod
    def reclaim(self, rule: Rule) -> None:
        """Make the space of deleted rows available to others."""

    def _condition(self, rule: Rule, client: SqlClientBase[Any]) -> Condition:
        return self._turns.run(client, lambda: condition_of(rule, DestinationReader(client)))


def rows_of_a_chunk(rule: Rule) -> int:
    """Return how many rows of a table are read at a time."""
    return ANSWERS_OF_A_CHUNK if rule.contract is WeatherRaw else ROWS_OF_A_CHUNK


def identity(rule: Rule, reader: DestinationReader) -> list[str]:
    """Return the columns that identify a version of a row: its key, and the load that wrote it last."""
    has_load_ids = C_DLT_LOAD_ID in reader.columns(rule.table)
    return [*rule.contract.key, *([C_DLT_LOAD_ID] if has_load_ids else [])]


def doomed_sql(client: SqlClientBase[Any], portion: Portion, condition: Condition) -> tuple[str, list[object]]:
    """Return FROM and WHERE of the rows ``t`` of a portion, with the names of tables, and the parameters."""
    sql, parameters = doomed(portion, condition)
    names = {contract.table: qualified_name(client, contract.table) for contract in SERIES}
    return sql.format(**(names | {"table": qualified_name(client, portion.rule.table)})), parameters


def plain(chunk: pa.Table) -> pa.Table:
    """Return a chunk whose columns have types that every reader of Parquet knows: JSON is text."""
    fields = [
        field.with_type(field.type.storage_type) if isinstance(field.type, pa.BaseExtensionType) else field
        for field in chunk.schema.remove_metadata()
    ]
    return chunk.cast(pa.schema([field.remove_metadata() for field in fields]))


def without_handles(chunk: pa.Table) -> pa.Table:
    """Return the rows of a chunk without what only the database needs to find them again."""
    return chunk.drop_columns([name for name in HANDLES if name in chunk.column_names])

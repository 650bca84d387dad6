"""Rows that go, in PostgreSQL: found without the writer lock, and deleted under it by their place in the table.

No index leads to the rows of a month, so they are read in one pass that no load waits for. A row is then found at
once by its place (ctid) and by the transaction that wrote it (xmin) in the file of its table: a row that a load has
replaced has another of these, and stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.contracts.base import EARLIEST
from dlt_sources.weather.destination.connection import translated_errors
from dlt_sources.weather.destination.postgres.partitions import (
    LOCK_ATTEMPTS,
    PAUSE_SECONDS,
    Partition,
    drop_partition,
    partitions_before,
    read_tables,
)
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.reading.dialects import qualified_name
from dlt_sources.weather.retention.policy import Rule
from dlt_sources.weather.retention.portions import Portion, count_portions
from dlt_sources.weather.retention.stores.compaction import MOST_ROWS, compact, is_bloated, rows_of
from dlt_sources.weather.retention.stores.store import (
    FILE,
    PLACE,
    WRITTEN_BY,
    Store,
    doomed_sql,
    plain,
    rows_of_a_chunk,
)
from dlt_sources.weather.retention.turns import SECONDS_OF_A_TURN, cancellable

logger = logging.getLogger(__name__)
_FIRST_ROWS, _FEWEST_ROWS, _MOST_ROWS = 5_000, 500, 50_000
# a part of a turn, so that several fit
_SECONDS_OF_A_DELETE = SECONDS_OF_A_TURN / 4


class PostgresStore(Store):
    """The rows of a PostgreSQL dataset."""

    _rows = _FIRST_ROWS

    def portions(self, rule: Rule) -> list[Portion]:
        """Return what goes of a table, oldest first; one pass over the table."""
        if rule.ends is None:
            return []
        with translated_errors(), self._target.connection() as client:
            reader = DestinationReader(client)
            rule = self._by_months(client, rule)
            ends = rule.ends or EARLIEST
            condition = self._condition(rule, client)
            return self._turns.run(client, lambda: count_portions(reader, rule, condition, [(EARLIEST, ends)]))

    def _by_months(self, client: SqlClientBase[Any], rule: Rule) -> Rule:
        """Return a rule that drops whole months of a partitioned table: deleting their days would only cost."""
        if rule.drop_before is None or rule.table not in read_tables(client).partitioned:
            return rule
        return rule._replace(drop_before=rule.drop_before.replace(day=1, hour=0))

    def drop_whole(self, rule: Rule, *, only_empty: bool = False) -> int:
        """Drop the months that end before the rule's moment, and return the number of their rows; 0 of a plain table.

        Args:
            rule: the table's rule.
            only_empty: whether to drop those only that have no row left.
        """
        dropped = 0
        with translated_errors(), self._target.connection() as client:
            before = self._by_months(client, rule).drop_before or EARLIEST
            for partition in partitions_before(client, rule.table, before):
                dropped += self._drop(client, partition, only_empty=only_empty)
        return dropped

    def _drop(self, client: SqlClientBase[Any], partition: Partition, *, only_empty: bool) -> int:
        """Drop a month and return the number of its rows; 0 if readers hold it, or another pruning has dropped it."""
        name = client.make_qualified_table_name(partition.name)
        sql = f"SELECT count(*) FROM {name}"
        for attempt in range(LOCK_ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            if client.execute_sql("SELECT to_regclass(%s)", name) == [(None,)]:
                return 0
            rows = self._turns.run(client, partial(client.execute_sql, sql)) or [(0,)]
            if only_empty and rows[0][0]:
                return 0
            with self._turns.turn() as writer:
                if writer.execute_sql("SELECT to_regclass(%s)", name) == [(None,)]:
                    return 0
                # no load adds a row meanwhile
                if only_empty and writer.execute_sql(sql) != [(0,)]:
                    return 0
                if drop_partition(writer, partition):
                    return int(rows[0][0])
        return 0

    def chunks(self, portion: Portion, *, whole: bool) -> Iterator[pa.Table]:
        """Yield the rows of a portion as the database sends them."""
        # 0.1 s, which other commands need not wait for
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415

        with translated_errors(), self._target.connection() as client:
            sql, parameters = doomed_sql(client, portion, self._condition(portion.rule, client))
            handle = f"CAST(t.ctid AS text) AS {PLACE}, CAST(t.xmin AS text) AS {WRITTEN_BY}"
            handle += f", CAST(pg_relation_filenode(t.tableoid) AS bigint) AS {FILE}"
            text = f"SELECT {handle}{', t.*' if whole else ''} FROM {sql}"
            with client.native_connection.cursor() as cursor:
                # the driver copies, and a copy takes no parameters
                text = cursor.mogrify(text, parameters).decode()
            size = rows_of_a_chunk(portion.rule)
            url = self._target.postgres_credentials.to_native_representation()
            with dbapi.connect(url) as connection, connection.cursor() as cursor:

                def wait(call: Any) -> Any:
                    return cancellable(call, cursor.adbc_cancel, lambda: self._turns.is_interrupted)

                wait(lambda: cursor.execute(text))
                batches = cursor.fetch_record_batch()
                left: list[pa.RecordBatch] = []
                while (batch := wait(lambda: next(iter(batches), None))) is not None:
                    left.append(batch)
                    while sum(one.num_rows for one in left) >= size:
                        table = pa.Table.from_batches(left)
                        yield plain(table.slice(0, size))
                        left = table.slice(size).to_batches()
                if any(one.num_rows for one in left):
                    yield plain(pa.Table.from_batches(left))

    def delete(self, portion: Portion, chunk: pa.Table) -> int:
        """Delete the rows of a chunk under the writer lock, as many turns as it takes, and return their number."""
        files = pc.unique(chunk[FILE]).to_pylist()
        begin, deleted = 0, 0
        while begin < chunk.num_rows:
            with self._turns.turn() as client:
                end = time.monotonic() + SECONDS_OF_A_TURN - _SECONDS_OF_A_DELETE
                while begin < chunk.num_rows and time.monotonic() < end:
                    part = chunk.slice(begin, self._rows)
                    began = time.monotonic()
                    deleted += self._delete(client, portion, part, files)
                    begin += part.num_rows
                    self._adapt(time.monotonic() - began)
        return deleted

    def _delete(self, client: Any, portion: Portion, part: pa.Table, files: list[int]) -> int:
        rule = portion.rule
        places, written_by = (pc.unique(part[name]).to_pylist() for name in (PLACE, WRITTEN_BY))
        sql = (
            f"WITH gone AS (DELETE FROM {qualified_name(client, rule.table)} AS t WHERE t.ctid = ANY(%s::tid[])"
            f" AND CAST(t.xmin AS text) = ANY(%s) AND t.{rule.moment} >= %s AND t.{rule.moment} < %s"
            " AND pg_relation_filenode(t.tableoid) = ANY(%s::oid[]) RETURNING 1) SELECT count(*) FROM gone"
        )
        array = "{" + ",".join(f'"{place}"' for place in places) + "}"
        parameters = (array, written_by, portion.start, portion.end, files)
        rows = self._turns.run(client, lambda: client.execute_sql(sql, *parameters))
        return int(rows[0][0]) if rows else 0

    def _adapt(self, seconds: float) -> None:
        """Delete as many rows at a time as fit into a part of a turn."""
        if seconds < _SECONDS_OF_A_DELETE / 2:
            self._rows = min(_MOST_ROWS, self._rows * 2)
        elif seconds > _SECONDS_OF_A_DELETE:
            self._rows = max(_FEWEST_ROWS, self._rows // 2)

    def reclaim(self, rule: Rule) -> None:
        """Vacuum a table, so that new rows fill the space of the deleted ones, and compact the months that get none.

        Loads and readers go on meanwhile.
        """
        with translated_errors(), self._target.connection() as client:
            name = qualified_name(client, rule.table)
            self.drop_whole(rule, only_empty=True)
            self._turns.run(client, lambda: client.execute_sql(f"VACUUM (ANALYZE) {name}"))
            for partition in partitions_before(client, rule.table, rule.thin_before or EARLIEST):
                if not is_bloated(client, partition):
                    continue
                if partition.begin is None and rows_of(client, partition) > MOST_ROWS:
                    logger.info(
                        "%s keeps its %.1f MB until it is dropped whole: it has too many rows to copy them between two "
                        "loads.", partition.name, partition.bytes / 1e6,
                    )  # fmt: skip
                    continue
                compact(client, partition, self._turns.turn, self._turns.run)

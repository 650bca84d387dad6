"""Rows that go, in DuckDB: one process has the file open, so they are read and deleted in turns.

DuckDB fills the blocks of deleted rows with new ones, and cuts free blocks off the file's end when it closes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.reading.dialects import qualified_name
from dlt_sources.weather.retention.policy import Rule
from dlt_sources.weather.retention.portions import Portion, count_portions, months
from dlt_sources.weather.retention.stores.store import Store, doomed_sql, identity, plain, rows_of_a_chunk

# of narrow rows, so that a load waits for a second at most
ROWS_AT_ONCE = 100_000


class DuckDBStore(Store):
    """The rows of a DuckDB file."""

    def portions(self, rule: Rule) -> list[Portion]:
        """Return what goes of a table, oldest first; a month at a time, which needs little memory."""
        with self._turns.turn() as client:
            reader = DestinationReader(client)
            oldest = reader.rows(f"SELECT min({rule.moment}) FROM {{table}}", table=rule.table)
            if not oldest or oldest[0][0] is None or rule.ends is None:
                return []
            condition = self._condition(rule, client)
            found: list[Portion] = []
            for month in months(utc(oldest[0][0]), rule.ends):
                call = partial(count_portions, reader, rule, condition, [month])
                found += self._turns.run(client, call)
            return found

    def chunks(self, portion: Portion, *, whole: bool) -> Iterator[pa.Table]:
        """Yield the rows of a portion; the file is closed meanwhile."""
        last: pa.Table | None = None
        while (chunk := self._read(portion, whole=whole)).num_rows:
            if last is not None and chunk.equals(last):
                return
            last = chunk
            yield chunk

    def _read(self, portion: Portion, *, whole: bool) -> pa.Table:
        with self._turns.turn() as client:
            rule = portion.rule
            sql, parameters = doomed_sql(client, portion, self._condition(rule, client))
            names = "*" if whole else ", ".join(identity(rule, DestinationReader(client)))
            columns = ", ".join(f"t.{name}" for name in names.split(", "))
            text = f"SELECT {columns} FROM {sql} LIMIT {rows_of_a_chunk(rule)}".replace("%s", "?")
            connection = client.native_connection
            return plain(self._turns.run(client, lambda: connection.execute(text, parameters).to_arrow_table()))

    def drop_whole(self, rule: Rule) -> int:  # noqa: ARG002 - see Store
        """Return 0: there are no partitions."""
        return 0

    def delete_at_once(self, portion: Portion) -> Iterator[int]:
        """Delete a portion by few statements, a turn each, and yield the number of rows of each.

        Every turn writes parts of the file again.
        """
        parts = -(-portion.rows // ROWS_AT_ONCE)
        step = (portion.end - portion.start) / parts
        for number in range(parts):
            end = portion.end if number == parts - 1 else portion.start + step * (number + 1)
            part = portion._replace(start=portion.start + step * number, end=end)
            with self._turns.turn() as client:
                sql, parameters = doomed_sql(client, part, self._condition(part.rule, client))
                table = qualified_name(client, part.rule.table)
                text = f"DELETE FROM {table} WHERE rowid IN (SELECT t.rowid FROM {sql})".replace("%s", "?")
                call = partial(client.native_connection.execute, text, parameters)
                rows = self._turns.run(client, call).fetchall()
            yield int(rows[0][0])

    def delete(self, portion: Portion, chunk: pa.Table) -> int:
        """Delete the rows of a chunk under the writer lock, and return their number."""
        with self._turns.turn() as client:
            names = identity(portion.rule, DestinationReader(client))
            # a plain dlt pipeline writes no load ids unless it is told to
            same = " AND ".join(f"t.{name} IS NOT DISTINCT FROM d.{name}" for name in names)
            rule = portion.rule
            sql = (
                f"DELETE FROM {qualified_name(client, rule.table)} AS t USING doomed AS d WHERE {same}"
                f" AND t.{rule.moment} >= ? AND t.{rule.moment} < ?"
            )
            connection = client.native_connection
            connection.register("doomed", chunk.select(names))
            try:
                call = connection.execute
                rows = self._turns.run(client, lambda: call(sql, [portion.start, portion.end]).fetchall())
            finally:
                connection.unregister("doomed")
            return int(rows[0][0])

    def reclaim(self, rule: Rule) -> None:
        """Do nothing: closing the file after a turn writes it, and frees the blocks."""

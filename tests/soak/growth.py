"""Statements that repeat a dataset's newest rows for each hour before them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.contracts import AirPollution, LoadRun, Location, Reject, WeatherRaw
from dlt_sources.weather.destination.postgres.partitioning.creation import (
    months_from,
    partition_name,
    partition_statements,
)
from dlt_sources.weather.destination.postgres.partitions import read_tables
from tests.soak.dialect import Dialect

HOURS_OF_MONTH = 730
# hours that a first load asks for of each location, besides the present one (7 days)
FIRST_HOURS = 168
# a reject, a run that failed, one that was interrupted, and one that was killed, every so many hours
REJECTED_EVERY, FAILED_EVERY, INTERRUPTED_EVERY, KILLED_EVERY = 240, 997, 499, 1999
# rows of younger killed runs are set to "interrupted" (destination/load_runs.py)
KILLED_BEFORE = 33 * 24
BACKFILL_EVERY = HOURS_OF_MONTH
# what a load does not write hour by hour, or is grown below in another way
OTHER_TABLES = {Location.table, LoadRun.table, Reject.table, AirPollution.table, "_weather_calls"}


class Growth:
    """Statements that grow one dataset.

    Args:
        client: an open connection.
        dialect: the database's SQL.
        hours: how many hours lie before the newest load.
        say: told what is done.
    """

    def __init__(self, client: SqlClientBase[Any], dialect: Dialect, hours: int, say: Callable[[str], None]) -> None:
        self._client, self._dialect, self._hours, self._say = client, dialect, hours, say
        ((self._load_id,),) = self._rows("SELECT max(load_id) FROM {_dlt_loads} WHERE status = 0")
        ((self._started, self._run_id),) = self._rows(
            f"SELECT min(started_at), min(run_id) FROM {{load_runs}} WHERE _dlt_load_id = '{self._load_id}'"
        )

    @property
    def tables(self) -> list[str]:
        """The tables of snapshots: those with rows of the newest load, but for runs, rejects and history."""
        names = [
            name
            for (name,) in self._rows(
                "SELECT DISTINCT c.table_name FROM information_schema.columns c JOIN information_schema.tables t"
                " ON t.table_schema = c.table_schema AND t.table_name = c.table_name WHERE t.table_type = 'BASE TABLE'"
                f" AND c.table_schema = '{self._client.dataset_name}' AND c.column_name = 'fetched_at' ORDER BY 1"
            )
        ]
        partitions = set[str]().union(*self._partitioned.values())
        return [
            name
            for name in names
            if name not in OTHER_TABLES | partitions
            and self._rows(f"SELECT 1 FROM {{{name}}} WHERE _dlt_load_id = '{self._load_id}' LIMIT 1")
        ]

    def snapshots(self, table: str) -> None:
        """Repeat the newest load's rows for each hour."""
        with self._rebuilt(table, f"SELECT * FROM {{{table}}} WHERE _dlt_load_id = '{self._load_id}'") as columns:
            if table == WeatherRaw.table:
                self._add_bodies(columns)
            self._insert(table, columns, 0, self._hours)

    def history(self) -> None:
        """Repeat the newest hour of each location, back to the first load's first hour."""
        table = AirPollution.table
        newest = (
            f"SELECT * FROM {{{table}}} t WHERE dt = (SELECT max(dt) FROM {{{table}}} o"
            " WHERE o.location_id = t.location_id)"
        )
        with self._rebuilt(table, newest) as columns:
            # all hours of the first load are of one moment
            then = f"least(h, {self._hours})"
            columns["fetched_at"] = f"fetched_at - {then} * INTERVAL '1 hour'"
            columns["_dlt_load_id"] = self._load_id_at(then)
            self._insert(table, columns, 0, self._hours + FIRST_HOURS)

    def locations(self) -> None:
        """Let the locations have been looked up by the first load."""
        self._run(
            f"UPDATE {{locations}} SET fetched_at = fetched_at - {self._hours} * INTERVAL '1 hour',"
            f" _dlt_load_id = {self._load_id_at(str(self._hours))}"
        )

    def runs(self) -> None:
        """Write the rows of each run, and those of backfills that were interrupted and then continued."""
        table = LoadRun.table
        of_run = f"SELECT * FROM {{{table}}} WHERE run_id = '{self._run_id}'"
        of_locations = f"SELECT * FROM {{{table}}} WHERE resource = 'locations' ORDER BY run_id LIMIT 1"
        self._template("first", of_locations)
        with self._rebuilt(table, of_run) as columns:
            rejected = f"h > 0 AND h % {REJECTED_EVERY} = 0 AND resource = 'forecast'"
            failed = f"h % {FAILED_EVERY} = {FAILED_EVERY // 2}"
            columns |= {
                name: f"CASE WHEN {failed} THEN 0 WHEN {rejected} THEN {name} + {more} ELSE {name} END"
                for name, more in (
                    ("rows_fetched", 1),
                    ("rows_rejected", 1),
                    ("requests", 1),
                    ("requests_failed", 1),
                    ("rows_loaded", 0),
                )
            }
            columns["status"] = (
                f"CASE WHEN {failed} THEN 'failed' WHEN {rejected} THEN 'partial'"
                f" WHEN h % {INTERRUPTED_EVERY} = {INTERRUPTED_EVERY // 2} THEN 'interrupted'"
                f" WHEN h > {KILLED_BEFORE} AND h % {KILLED_EVERY} = {KILLED_EVERY // 2} THEN 'running'"
                " ELSE status END"
            )
            columns["error"] = (
                f"CASE WHEN {failed} THEN 'The API cannot be reached: connection refused.' WHEN {rejected}"
                " THEN '1 of 5 requests failed: HTTP 404: city not found (1)' ELSE error END"
            )
            self._insert(table, columns, self._hours, self._hours, template="first")
            self._insert(table, columns, 0, self._hours)
            for number, status in enumerate(("interrupted", "ok"), 1):
                self._backfills(columns, number, status)

    def _backfills(self, columns: dict[str, str], number: int, status: str) -> None:
        since = self._dialect.date(f"started_at - (h + {2 * HOURS_OF_MONTH}) * INTERVAL '1 hour'")
        until = self._dialect.date(f"started_at - (h + {HOURS_OF_MONTH}) * INTERVAL '1 hour'")
        moments = {
            name: f"{name} - h * INTERVAL '1 hour' + INTERVAL '{10 * number} minutes'"
            for name in ("started_at", "finished_at")
        }
        columns = columns | moments
        columns |= {"run_id": self._run_id_at(f"{number} * 600"), "status": f"'{status}'", "error": "NULL"}
        columns |= {"since": since, "until": until}
        where = f"h > 0 AND h % {BACKFILL_EVERY} = 0 AND resource = '{AirPollution.table}'"
        self._insert(LoadRun.table, columns, 0, self._hours, where=where)

    def rejects(self) -> None:
        """Write the rejects of the runs that had one, if the table exists."""
        if not self._columns(Reject.table):
            return
        with self._rebuilt(Reject.table, f"SELECT * FROM {{{Reject.table}}} LIMIT 1") as columns:
            columns |= {"reject_id": f"{self._run_id_at()} || '-forecast-1'", "resource": "'forecast'"}
            where = f"h > 0 AND h % {REJECTED_EVERY} = 0"
            self._insert(Reject.table, columns, 0, self._hours, where=where)

    def dlt_tables(self) -> None:
        """Write dlt's row of each package, and a state a month, which a change of the settings would leave."""
        for table, every in (("_dlt_loads", 1), ("_dlt_pipeline_state", HOURS_OF_MONTH)):
            self._run(f"DELETE FROM {{{table}}} WHERE {self._own_id(table)} < '{self._load_id}'", table)
            newest = f"SELECT * FROM {{{table}}} ORDER BY {self._own_id(table)} DESC LIMIT 1"
            self._template("template", newest)
            columns = self._columns(table)
            columns[self._own_id(table)] = self._load_id_at()
            self._insert(table, columns, 1, self._hours, where=f"h % {every} = 0")

    @staticmethod
    def _own_id(table: str) -> str:
        return "load_id" if table == "_dlt_loads" else "_dlt_load_id"

    @contextmanager
    def _rebuilt(self, table: str, template: str) -> Iterator[dict[str, str]]:
        """Empty a table and keep the rows of a query; yield the expression of each column for an hour ``h``."""
        began = time.monotonic()
        self._template("template", template)
        columns = self._columns(table)
        self._run(f"TRUNCATE TABLE {{{table}}}", table)
        if table in self._partitioned:
            self._add_months(table)
        # filled without, they are made several times as fast
        with self._dialect.without_indexes(self._client, table):
            yield columns
        ((rows,),) = self._rows(f"SELECT count(*) FROM {{{table}}}")
        self._say(f"{table}: {rows:,} rows in {time.monotonic() - began:.1f} s")

    @cached_property
    def _partitioned(self) -> dict[str, set[str]]:
        """Names of partitions by table."""
        return read_tables(self._client).partitioned if self._dialect.is_postgres else {}

    def _add_months(self, table: str) -> None:
        """Make the partitions that the loads of these months would have made."""
        months = months_from(self._started - timedelta(hours=self._hours), self._started)
        lacking = [month for month in months if partition_name(table, month) not in self._partitioned[table]]
        for statement in partition_statements(self._client, table, lacking)[1:]:
            self._client.execute_sql(statement)

    def _template(self, name: str, query: str) -> None:
        self._run(f"DROP TABLE IF EXISTS {self._temporary(name)}")
        query = self._named(query)
        self._run(
            f"CREATE TEMPORARY TABLE grown_{name} AS SELECT *, row_number() OVER () AS template_row FROM ({query}) AS q"
        )

    def _temporary(self, name: str) -> str:
        return f"{self._dialect.temporary}.grown_{name}"

    def _columns(self, table: str) -> dict[str, str]:
        """Return the SQL of each column of a row that was written ``h`` hours before the newest load."""
        found = self._rows(
            "SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_schema = '{self._client.dataset_name}' AND table_name = '{table}' ORDER BY ordinal_position"
        )
        return {name: self._expression(name, type_.lower()) for name, type_ in found}

    def _expression(self, name: str, type_: str) -> str:
        if name == "_dlt_load_id":
            return self._load_id_at()
        if name == "run_id":
            return self._run_id_at()
        if name == "_dlt_id":
            return "_dlt_id || CAST(h AS VARCHAR)"
        if type_.startswith("timestamp"):
            return f"{name} - h * INTERVAL '1 hour'"
        if type_.startswith("double") and not name.startswith(("coord_", "seconds")):
            # at most 5 % less, so that no measure leaves its range
            return f"floor({name} * (1 - ((h * (7919 + template_row)) % 199) / 4000.0) * 100) / 100"
        return name

    def _load_id_at(self, hour: str = "h") -> str:
        return f"CAST(CAST('{self._load_id}' AS DECIMAL(20, 7)) - {hour} * 3600 AS VARCHAR)"

    def _run_id_at(self, later_seconds: str = "0") -> str:
        moment = (
            f"TIMESTAMP '{self._started:%Y-%m-%d %H:%M:%S}' - h * INTERVAL '1 hour'"
            f" + {later_seconds} * INTERVAL '1 second'"
        )
        return (
            f"CASE WHEN h = 0 THEN '{self._run_id}' ELSE {self._dialect.run_stamp(moment)} || '-' ||"
            " substr(md5(CAST(h AS VARCHAR)), 1, 8) END"
        )

    def _add_bodies(self, columns: dict[str, str]) -> None:
        """Have bodies of answers tell the moments of their hour."""
        template = self._temporary("template")
        self._run(f"ALTER TABLE {template} ADD COLUMN parts {self._dialect.texts}")
        self._run(f"ALTER TABLE {template} ADD COLUMN moments {self._dialect.numbers}")
        for row, body in self._rows(f"SELECT template_row, body FROM {template}"):
            parts = re.split(r"\b(\d{10})\b", str(body))
            texts = self._dialect.array([f"'{part.replace(chr(39), chr(39) * 2)}'" for part in parts[::2]])
            numbers = self._dialect.array(parts[1::2])
            self._run(f"UPDATE {template} SET parts = {texts}, moments = {numbers} WHERE template_row = {row}")
        columns["body"] = self._dialect.body

    def _insert(
        self,
        table: str,
        columns: dict[str, str],
        first: int,
        last: int,
        *,
        template: str = "template",
        where: str = "TRUE",
    ) -> None:
        """Insert the template's rows for the hours from ``last`` to ``first``, month by month, oldest first."""
        names = ", ".join(columns)
        for latest in range(last, first - 1, -HOURS_OF_MONTH):
            series = self._dialect.series(latest, max(latest - HOURS_OF_MONTH + 1, first))
            self._run(
                f"INSERT INTO {{{table}}} ({names}) SELECT {', '.join(columns.values())}"
                f" FROM {series} CROSS JOIN {self._temporary(template)} WHERE {where}",
                table,
            )

    def _named(self, sql: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda name: self._client.make_qualified_table_name(name[1]), sql)

    def _run(self, sql: str, table: str = "") -> None:
        self._client.execute_sql(self._named(sql) if table or "{" in sql else sql)

    def _rows(self, sql: str) -> list[Sequence[Any]]:
        return list(self._client.execute_sql(self._named(sql)) or [])

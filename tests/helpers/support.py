"""Loads that are held to their accounts, and queries of what they loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import duckdb
import psycopg2

from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.writer import Report
from tests.helpers.clock import Clock


def query(target: Target, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run SQL in the target's dataset and return the rows, if the statement has any."""
    with _cursor(target) as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def _cursor(target: Target) -> Iterator[Any]:
    """A cursor by the database's driver, which takes a tenth of the time of a dlt pipeline."""
    place = target.file or os.environ[f"DESTINATION__{target.destination.upper()}__CREDENTIALS"]
    if target.is_postgres:
        options = f"-c search_path={target.dataset_name},public"
        with closing(psycopg2.connect(place, options=options)) as connection:
            connection.autocommit = True
            yield connection.cursor()
        return
    with closing(duckdb.connect(place)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # before the first load there is no schema
        with suppress(duckdb.CatalogException):
            connection.execute(f"SET search_path = '{target.dataset_name}'")
        yield _DuckDB(connection)


class _DuckDB:
    """A DuckDB cursor that takes placeholders as psycopg2 does, and has no description where it has no rows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.description: object = None

    def execute(self, sql: str, parameters: Sequence[object] | None) -> None:
        self._connection.execute(sql.replace("%s", "?") if parameters else sql, parameters)
        self.description = self._connection.description

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._connection.fetchall()


def count(target: Target, table: str) -> int:
    """Rows of a table; 0 where there is none yet."""
    if table not in tables(target):
        return 0
    return int(query(target, f"SELECT count(*) FROM {table}")[0][0])


def tables(target: Target) -> set[str]:
    """The dataset's tables of rows: dlt's own, the ledger of calls and partitions are left out."""
    rows = query(
        target,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE'",
        target.dataset_name,
    )
    partition = re.compile(r"^_|_default$|_\d{4}_\d{2}$")
    return {name for (name,) in rows if not partition.search(name)}


def columns(target: Target, table: str) -> dict[str, str]:
    """A table's columns and their types, as the destination names them."""
    sql = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
    return dict(query(target, sql, target.dataset_name, table))


def assert_no_duplicates(target: Target, table: str, *key: str) -> None:
    """Assert that no key stands twice in a table."""
    names = ", ".join(key)
    doubles = query(target, f"SELECT {names}, count(*) FROM {table} GROUP BY {names} HAVING count(*) > 1")
    assert doubles == []


def assert_accounted(target: Target, report: Report) -> None:
    """Assert of a run that fetched = loaded + rejected, in its report and in the tables alike."""
    logged = query(
        target,
        "SELECT resource, rows_fetched, rows_loaded, rows_rejected FROM load_runs WHERE run_id = %s",
        report.run_id,
    )
    assert {row[0] for row in logged} == set(report.metrics_by_resource)
    for resource, fetched, loaded, rejected in logged:
        metrics = report.metrics_by_resource[resource]
        assert (fetched, loaded, rejected) == (metrics.rows_fetched, metrics.rows_loaded, metrics.rows_rejected)
        assert fetched == loaded + rejected, resource
    in_table = 0
    if "rejects" in tables(target):
        in_table = query(target, "SELECT count(*) FROM rejects WHERE run_id = %s", report.run_id)[0][0]
    assert in_table == report.rows_rejected


def load_accounted(target: Target, settings: WeatherSettings, clock: Clock, **options: Any) -> Report:
    """Load, assert that every row is accounted for, and return the report."""
    report = load(target, settings, now=clock, **options)
    assert_accounted(target, report)
    return report

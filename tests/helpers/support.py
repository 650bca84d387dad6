"""What tests do again and again: load and hold the accounts, query a target."""

from __future__ import annotations

from typing import Any

from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.writer import Report
from tests.conftest import Clock


def query(target: Target, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run SQL in the target's dataset and return the rows."""
    pipeline = target.pipeline(target.root / "set_aside" / "query")
    with pipeline.sql_client() as client:
        return client.execute_sql(sql, *parameters) or []  # type: ignore[return-value]


def count(target: Target, table: str) -> int:
    """Rows of a table; 0 where there is none yet."""
    if table not in tables(target):
        return 0
    return int(query(target, f"SELECT count(*) FROM {table}")[0][0])


def tables(target: Target) -> set[str]:
    """The dataset's tables, dlt's own left out."""
    rows = query(
        target, "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", target.dataset_name
    )
    return {name for (name,) in rows if not name.startswith("_dlt")}


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

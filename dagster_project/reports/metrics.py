"""How the loads went, for Prometheus: gauges of the newest run of each resource, and of each table's newest moment."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from dlt_sources.weather.destination.status import Status

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

JOB = "weather_bronze"
TIMEOUT_SECONDS = 10.0


def registry_of(status: Status) -> CollectorRegistry:
    """The metrics, named by Prometheus's conventions (prometheus.io/docs/practices/naming)."""
    from prometheus_client import CollectorRegistry, Gauge  # noqa: PLC0415 - definitions must load fast

    registry = CollectorRegistry()
    rows = Gauge("weather_bronze_table_rows", "Rows of a bronze table.", ["table"], registry=registry)
    newest = Gauge(
        "weather_bronze_newest_timestamp_seconds", "Newest moment of a bronze table.", ["table"], registry=registry
    )
    ended = Gauge(
        "weather_bronze_last_run_timestamp_seconds", "When the newest run ended.", ["resource"], registry=registry
    )
    outcome = Gauge(
        "weather_bronze_last_run_rows", "Rows of the newest run.", ["resource", "outcome"], registry=registry
    )
    failed = Gauge(
        "weather_bronze_last_run_failed", "1 where the newest run was stopped.", ["resource"], registry=registry
    )
    missing = Gauge("weather_bronze_missing_hours", "Hours of air pollution that are missing.", registry=registry)
    for table in status.tables:
        rows.labels(table.table).set(table.rows)
        if table.newest:
            newest.labels(table.table).set(_seconds(table.newest))
    for run in status.runs:
        ended.labels(run.resource).set(_seconds(run.finished_at))
        outcome.labels(run.resource, "loaded").set(run.rows_loaded)
        outcome.labels(run.resource, "rejected").set(run.rows_rejected)
        failed.labels(run.resource).set(run.status == "failed")
    missing.set(status.missing_hours)
    return registry


def publish(status: Status, textfile: str | None, pushgateway: str | None) -> None:
    """Write the metrics to a file, at once or not at all, and push them to a gateway; each if it is named.

    Raises:
        OSError: the file cannot be written, or the gateway does not take them.
    """
    from prometheus_client import push_to_gateway, write_to_textfile  # noqa: PLC0415

    registry = registry_of(status)
    if textfile:
        write_to_textfile(textfile, registry)
    if pushgateway:
        push_to_gateway(pushgateway, job=JOB, registry=registry, timeout=TIMEOUT_SECONDS)


def _seconds(moment: datetime) -> float:
    return moment.timestamp()

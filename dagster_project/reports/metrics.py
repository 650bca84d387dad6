"""Prometheus gauges: the newest run of each resource, and the rows and newest timestamp of each table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from dlt_sources.weather.destination.postgres.backups import Backup
from dlt_sources.weather.pipeline.quarantine import SetAsidePackage
from dlt_sources.weather.status.budget import BudgetStatus
from dlt_sources.weather.status.late import LateLocation
from dlt_sources.weather.status.report import Status
from dlt_sources.weather.status.space.model import DATABASE, Space

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

JOB = "weather_bronze"
TIMEOUT_SECONDS = 10.0
# series of single locations for a resource: more would cost Prometheus more than they tell
MOST_LATE = 50


def registry_of(
    status: Status,
    late: Mapping[str, Sequence[LateLocation]],
    set_aside: Sequence[SetAsidePackage] = (),
    budget: Sequence[BudgetStatus] = (),
    *,
    space: Space | None = None,
    records: int | None = None,
) -> CollectorRegistry:
    """Return the metrics, named by Prometheus's conventions (prometheus.io/docs/practices/naming).

    Args:
        status: figures of tables and runs.
        late: the locations without a recent row, by resource.
        set_aside: load packages that are set aside.
        budget: used calls and limits of each product.
        space: sizes, growth and free space; None if they are not known.
        records: bytes of Dagster's records; None likewise.
    """
    from prometheus_client import CollectorRegistry, Gauge  # noqa: PLC0415 - definitions must load fast

    registry = CollectorRegistry()
    _add_tables_and_runs(registry, status)
    _add_late_locations(registry, late)
    aside = Gauge("weather_bronze_set_aside_packages", "Load packages that are set aside.", registry=registry)
    aside.set(len(set_aside))
    _add_calls(registry, status, budget)
    _add_sizes(registry, space or Space(), records)
    return registry


def _add_sizes(registry: CollectorRegistry, space: Space, records: int | None) -> None:
    from prometheus_client import Gauge  # noqa: PLC0415

    tables = Gauge("weather_bronze_table_bytes", "Bytes of a table with its indexes.", ["table"], registry=registry)
    free = Gauge("weather_bronze_volume_free_bytes", "Free bytes of a volume.", ["volume"], registry=registry)
    total = Gauge("weather_bronze_volume_size_bytes", "Bytes of a volume.", ["volume"], registry=registry)
    for table, size in space.tables.items():
        tables.labels(table).set(size)
    for one in space.volumes:
        free.labels(one.name).set(one.free)
        total.labels(one.name).set(one.total)
    taken = Gauge("weather_bronze_database_bytes", "Bytes of the database.", ["volume"], registry=registry)
    growth = Gauge(
        "weather_bronze_growth_bytes_per_day", "Bytes that it grows by in a day.", ["volume"], registry=registry
    )
    # a gauge without a label begins as 0, which would be told as a size
    for gauge, value in ((taken, space.database), (growth, space.growth)):
        if value is not None:
            gauge.labels(DATABASE).set(value)
    dagster = Gauge("weather_dagster_records_bytes", "Bytes of Dagster's runs, events and logs.", registry=registry)
    if records is not None:
        dagster.set(records)


def _add_backups(registry: CollectorRegistry, backups: Sequence[Backup]) -> None:
    from prometheus_client import Gauge  # noqa: PLC0415

    good = Gauge(
        "weather_backup_last_good_timestamp_seconds",
        "When the last good backup of a database ended, 0 if none ever did.",
        ["database"],
        registry=registry,
    )
    due = Gauge(
        "weather_backup_due_timestamp_seconds", "When the next one must be there.", ["database"], registry=registry
    )
    failed = Gauge("weather_backup_last_failed", "1 if the last backup failed.", ["database"], registry=registry)
    copied = Gauge(
        "weather_backup_last_copy_timestamp_seconds",
        "When a good backup was last copied off the cluster.",
        ["database"],
        registry=registry,
    )
    copy_due = Gauge(
        "weather_backup_copy_due_timestamp_seconds",
        "When the copy of the last good backup must be there; only until it is.",
        ["database"],
        registry=registry,
    )
    uncopied = Gauge("weather_backup_copy_failed", "1 if the last copy failed.", ["database"], registry=registry)
    for one in backups:
        good.labels(one.database).set(_seconds(one.good_at) if one.good_at else 0)
        failed.labels(one.database).set(one.error is not None)
        if one.due_by:
            due.labels(one.database).set(_seconds(one.due_by))
        if one.is_copied:
            copied.labels(one.database).set(_seconds(one.copied_at) if one.copied_at else 0)
            uncopied.labels(one.database).set(one.copy_error is not None)
        if one.copy_due_by:
            copy_due.labels(one.database).set(_seconds(one.copy_due_by))


def _add_tables_and_runs(registry: CollectorRegistry, status: Status) -> None:
    from prometheus_client import Gauge  # noqa: PLC0415

    rows = Gauge("weather_bronze_table_rows", "Rows of a bronze table.", ["table"], registry=registry)
    newest = Gauge(
        "weather_bronze_newest_timestamp_seconds", "Newest timestamp of a bronze table.", ["table"], registry=registry
    )
    ended = Gauge(
        "weather_bronze_last_run_timestamp_seconds", "When the newest run ended.", ["resource"], registry=registry
    )
    last_rows = Gauge(
        "weather_bronze_last_run_rows", "Rows of the newest run.", ["resource", "outcome"], registry=registry
    )
    failed = Gauge("weather_bronze_last_run_failed", "1 if the newest run failed.", ["resource"], registry=registry)
    missing = Gauge("weather_bronze_missing_hours", "Hours of air pollution that are missing.", registry=registry)
    missing_rows = Gauge(
        "weather_bronze_missing_rows", "Rows that a series of history lacks.", ["table"], registry=registry
    )
    for table in status.tables:
        rows.labels(table.table).set(table.rows)
        if table.newest:
            newest.labels(table.table).set(_seconds(table.newest))
    for run in status.runs:
        ended.labels(run.resource).set(_seconds(run.finished_at))
        last_rows.labels(run.resource, "loaded").set(run.rows_loaded)
        last_rows.labels(run.resource, "rejected").set(run.rows_rejected)
        failed.labels(run.resource).set(run.status == "failed")
    missing.set(status.missing_hours)
    for table_name, number in status.missing_rows.items():
        missing_rows.labels(table_name).set(number)


def _add_calls(registry: CollectorRegistry, status: Status, budget: Sequence[BudgetStatus]) -> None:
    from prometheus_client import Gauge  # noqa: PLC0415

    labels = ["product", "period"]
    used = Gauge(
        "weather_bronze_calls_used",
        "Calls of the present day or month (UTC), by all writers.",
        labels,
        registry=registry,
    )
    left = Gauge("weather_bronze_calls_left", "Calls that the limit of a period leaves.", labels, registry=registry)
    for one in budget:
        used.labels(one.product, one.period).set(one.used)
        if one.limit is not None:
            left.labels(one.product, one.period).set(max(one.limit - one.used, 0))
    answers = Gauge(
        "weather_bronze_compared_answers",
        "Answers of the last day that could be compared with the one before, of some locations.",
        ["resource"],
        registry=registry,
    )
    repeated = Gauge(
        "weather_bronze_repeated_answers", "Those of them that brought nothing new.", ["resource"], registry=registry
    )
    for repeats in status.repeats.values():
        answers.labels(repeats.resource).set(repeats.answers)
        repeated.labels(repeats.resource).set(repeats.repeated)


def _add_late_locations(registry: CollectorRegistry, late: Mapping[str, Sequence[LateLocation]]) -> None:
    from prometheus_client import Gauge  # noqa: PLC0415

    number = Gauge("weather_bronze_late_locations", "Places without a recent row.", ["resource"], registry=registry)
    newest = Gauge(
        "weather_bronze_late_location_newest_timestamp_seconds",
        f"Newest row of a place without a recent one, 0 if it has none; of {MOST_LATE} places at most.",
        ["resource", "location_id"],
        registry=registry,
    )
    for resource, locations in late.items():
        number.labels(resource).set(len(locations))
        for one in locations[:MOST_LATE]:
            newest.labels(resource, one.location_id or one.query).set(_seconds(one.newest) if one.newest else 0)


def publish(
    status: Status,
    late: Mapping[str, Sequence[LateLocation]],
    set_aside: Sequence[SetAsidePackage],
    budget: Sequence[BudgetStatus],
    space: Space,
    *,
    backups: Sequence[Backup] = (),
    records: int | None,
    textfile: str | None,
    pushgateway: str | None,
) -> None:
    """Write the metrics to a file, atomically, and push them to a gateway.

    Args:
        status: figures of tables and runs.
        late: the locations without a recent row, by resource.
        set_aside: load packages that are set aside.
        budget: used calls and limits of each product.
        space: sizes, growth and free space.
        backups: how backups ended, by database.
        records: bytes of Dagster's records; None if they are not known.
        textfile: path of the file, or None for no file.
        pushgateway: address of the gateway, or None for none.

    Raises:
        OSError: the file cannot be written, or the gateway refuses them.
    """
    from prometheus_client import push_to_gateway, write_to_textfile  # noqa: PLC0415

    registry = registry_of(status, late, set_aside, budget, space=space, records=records)
    _add_backups(registry, backups)
    if textfile:
        write_to_textfile(textfile, registry)
    if pushgateway:
        push_to_gateway(pushgateway, job=JOB, registry=registry, timeout=TIMEOUT_SECONDS)


def _seconds(moment: datetime) -> float:
    return moment.timestamp()

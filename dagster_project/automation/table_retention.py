"""Retention of the bronze tables: ``weather prune`` as a daily job, by the same settings."""

# no `from __future__ import annotations`: Dagster reads the annotations of ops as objects

from dagster import (
    DagsterExecutionInterruptedError,
    DefaultScheduleStatus,
    MetadataValue,
    OpExecutionContext,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)

from dagster_project.common import clock
from dagster_project.common.environment import bronze_target
from dagster_project.common.failures import failure, reported_failures
from dlt_sources.weather.common.interrupts import work_interruptible
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.retention.prune import PruneReport, prune


@op
def delete_old_rows(context: OpExecutionContext) -> int:
    """Delete what ``[sources.weather.retention]`` does not keep, after it was archived if ``archive`` names a place.

    Loads go on meanwhile: the writer lock is held for a second at a time. The op is in no pool for the same reason.

    Returns:
        The number of deleted rows.

    Raises:
        Failure: the database or the archive failed; what was deleted before is in the metadata.
        DagsterExecutionInterruptedError: the run was terminated; what was deleted stays deleted.
    """
    with reported_failures():
        target = bronze_target()
        if not (target.is_duckdb or target.is_postgres):
            context.log.info("No rows can be deleted in %s, so that its tables grow", target.destination)
            return 0
        report = _prune(context)
        context.add_output_metadata(_metadata(report))
        kept = f", archived in {report.archive}" if report.archive else ""
        context.log.info("%d rows deleted, %.1f MB%s", report.rows, report.bytes / 1e6, kept)
        if report.error:
            raise failure(report.error, _metadata(report))
    if report.interrupted:
        context.log.warning("Terminated: %d rows are deleted, and the next run deletes the rest.", report.rows)
        raise DagsterExecutionInterruptedError
    return report.rows


def _prune(context: OpExecutionContext) -> PruneReport:
    """Prune, and let the first signal end it between two statements."""

    def log(pruned: object) -> None:
        context.log.debug("%s", pruned)

    with work_interruptible() as on_start:
        return prune(bronze_target(), load_settings(), on_start=on_start, on_progress=log, now=clock.now)


def _metadata(report: PruneReport) -> dict[str, MetadataValue]:
    """Return the figures of a pruning, with one of each table."""
    by_table: dict[str, int] = {}
    for one in report.pruned:
        by_table[one.table] = by_table.get(one.table, 0) + one.rows
    entries: dict[str, MetadataValue] = {
        "rows_deleted": MetadataValue.int(report.rows),
        "bytes_deleted": MetadataValue.int(report.bytes),
        "seconds": MetadataValue.float(round(report.seconds, 3)),
        "tables": MetadataValue.json(by_table),
    }
    return entries | ({"archive": MetadataValue.text(report.archive)} if report.archive else {})


@job(executor_def=in_process_executor)
def prune_tables_job() -> None:
    """Delete old forecasts, verbatim answers and records from the bronze tables; observations and history stay."""
    delete_old_rows()


prune_tables_schedule = ScheduleDefinition(
    name="prune_tables_schedule",
    job=prune_tables_job,
    cron_schedule="45 3 * * *",
    execution_timezone="UTC",
    # with `enabled = false` under [sources.weather.retention] it deletes nothing
    default_status=DefaultScheduleStatus.RUNNING,
    description="Deletes what [sources.weather.retention] does not keep, every night at 3:45 UTC.",
)

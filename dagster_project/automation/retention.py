"""Retention of Dagster's records of runs, which it otherwise keeps for ever.

One run an hour with some 70 events makes about 600,000 events a year.
"""

# no `from __future__ import annotations`: Dagster reads the annotations of ops as objects

from collections.abc import Iterator
from datetime import datetime, timedelta

from dagster import (
    Config,
    DagsterInstance,
    DagsterRunStatus,
    OpExecutionContext,
    RunsFilter,
    in_process_executor,
    job,
    op,
)
from pydantic import Field

from dagster_project.common import clock

PAGE = 200
FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
# from the runs with these tags Dagster knows which months are backfilled
PARTITION_TAGS = ("dagster/partition", "dagster/asset_partition_range_start")


class Retention(Config):
    """Run configuration of the retention job."""

    days: int = Field(90, ge=1, description="Days that a finished run and its events are kept.")


@op
def delete_old_runs(context: OpExecutionContext, config: Retention) -> int:
    """Delete finished runs that are older than the retention, with their events and logs.

    Runs of partitions stay: without them the backfilled months would show as missing.

    Returns:
        The number of deleted runs.
    """
    before = clock.now() - timedelta(days=config.days)
    old = list(_runs_before(context.instance, before))
    for run_id in old:
        context.instance.delete_run(run_id)
        context.instance.compute_log_manager.delete_logs(prefix=[run_id])
    context.log.info("Deleted %d runs that were created before %s", len(old), f"{before:%Y-%m-%d %H:%M} UTC")
    context.add_output_metadata({"runs_deleted": len(old)})
    return len(old)


def _runs_before(instance: DagsterInstance, before: datetime) -> Iterator[str]:
    cursor = None
    while runs := instance.get_runs(RunsFilter(statuses=FINISHED, created_before=before), cursor=cursor, limit=PAGE):
        cursor = runs[-1].run_id
        yield from (run.run_id for run in runs if not any(tag in run.tags for tag in PARTITION_TAGS))


@job(executor_def=in_process_executor)
def prune_job() -> None:
    """Delete the records of old runs from Dagster's storage; the bronze tables do not change."""
    delete_old_runs()

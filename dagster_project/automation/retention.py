"""Tidying up: Dagster keeps every run and its events for ever unless somebody deletes them.

At one run an hour of some 70 events that is about 600,000 events a year.
"""

# annotations stay real objects here: Dagster looks at them

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

AT_ONCE = 200
FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
# what says which months are backfilled is worth keeping
OF_PARTITIONS = ("dagster/partition", "dagster/asset_partition_range_start")


class Retention(Config):
    """How long to keep the records of runs."""

    days: int = Field(90, ge=1, description="Days that a finished run and its events are kept.")


@op
def delete_old_runs(context: OpExecutionContext, config: Retention) -> int:
    """Delete runs that finished before the time of retention, with their events; return how many.

    Runs of partitions stay, or the backfilled months would look as if they were not.
    """
    before = clock.now() - timedelta(days=config.days)
    old = list(_runs_before(context.instance, before))
    for run_id in old:
        context.instance.delete_run(run_id)
    context.log.info("Deleted %d runs that were created before %s", len(old), f"{before:%Y-%m-%d %H:%M} UTC")
    context.add_output_metadata({"runs_deleted": len(old)})
    return len(old)


def _runs_before(instance: DagsterInstance, before: datetime) -> Iterator[str]:
    cursor = None
    while runs := instance.get_runs(RunsFilter(statuses=FINISHED, created_before=before), cursor=cursor, limit=AT_ONCE):
        cursor = runs[-1].run_id
        yield from (run.run_id for run in runs if not any(tag in run.tags for tag in OF_PARTITIONS))


@job(executor_def=in_process_executor)
def prune_job() -> None:
    """Deletes the records of old runs from Dagster's storage; the weather is not touched."""
    delete_old_runs()

"""The hourly job and its schedule, which is on from the first start; and the daily tidying of Dagster's own records."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    define_asset_job,
    in_process_executor,
)

from dagster_project.assets.materialize import JOB
from dagster_project.assets.partitions import shard_keys
from dagster_project.assets.translator import GROUP, HISTORY, asset_key
from dagster_project.automation.retention import prune_job

weather_ingestion_job = define_asset_job(
    JOB,
    selection=AssetSelection.groups(GROUP, "reports") - AssetSelection.assets(asset_key(HISTORY)),
    description="Loads whatever is new into every bronze table, checks the tables, and draws the reports.",
    # a process a step would cost seconds of imports each, and the steps take turns anyway
    executor_def=in_process_executor,
)


def a_run_a_shard(_context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
    """What a tick asks for where there are shards; Dagster itself adds the tick to the keys."""
    for key in shard_keys():
        yield RunRequest(run_key=key, partition_key=key)


hourly_weather_schedule = ScheduleDefinition(
    name="hourly_weather_schedule",
    job=weather_ingestion_job,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    execution_fn=a_run_a_shard if shard_keys() else None,
    # where something else loads every hour, two would spend the calls twice
    default_status=DefaultScheduleStatus.STOPPED
    if os.environ.get("WEATHER_SCHEDULE", "").strip().lower() == "off"
    else DefaultScheduleStatus.RUNNING,
    description="Every full hour, UTC. WEATHER_SCHEDULE=off where something else does the hourly load.",
)

prune_schedule = ScheduleDefinition(
    name="prune_schedule",
    job=prune_job,
    cron_schedule="30 3 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every night, UTC.",
)

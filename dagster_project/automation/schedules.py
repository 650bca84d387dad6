"""The hourly job and its schedule, on from the first start, and the nightly deletion of Dagster's old records."""

from __future__ import annotations

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

from dagster_project.assets.backfills import configured_backfills
from dagster_project.assets.materialize import CHECKS_JOB, JOB
from dagster_project.assets.partitions import shard_keys
from dagster_project.assets.translator import GROUP, asset_key
from dagster_project.automation.retention import prune_job
from dagster_project.common.environment import configured_resources
from dagster_project.common.retries import schedule_is_off
from dagster_project.common.schedule import configured_schedule

_REPORTS = AssetSelection.groups("reports")
_LOADED = AssetSelection.groups(GROUP) - AssetSelection.assets(
    *(asset_key(backfill.name) for backfill in configured_backfills())
)
weather_ingestion_job = define_asset_job(
    JOB,
    # with shards, checks and reports run once, after all of them: checks_sensor.py
    selection=_LOADED.without_checks() if shard_keys() else _LOADED | _REPORTS,
    description="Loads new data into every bronze table"
    + (" for a shard of places." if shard_keys() else ", checks the tables, and updates the reports."),
    # a process for each step would cost seconds of imports, and the pool runs one step at a time anyway
    executor_def=in_process_executor,
)
weather_checks_job = define_asset_job(
    CHECKS_JOB,
    selection=AssetSelection.checks_for_assets(*map(asset_key, configured_resources())) | _REPORTS,
    description="Checks the bronze tables, and updates the reports, after the loads of all shards.",
    executor_def=in_process_executor,
)


def shard_run_requests(_context: ScheduleEvaluationContext) -> Iterator[RunRequest]:
    """Yield one run request for each shard; Dagster adds the tick's time to the run keys."""
    for key in shard_keys():
        yield RunRequest(run_key=key, partition_key=key)


hourly_weather_schedule = ScheduleDefinition(
    name="hourly_weather_schedule",
    job=weather_ingestion_job,
    cron_schedule=configured_schedule(),
    execution_timezone="UTC",
    execution_fn=shard_run_requests if shard_keys() else None,
    # with an external scheduler, a second hourly load would spend the calls twice
    default_status=DefaultScheduleStatus.STOPPED if schedule_is_off() else DefaultScheduleStatus.RUNNING,
    description=(
        f"By the setting schedule ({configured_schedule()}), UTC. For an external scheduler, set WEATHER_SCHEDULE=off."
    ),
)

prune_schedule = ScheduleDefinition(
    name="prune_schedule",
    job=prune_job,
    cron_schedule="30 3 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Deletes the records of old runs every night at 3:30 UTC.",
)

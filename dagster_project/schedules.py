"""The hourly job and its schedule, which is on from the first start."""

from __future__ import annotations

from dagster import AssetSelection, DefaultScheduleStatus, ScheduleDefinition, define_asset_job, in_process_executor

from dagster_project.translator import GROUP

weather_ingestion_job = define_asset_job(
    "weather_ingestion_job",
    selection=AssetSelection.groups(GROUP),
    description="Loads whatever is new into every bronze table, then checks the tables.",
    # a process a step would cost seconds of imports each, and the steps take turns anyway
    executor_def=in_process_executor,
)

hourly_weather_schedule = ScheduleDefinition(
    name="hourly_weather_schedule",
    job=weather_ingestion_job,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Every full hour, UTC.",
)

"""The definitions as they are, with a schedule of every minute beside the hourly one, and alerts every few seconds."""

from dagster import DefaultScheduleStatus, Definitions, ScheduleDefinition

from dagster_project import definitions
from dagster_project.assets.partitions import shard_keys
from dagster_project.automation.schedules import shard_run_requests, weather_ingestion_job

# Dagster has no public way to change it, and nobody but a test is in a hurry
definitions.alert_sensor._min_interval = 5

defs = Definitions.merge(
    definitions.defs,
    Definitions(
        schedules=[
            ScheduleDefinition(
                name="minutely",
                job=weather_ingestion_job,
                cron_schedule="* * * * *",
                execution_fn=shard_run_requests if shard_keys() else None,
                default_status=DefaultScheduleStatus.RUNNING,
            )
        ]
    ),
)

"""The definitions as they are, with a schedule of every minute beside the hourly one."""

from dagster import DefaultScheduleStatus, Definitions, ScheduleDefinition

from dagster_project import definitions
from dagster_project.schedules import weather_ingestion_job

defs = Definitions.merge(
    definitions.defs,
    Definitions(
        schedules=[
            ScheduleDefinition(
                name="minutely",
                job=weather_ingestion_job,
                cron_schedule="* * * * *",
                default_status=DefaultScheduleStatus.RUNNING,
            )
        ]
    ),
)

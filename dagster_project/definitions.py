"""The one list of everything Dagster shows and runs: assets, checks, jobs, schedules and sensors.

It loads without key, network or database. ``dg dev`` and ``dagster dev`` find it by ``[tool.dg]`` and
``[tool.dagster]`` in ``pyproject.toml``.
"""

from __future__ import annotations

from dagster import Definitions, in_process_executor

from dagster_project.alerts import ALERTS, alert_sensor, channels_work, heartbeat_sensor
from dagster_project.assets.bronze import bronze_assets
from dagster_project.assets.catalog.views import view_assets
from dagster_project.assets.dagster_dlt import BronzeDltResource
from dagster_project.assets.partitions import shard_keys
from dagster_project.assets.translator import OPENWEATHER, raw_answers
from dagster_project.automation.catch_up_sensor import catch_up_sensor
from dagster_project.automation.checks_sensor import checks_sensor
from dagster_project.automation.new_location_sensor import new_location_sensor
from dagster_project.automation.retention import prune_job
from dagster_project.automation.schedules import (
    hourly_weather_schedule,
    prune_schedule,
    weather_checks_job,
    weather_ingestion_job,
)
from dagster_project.automation.table_retention import prune_tables_job, prune_tables_schedule
from dagster_project.automation.waiting_backfill_sensor import waiting_backfill_sensor
from dagster_project.checks.asset_checks import bronze_checks
from dagster_project.common.environment import bronze_target, configured_resources, destination_type
from dagster_project.reports import load_runs_report, weather_report

# looked up once: each look resolves the whole configuration, 40 ms
_resources, _destination_type = configured_resources(), destination_type()

defs = Definitions(
    # the pool lets one step load at a time anyway, and a process for each step would repeat every import
    executor=in_process_executor,
    assets=[
        OPENWEATHER,
        *bronze_assets(),
        raw_answers(_destination_type),
        *view_assets(_destination_type, bronze_target().dataset_name, _resources),
        weather_report,
        load_runs_report,
        ALERTS,
    ],
    asset_checks=[*bronze_checks(_resources), channels_work],
    jobs=[weather_ingestion_job, prune_job, prune_tables_job, *([weather_checks_job] if shard_keys() else [])],
    schedules=[hourly_weather_schedule, prune_schedule, prune_tables_schedule],
    sensors=[
        new_location_sensor,
        catch_up_sensor,
        waiting_backfill_sensor,
        alert_sensor,
        heartbeat_sensor,
        *([checks_sensor] if shard_keys() else []),
    ],
    resources={"dlt_resource": BronzeDltResource()},
)

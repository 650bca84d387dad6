"""Sensor that starts checks and reports once the loads of all shards have ended, so that they run once for all of them.

A check of one shard would pass although another shard's rows are wrong or late, and each shard would repeat it.
"""

from __future__ import annotations

from datetime import timedelta

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from dagster_project.assets.materialize import JOB
from dagster_project.automation.schedules import weather_checks_job
from dagster_project.common import clock
from dagster_project.common.run_states import FINISHED, UNFINISHED
from dagster_project.common.schedule import configured_schedule
from dlt_sources.weather.common.settings.schedule import shortest_gap

NAME = "checks_sensor"
# runs that ended since the last tick; more change nothing
MAX_RUNS = 100
NOTHING_ENDED = "No load has ended since the last checks."


@sensor(
    name=NAME,
    job=weather_checks_job,
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts the checks and the reports after the loads of all shards, once.",
)
def checks_sensor(context: SensorEvaluationContext) -> SensorResult | SkipReason:
    """Request a run of the checks and reports if loads have ended, and none goes on."""
    checked_until = float(context.cursor or 0)
    ended = [
        record.end_time
        for record in context.instance.get_run_records(RunsFilter(job_name=JOB, statuses=FINISHED), limit=MAX_RUNS)
        if record.end_time and record.end_time > checked_until
    ]
    if not ended:
        return SkipReason(NOTHING_ENDED)
    waits = timedelta(seconds=clock.now().timestamp() - min(ended))
    active = context.instance.get_runs(RunsFilter(job_name=JOB, statuses=UNFINISHED), limit=1)
    # a run that hangs must not keep the others from being checked
    if active and waits < shortest_gap(configured_schedule()):
        return SkipReason(f"Run {active[0].run_id} is loading; the checks follow.")
    cursor = str(max(ended))
    return SensorResult(run_requests=[RunRequest(run_key=f"after-{cursor}")], cursor=cursor)

"""Sensor that asks again, until the next load, for what a scheduled load did not get for a passing reason.

Current weather and forecasts cannot be had later. After a run since the schedule's last tick has ended, the tables say
which locations have no row since then: only these are asked for, in a few tries with growing pauses. What would fail
again (a refused key, a wrong setting, a place that the API does not know) is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from dagster import (
    AssetKey,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRecord,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from pydantic import BaseModel, ValidationError

from dagster_project.assets.materialize import JOB
from dagster_project.assets.partitions import PARTITION_TAG, shard_keys, shard_of
from dagster_project.assets.translator import asset_key
from dagster_project.automation.schedules import weather_ingestion_job
from dagster_project.common import clock
from dagster_project.common.environment import bronze_target, configured_resources, open_reader, reload_settings
from dagster_project.common.failures import ERROR_CLASS, PERMANENT_CLASSES
from dagster_project.common.retries import PASSING_CLASSES, PAUSES, TRY_TAG, schedule_is_off
from dagster_project.common.run_states import UNFINISHED
from dagster_project.common.schedule import configured_schedule
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.common.settings.schedule import period_start
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.contracts import Reject
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.locations.model import LocationQuery
from dlt_sources.weather.status.budget import read_budget
from dlt_sources.weather.status.late import has_a_row_of_each_location

NAME = "catch_up_sensor"
# the run's configuration must stay readable; beyond it the load finds out what is missing
MAX_LOCATION_IDS = 1000
MAX_RUNS = 10
COMPLETE = "Nothing is left to ask for until the next load."
REPORTS = [AssetKey(["reports", name]) for name in ("weather", "load_runs")]


class Cursor(BaseModel):
    """The sensor's cursor: when the load was due, the number of tries since, and whether nothing is left to ask for."""

    due: str = ""
    tries: int = 0
    complete: bool = False


class PeriodRuns(NamedTuple):
    """Runs since the load was due (of one shard), as one: when the newest ended, and if a person ended it.

    ``loaded`` are those that a run has loaded, ``refused`` those that would fail again.
    """

    ended_at: float
    canceled: bool
    loaded: frozenset[str]
    refused: frozenset[str]


@sensor(
    name=NAME,
    job=weather_ingestion_job,
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.STOPPED if schedule_is_off() else DefaultSensorStatus.RUNNING,
    description="Asks again, until the next load, for what a load did not get for a passing reason, and no more.",
)
def catch_up_sensor(context: SensorEvaluationContext) -> SensorResult:
    """Request a run for the locations that have no row since the load was due."""
    now = clock.now()
    due = period_start(configured_schedule(), now)
    cursor = _cursor(context.cursor, due)
    runs: dict[str | None, PeriodRuns] = {}
    try:
        if not cursor.complete and cursor.tries < len(PAUSES):
            reload_settings()
            partitions: list[str | None] = [*shard_keys()] or [None]
            runs = {key: found for key in partitions if (found := _runs_since(context.instance, due, key))}
        if reason := _reason_to_wait(context.instance, cursor, runs, now):
            return _skip(cursor, reason)
        requests = _requests(runs, due, cursor.tries + 1)
    except WeatherError as error:
        return _skip(cursor, str(error))
    if not requests:
        return _skip(cursor.model_copy(update={"complete": True}), COMPLETE)
    cursor = cursor.model_copy(update={"tries": cursor.tries + 1})
    return SensorResult(run_requests=requests, cursor=cursor.model_dump_json())


def _reason_to_wait(
    instance: DagsterInstance, cursor: Cursor, runs: Mapping[str | None, PeriodRuns], now: datetime
) -> str | None:
    if cursor.complete:
        return COMPLETE
    if cursor.tries >= len(PAUSES):
        return f"{cursor.tries} tries since the load was due; the next load goes on."
    if active := instance.get_runs(RunsFilter(job_name=JOB, statuses=UNFINISHED), limit=1):
        return f"Run {active[0].run_id} is loading."
    if not runs:
        return "No run of all places has ended since the load was due."
    if now.timestamp() < max(run.ended_at for run in runs.values()) + PAUSES[cursor.tries].total_seconds():
        return f"Try {cursor.tries + 1} of {len(PAUSES)} follows, if anything is missing."
    return None


def _cursor(text: str | None, due: datetime) -> Cursor:
    """Return the stored cursor, or that of a new load."""
    try:
        cursor = Cursor.model_validate_json(text or "{}")
    except ValidationError:
        cursor = Cursor()
    return cursor if cursor.due == due.isoformat() else Cursor(due=due.isoformat())


def _skip(cursor: Cursor, message: str) -> SensorResult:
    return SensorResult(skip_reason=SkipReason(message), cursor=cursor.model_dump_json())


def _runs_since(instance: DagsterInstance, due: datetime, partition: str | None) -> PeriodRuns | None:
    """Return the runs of all locations that were created since the load was due; None if none has ended.

    Raises:
        WeatherError: the list of locations cannot be read.
    """
    tags = {PARTITION_TAG: partition} if partition else {}
    records = instance.get_run_records(RunsFilter(job_name=JOB, tags=tags, created_after=due), limit=MAX_RUNS)
    # a load of chosen places, for example of new ones, is not the one that was due
    ended = [record for record in reversed(records) if record.end_time and _is_of_all_places(record, partition)]
    if not ended:
        return None
    loaded: set[str] = set()
    refused: set[str] = set()
    kinds = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.STEP_FAILURE}
    for record in ended:
        for entry in instance.all_logs(record.dagster_run.run_id, of_type=kinds):
            event = entry.get_dagster_event()
            step = str(event.step_key)
            refused.discard(step)
            if event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
                loaded.add(step)
            elif _is_refused(event):
                refused.add(step)
    newest = ended[-1]
    canceled = newest.dagster_run.status == DagsterRunStatus.CANCELED
    return PeriodRuns(newest.end_time or 0.0, canceled, frozenset(loaded), frozenset(refused))


def _is_refused(event: DagsterEvent) -> bool:
    failure = event.step_failure_data.user_failure_data
    error_class = failure.metadata.get(ERROR_CLASS) if failure else None
    return error_class is not None and error_class.value in PERMANENT_CLASSES


def _is_of_all_places(record: RunRecord, partition: str | None) -> bool:
    """Return whether a run asked for every location of its shard: the first run names them all."""
    run = record.dagster_run
    ops: Any = run.run_config.get("ops") or {}
    choices = [(op.get("config") or {}).get("only_location_ids") for op in ops.values()]
    chosen = [set(choice) for choice in choices if choice is not None]
    if not chosen or TRY_TAG in run.tags:
        return True
    shard = shard_of(partition) if partition else None
    listed = {one for one in _listed_ids() if not shard or shard.has(one)}
    return all(listed <= choice for choice in chosen)


def _requests(runs: Mapping[str | None, PeriodRuns], due: datetime, number: int) -> list[RunRequest]:
    """Return a request for each shard, or for all locations, of which something is missing.

    Raises:
        WeatherError: the settings or the tables cannot be read.
    """
    with open_reader(wait_seconds=0) as reader:
        spent = _spent_products(reader)
        names = [name for name in configured_resources() if _product(name) not in spent]
        missing = {name: _missing_ids(reader, name, due) for name in names if _is_snapshot(name)}
    requests = []
    for partition, run in runs.items():
        if run.canceled:
            continue
        shard = shard_of(partition) if partition else None
        of_shard = {name: [one for one in ids if not shard or shard.has(one)] for name, ids in missing.items()}
        steps = {
            name: _step_config(name, of_shard.get(name, []))
            for name in names
            if name not in run.refused and (name not in run.loaded or of_shard.get(name))
        }
        if steps:
            requests.append(
                RunRequest(
                    run_key=f"{due:%Y-%m-%dT%H:%M}-{number}-{partition or 'all'}",
                    run_config={"ops": {name: {"config": config} for name, config in steps.items()}},
                    tags={TRY_TAG: str(number)},
                    partition_key=partition,
                    # with shards, the reports follow all of them
                    asset_selection=[*map(asset_key, steps), *(() if partition else REPORTS)],
                )
            )
    return requests


def _spent_products(reader: DestinationReader) -> set[Product]:
    """Return the products that have no calls left: a try would ask for nothing until the day or the month ends."""
    budget = read_budget(bronze_target(), load_settings(), reader)
    return {one.product for one in budget if one.left is not None and one.left <= 0}


def _product(name: str) -> Product:
    return "free" if name == LOCATIONS else BY_NAME[name].product


def _step_config(name: str, missing: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of the step of a resource: load what is missing.

    Locations and history can be had later too, so their step is repeated only as a whole, where it failed. A
    step that failed after its rows were loaded asks for nothing.
    """
    if not _is_snapshot(name):
        return {}
    if len(missing) > MAX_LOCATION_IDS:
        return {"only_missing": True}
    return {"only_missing": True, "only_location_ids": sorted(missing)}


def _is_snapshot(name: str) -> bool:
    return has_a_row_of_each_location(name) and not BY_NAME[name].incremental


def _missing_ids(reader: DestinationReader, resource: str, due: datetime) -> list[str]:
    """Return the configured locations without a row since then, but for those that failed for a lasting reason."""
    stale = reader.stale_locations(BY_NAME[resource].parts[0].contract, due)
    if not stale:
        return []
    recent, *parameters = reader.recently_loaded(Reject.table, due)
    sql = (
        f"SELECT DISTINCT location_id FROM {{rejects}} WHERE {recent} AND resource = %s AND rejected_at >= %s"
        f" AND error_class NOT IN ({_quoted(PASSING_CLASSES)})"
    )
    lasting = {row[0] for row in reader.rows(sql, *parameters, resource, due, rejects=Reject.table)}
    return sorted((stale.keys() & _listed_ids()) - lasting)


def _listed_ids() -> set[str]:
    return {one.location_id for one in location_queries(load_settings()) if isinstance(one, LocationQuery)}


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)

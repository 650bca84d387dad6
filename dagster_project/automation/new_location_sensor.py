"""A place that is added to the list is loaded, history and all, within a minute: no restart, no wait for the hour.

The sensor's cursor is a fingerprint of the list. It moves once the run it asked for has succeeded, so that a place is
not forgotten because a run died; a place that cannot be found is left to the hourly runs after three tries.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from dagster import (
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
from pydantic import BaseModel

from dagster_project.assets.partitions import shard_keys, shard_of
from dagster_project.automation.schedules import weather_ingestion_job
from dagster_project.common import clock
from dagster_project.common.environment import configured_resources, is_demo, reading
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.common.errors import KeyRefusedError, WeatherError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.locations.model import LocationQuery

NAME = "new_location_sensor"
TRIES = 3
WAIT = timedelta(minutes=10)
# more than that, and the run asks for every place: its configuration would be too long to look at
MOST_NAMED = 1000
ENDED_BADLY = (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


class Cursor(BaseModel):
    """The cursor: fingerprints of the list that is loaded, and of the one that runs were asked for, one a shard."""

    loaded: str = ""
    asked_for: str = ""
    tries: int = 0
    shards: list[str] = []

    @property
    def run_keys(self) -> list[str]:
        """The keys of the runs that were asked for."""
        key = f"{self.asked_for}-{self.tries}"
        return [f"{key}-{shard}" for shard in self.shards] or [key]


@sensor(
    name=NAME,
    job=weather_ingestion_job,
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Loads places that were added to the list, with their history, and nothing else.",
)
def new_location_sensor(context: SensorEvaluationContext) -> SensorResult:
    """Ask for a run for the places of the list that ``bronze.locations`` does not have."""
    try:
        wanted = _listed()
        seen = _read(context.cursor)
        named = sorted(f"{one} {location.query}" for one, location in wanted.items())
        list_now = hashlib.sha256("\n".join(named).encode()).hexdigest()
        if list_now == seen.loaded:
            return _wait("All places of the list are loaded.")
        if list_now == seen.asked_for:
            return _follow_up(context, seen, wanted)
        with reading(wait_seconds=0) as loaded:
            missing = _missing(wanted, loaded)
    except WeatherError as error:
        return _wait(str(error))
    if not missing:
        return _done(list_now)
    return _ask(Cursor(loaded=seen.loaded, asked_for=list_now, tries=1), missing)


def _listed() -> dict[str, LocationQuery]:
    """The user's list by location_id; what is no place is for the run to reject.

    Raises:
        WeatherError: there is no list, or no key to ask with.
    """
    settings = load_settings()
    if not is_demo() and settings.secret_key is None:
        raise KeyRefusedError("No OpenWeather API key is set, so that new places cannot be loaded.")
    return {
        location.location_id: location for location in location_queries(settings) if isinstance(location, LocationQuery)
    }


def _missing(wanted: dict[str, LocationQuery], loaded: DestinationReader) -> list[str]:
    known = loaded.locations()
    return [one for one, location in wanted.items() if one not in known or known[one][0] != location.query]


def _follow_up(context: SensorEvaluationContext, seen: Cursor, wanted: dict[str, LocationQuery]) -> SensorResult:
    """See what became of the runs that were asked for."""
    records = [_run_of(context, key) for key in seen.run_keys]
    not_loaded = [record for record in records if record and record.dagster_run.status != DagsterRunStatus.SUCCESS]
    if all(records) and not not_loaded:
        return _done(seen.asked_for)
    for record in not_loaded:
        if record.dagster_run.status not in ENDED_BADLY:
            return _wait(f"Run {record.dagster_run.run_id} loads the new places.")
    if seen.tries >= TRIES:
        context.log.warning("New places were not loaded in %d tries; the hourly runs go on trying.", seen.tries)
        return _done(seen.asked_for)
    for record in not_loaded:
        if clock.now() - utc(record.create_timestamp) < WAIT:
            return _wait(f"Run {record.dagster_run.run_id} did not load the new places; the next try follows.")
    with reading(wait_seconds=0) as loaded:
        missing = _missing(wanted, loaded)
    if not missing:
        return _done(seen.asked_for)
    return _ask(seen.model_copy(update={"tries": seen.tries + 1}), missing)


def _run_of(context: SensorEvaluationContext, run_key: str) -> RunRecord | None:
    tags = {"dagster/run_key": run_key, "dagster/sensor_name": NAME}
    return next(iter(context.instance.get_run_records(RunsFilter(tags=tags), limit=1)), None)


def _read(cursor: str | None) -> Cursor:
    return Cursor.model_validate_json(cursor) if cursor else Cursor()


def _ask(seen: Cursor, missing: list[str]) -> SensorResult:
    config: dict[str, object] = {}
    if len(missing) <= MOST_NAMED:
        locations = {"config": {"only_location_ids": sorted(missing)}}
        config = {"ops": dict.fromkeys(configured_resources(), locations)}
    seen.shards = [key for key in shard_keys() if any(map(shard_of(key).has, missing))]
    partitions: list[str | None] = [*seen.shards] or [None]
    requests = [
        RunRequest(run_key=run_key, run_config=config, partition_key=partition)
        for run_key, partition in zip(seen.run_keys, partitions, strict=True)
    ]
    return SensorResult(run_requests=requests, cursor=seen.model_dump_json())


def _done(list_now: str) -> SensorResult:
    cursor = Cursor(loaded=list_now).model_dump_json()
    return SensorResult(skip_reason=SkipReason("All places of the list are loaded."), cursor=cursor)


def _wait(why: str) -> SensorResult:
    return SensorResult(skip_reason=SkipReason(why))

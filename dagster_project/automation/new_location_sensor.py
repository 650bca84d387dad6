"""Sensor that loads a location, with its history, within a minute after it is added to the list, without a restart.

Its cursor has fingerprints of the list. The fingerprint of a loaded list is stored only after the requested runs have
succeeded, so no location is lost with a run that dies. After three tries, the hourly runs alone retry a location that
cannot be loaded.
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
from dagster_project.common.environment import configured_resources, is_demo, open_reader, reload_settings
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.common.errors import ConfigurationError, KeyRefusedError, WeatherError
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.locations.model import LocationQuery

NAME = "new_location_sensor"
TRIES = 3
RETRY_DELAY = timedelta(minutes=10)
# for more new locations the run loads all of them: its configuration would be too long to read in the UI
MAX_LOCATION_IDS = 1000
NOTHING_NEW = "No place of the list is new: each is loaded, or the hourly runs go on trying."


class Cursor(BaseModel):
    """The sensor's cursor.

    ``loaded`` is the fingerprint of the last list that was loaded; ``asked_for`` that of the list for which runs were
    requested ``tries`` times, the last time one for each partition key in ``shards``.
    """

    loaded: str = ""
    asked_for: str = ""
    tries: int = 0
    shards: list[str] = []

    @property
    def run_keys(self) -> list[str]:
        """Keys of the requested runs."""
        key = f"{self.asked_for}-{self.tries}"
        return [f"{key}-{shard}" for shard in self.shards] or [key]


@sensor(
    name=NAME,
    job=weather_ingestion_job,
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Loads the places that were added to the list, with their history, and no others.",
)
def new_location_sensor(context: SensorEvaluationContext) -> SensorResult:
    """Request a run for the locations of the list that ``bronze.locations`` lacks.

    Raises:
        ConfigurationError: the settings or the list are wrong; the tick fails with the sentence.
    """
    try:
        reload_settings()
        queries = _listed_queries()
        cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
        fingerprint = _fingerprint(queries)
        if fingerprint == cursor.loaded:
            return _skip(NOTHING_NEW)
        if fingerprint == cursor.asked_for:
            return _follow_up(context, cursor, queries)
        with open_reader(wait_seconds=0) as reader:
            missing = _missing_ids(queries, reader)
    except ConfigurationError as error:
        # Dagster would record dlt's errors as its context
        raise error from None
    except WeatherError as error:
        return _skip(str(error))
    if not missing:
        return _finish(fingerprint)
    return _request_runs(Cursor(loaded=cursor.loaded, asked_for=fingerprint, tries=1), missing)


def _listed_queries() -> dict[str, LocationQuery]:
    """Return the configured list by location_id, without invalid entries, which the run rejects.

    Raises:
        WeatherError: there is no list, or no key for the requests.
    """
    settings = load_settings()
    if not is_demo() and settings.secret_key is None:
        raise KeyRefusedError("No OpenWeather API key is set, so that new places cannot be loaded.")
    return {query.location_id: query for query in location_queries(settings) if isinstance(query, LocationQuery)}


def _fingerprint(queries: dict[str, LocationQuery]) -> str:
    lines = sorted(f"{location_id} {query.query}" for location_id, query in queries.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _missing_ids(queries: dict[str, LocationQuery], reader: DestinationReader) -> list[str]:
    known = reader.locations()
    return [
        location_id
        for location_id, query in queries.items()
        if location_id not in known or known[location_id].query != query.query
    ]


def _follow_up(context: SensorEvaluationContext, cursor: Cursor, queries: dict[str, LocationQuery]) -> SensorResult:
    """Finish once the requested runs have loaded all, wait while one goes on, or request the others again.

    A run succeeds although a few places could not be looked up.
    """
    records = [_run_record(context, key) for key in cursor.run_keys]
    not_loaded = [record for record in records if record and record.dagster_run.status != DagsterRunStatus.SUCCESS]
    if all(records) and not not_loaded:
        with open_reader(wait_seconds=0) as reader:
            if not _missing_ids(queries, reader):
                return _finish(cursor.asked_for)
        not_loaded = [record for record in records if record]
    for record in not_loaded:
        if not record.dagster_run.is_finished:
            return _skip(f"Run {record.dagster_run.run_id} loads the new places.")
    if cursor.tries >= TRIES:
        context.log.warning("New places were not loaded in %d tries; the hourly runs go on trying.", cursor.tries)
        return _finish(cursor.asked_for)
    for record in not_loaded:
        if clock.now() - utc(record.create_timestamp) < RETRY_DELAY:
            return _skip(f"Run {record.dagster_run.run_id} did not load all new places; the next try follows.")
    with open_reader(wait_seconds=0) as reader:
        missing = _missing_ids(queries, reader)
    if not missing:
        return _finish(cursor.asked_for)
    return _request_runs(cursor.model_copy(update={"tries": cursor.tries + 1}), missing)


def _run_record(context: SensorEvaluationContext, run_key: str) -> RunRecord | None:
    tags = {"dagster/run_key": run_key, "dagster/sensor_name": NAME}
    return next(iter(context.instance.get_run_records(RunsFilter(tags=tags), limit=1)), None)


def _request_runs(cursor: Cursor, missing: list[str]) -> SensorResult:
    config: dict[str, object] = {}
    if len(missing) <= MAX_LOCATION_IDS:
        locations = {"config": {"only_location_ids": sorted(missing)}}
        config = {"ops": dict.fromkeys(configured_resources(), locations)}
    cursor.shards = [key for key in shard_keys() if any(map(shard_of(key).has, missing))]
    partitions: list[str | None] = [*cursor.shards] or [None]
    requests = [
        RunRequest(run_key=run_key, run_config=config, partition_key=partition)
        for run_key, partition in zip(cursor.run_keys, partitions, strict=True)
    ]
    return SensorResult(run_requests=requests, cursor=cursor.model_dump_json())


def _finish(fingerprint: str) -> SensorResult:
    cursor = Cursor(loaded=fingerprint).model_dump_json()
    return SensorResult(skip_reason=SkipReason(NOTHING_NEW), cursor=cursor)


def _skip(message: str) -> SensorResult:
    return SensorResult(skip_reason=SkipReason(message))

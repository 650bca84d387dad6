"""Loads outside Dagster, by the command line or a CronJob, read from ``load_runs``.

A load that failed is a problem; one of most places counts for freshness as a run of Dagster's does. It is reported to
Dagster as a materialization without a run, so that the UI's freshness and the alerts agree.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Thread
from threading import enumerate as threads
from typing import NamedTuple

from dagster import AssetMaterialization, MetadataValue

from dagster_project.alerts.sources.finished_runs import FinishedRun
from dagster_project.alerts.sources.names import asset_loaded
from dagster_project.alerts.sources.problems import Problem
from dagster_project.assets.partitions import shard_keys
from dagster_project.assets.translator import asset_key
from dagster_project.common.environment import configured_resources, open_reader
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS
from dlt_sources.weather.common.clock import HOUR
from dlt_sources.weather.common.errors import WeatherError
from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.common.settings.schedule import period_start
from dlt_sources.weather.contracts import Location
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.locations.geocoding import location_queries
from dlt_sources.weather.locations.model import LocationQuery
from dlt_sources.weather.status.late import cause_of, has_a_row_of_each_location
from dlt_sources.weather.status.runs import OutsideLoad, read_outside_loads

# a row is written before its package is loaded, so that it may appear later than a newer one
LOOK_BACK = timedelta(hours=2)
# Dagster dates a reported materialization by the moment of the report, so an older load would look too fresh
REPORTED_WITHIN = HOUR
# Dagster stops a tick after 60 seconds, of which delivery may take 30
MAX_SECONDS = 15.0
THREAD = "reads loads outside Dagster"
JOB = "weather load"
GOOD = ("ok", "partial")
ADVICE = (
    "The output of the command has the whole message: the log of its Job, where a CronJob loads. Remove the cause; the "
    "next load asks for everything that is missing."
)


class OutsideLoads(NamedTuple):
    """Loads outside Dagster that were not read before.

    Attributes:
        runs: what each load says, as a finished run.
        loaded_at: when assets were last loaded, UNIX seconds.
        events: materializations to report.
        handled: names of the results that are read, for the next call.
    """

    runs: list[FinishedRun]
    loaded_at: dict[str, float]
    events: list[AssetMaterialization]
    handled: list[str]


def read_loads_outside(handled: Sequence[str], started: datetime, now: datetime, log: logging.Logger) -> OutsideLoads:
    """Return the loads outside Dagster that ended since the last call, within ``MAX_SECONDS``.

    If the destination cannot be read, a later call reads them: nothing there must stop the other alerts.

    Args:
        handled: names of the results that were read before.
        started: when alerts began, UTC; earlier loads are left out.
        now: the present moment, UTC.
        log: receives the class of an error. Its text may hold a secret.
    """
    found: list[OutsideLoads] = []

    def read() -> None:
        try:
            found.append(_read(handled, started, now))
        except WeatherError as error:
            log.info("Loads outside Dagster are read later: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - it must not stop alerts about runs
            log.error("Loads outside Dagster cannot be read: %s", type(error).__name__)  # noqa: TRY400 - as above

    if THREAD not in {thread.name for thread in threads()}:
        thread = Thread(target=read, name=THREAD, daemon=True)
        thread.start()
        thread.join(MAX_SECONDS)
    return found[0] if found else OutsideLoads([], {}, [], [*handled])


def _read(handled: Sequence[str], started: datetime, now: datetime) -> OutsideLoads:
    settings, names = load_settings(), configured_resources()
    by_run: dict[str, list[OutsideLoad]] = defaultdict(list)
    known = set(handled)
    with open_reader(wait_seconds=0) as reader:
        loads = [one for one in read_outside_loads(reader, max(started, now - LOOK_BACK)) if one.resource in names]
        for one in loads:
            if _name(one) not in known:
                by_run[one.run_id].append(one)
        whole = {run_id for run_id, results in by_run.items() if _is_whole(reader, settings, results)}
    runs: list[FinishedRun] = []
    loaded_at: dict[str, float] = {}
    events: list[AssetMaterialization] = []
    for run_id, results in by_run.items():
        good = [one for one in results if one.status in GOOD] if run_id in whole else []
        if good and not any(one.resource == LOCATIONS for one in results) and LOCATIONS in names:
            # a load that has nothing to look up has no row of its own for it
            good.append(_of_locations(good[-1]))
        runs.append(_finished_run(run_id, good, [one for one in results if _failed(one)]))
        loaded_at |= {asset_key(one.resource).to_user_string(): one.finished_at.timestamp() for one in good}
        events += [event for one in good if now - one.finished_at < REPORTED_WITHIN for event in _events(one)]
    return OutsideLoads(runs, loaded_at, events, [_name(one) for one in loads])


def _failed(load: OutsideLoad) -> bool:
    # a resource that the run did not reach has the error that ended the run; after a signal there is none
    return load.status == "failed" or (load.status == "not_reached" and load.error is not None)


def _name(load: OutsideLoad) -> str:
    """Return a name of a result that is short and not repeated within hours."""
    return f"{load.run_id[-8:]} {load.resource}"


def _of_locations(load: OutsideLoad) -> OutsideLoad:
    return OutsideLoad(load.run_id, LOCATIONS, "ok", load.started_at, load.finished_at, 0, 0, None)


def _is_whole(reader: DestinationReader, settings: WeatherSettings, results: Sequence[OutsideLoad]) -> bool:
    """Return whether most places of the list have rows since the load was due: one of a single place is not whole."""
    listed = {one.location_id for one in location_queries(settings) if isinstance(one, LocationQuery)}
    known = {row[0] for row in reader.rows("SELECT location_id FROM {locations}", locations=Location.table)}
    for one in results:
        if one.status in GOOD and has_a_row_of_each_location(one.resource):
            due = min(one.started_at, period_start(settings.schedule, one.started_at))
            stale = reader.stale_locations(BY_NAME[one.resource].parts[0].contract, due)
            if len((listed & known) - stale.keys()) * 2 > len(listed):
                return True
    return False


def _partitions() -> Sequence[str | None]:
    return shard_keys() or (None,)


def _success_names(resource: str) -> frozenset[str]:
    asset = asset_key(resource).to_user_string()
    return frozenset(asset_loaded(asset, partition) for partition in _partitions())


def _finished_run(run_id: str, good: Sequence[OutsideLoad], failed: Sequence[OutsideLoad]) -> FinishedRun:
    succeeded = frozenset(name for one in good for name in _success_names(one.resource))
    problems = [_problem(failed)] if failed else []
    # Dagster has no run of it
    return FinishedRun(f"{JOB} {run_id}", "", succeeded, problems)


def _problem(failed: Sequence[OutsideLoad]) -> Problem:
    causes = list(dict.fromkeys(cause_of(one.error or "it failed without a message") for one in failed))
    # loads that fail for one cause differ in their counts
    key = re.sub(r"\d+", "#", causes[0])[:80]
    return Problem(
        key=f"outside {key}",
        subject="loads outside Dagster fail",
        description=causes[0],
        assets=tuple(dict.fromkeys(asset_key(one.resource).to_user_string() for one in failed)),
        waits_for=frozenset(name for one in failed for name in _success_names(one.resource)),
        at=failed[-1].finished_at.timestamp(),
        advice=ADVICE,
        details=tuple(causes[1:]),
    )


def _events(load: OutsideLoad) -> list[AssetMaterialization]:
    metadata = {
        "load_run_id": MetadataValue.text(load.run_id),
        "loaded_by": MetadataValue.text("a load outside Dagster"),
        "rows_loaded": MetadataValue.int(load.rows_loaded),
        "rows_rejected": MetadataValue.int(load.rows_rejected),
    }
    return [
        AssetMaterialization(asset_key(load.resource), metadata=metadata, partition=partition)
        for partition in _partitions()
    ]

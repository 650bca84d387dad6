"""Holding the tables against what must be in them: every hour, every observation, each key once, every run's sums."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from dlt_sources.weather.common.clock import HOUR, floor_hour, utc
from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.working_directories import QUARANTINE, directories
from tests.chaos.rounds.results import Findings


def examine(
    target: Target,
    found: Findings,
    places: Iterable[str],
    *,
    until: datetime,
    history: timedelta,
    observed: Iterable[datetime],
) -> None:
    """Hold a target's tables to account and write down what is wrong.

    Args:
        target: whose tables.
        found: where to write it.
        places: location_ids that must be there.
        until: a moment of the newest hour that must be there.
        history: how far back the hours go; where older ones are there, none may be missing in between.
        observed: moments of loads whose current weather must be there.
    """
    with Target(target.destination).reader() as loaded:
        for place in places:
            _hours(loaded, found, place, floor_hour(until), history)
            _observations(loaded, found, place, observed)
        count_doubled(loaded, found)
        count_unaccounted(loaded, found)


def _hours(loaded: DestinationReader, found: Findings, place: str, newest: datetime, history: timedelta) -> None:
    rows = loaded.rows("SELECT DISTINCT dt FROM {air} WHERE location_id = %s", place, air="air_pollution")
    there = {utc(dt) for (dt,) in rows}
    oldest = min([newest - history, *there])
    wanted = {oldest + HOUR * n for n in range(int((newest - oldest) / HOUR) + 1)}
    found.expected += len(wanted)
    found.found += len(wanted & there)


def _observations(loaded: DestinationReader, found: Findings, place: str, observed: Iterable[datetime]) -> None:
    rows = loaded.rows("SELECT fetched_at FROM {w} WHERE location_id = %s", place, w="current_weather")
    there = {utc(fetched_at) for (fetched_at,) in rows}
    wanted = set(observed)
    found.expected += len(wanted)
    found.found += len(wanted & there)


def count_doubled(loaded: DestinationReader, found: Findings) -> None:
    """Count the keys that stand in a table more than once."""
    for name, contract in TABLES.items():
        key = ", ".join(contract.key)
        sql = f"SELECT count(*) FROM (SELECT {key} FROM {{t}} GROUP BY {key} HAVING count(*) > 1) doubles"
        rows = loaded.rows(sql, t=name)
        found.doubled += rows[0][0] if rows else 0


def count_unaccounted(loaded: DestinationReader, found: Findings) -> None:
    """Count the runs whose sums do not add up, in themselves or with the rejects table."""
    # an entry of the list that stays wrong has one reject, of its newest run
    of_others = "WHERE resource <> 'locations' GROUP BY run_id"
    in_table = dict(loaded.rows(f"SELECT run_id, count(*) FROM {{r}} {of_others}", r="rejects"))
    of_run = dict(loaded.rows(f"SELECT run_id, sum(rows_rejected) FROM {{runs}} {of_others}", runs="load_runs"))
    sums = loaded.rows(
        "SELECT run_id, sum(rows_rejected), sum(CASE WHEN rows_fetched = rows_loaded + rows_rejected THEN 0 ELSE 1 END)"
        " FROM {runs} GROUP BY run_id",
        runs="load_runs",
    )
    for run_id, rejected, wrong in sums:
        found.rejected += int(rejected)
        found.unaccounted += int(wrong) + (int(of_run.get(run_id, 0)) != in_table.get(run_id, 0))
    if strays := in_table.keys() - {run_id for run_id, _, _ in sums}:
        found.problems.append(f"rejects of runs that are not logged: {', '.join(sorted(strays))}")


def left_behind(target: Target) -> list[str]:
    """The working directories of runs that are not finished."""
    return [path.name for path in directories(target.root)]


def set_aside(target: Target) -> list[str]:
    """The runs whose packages were set aside."""
    aside = target.root / QUARANTINE
    return [path.name for path in aside.iterdir()] if aside.exists() else []

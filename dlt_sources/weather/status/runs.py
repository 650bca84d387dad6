"""Newest run of each resource, and backfills that no run has finished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dlt_sources.weather.budget.decision import BUDGET_OF
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.reader import DestinationReader

# a backfill may go on for days
LONGEST_LOAD = timedelta(days=7)


@dataclass(frozen=True)
class RunStatus:
    """Newest run of one resource; its rejects are open until a later run has none."""

    resource: str
    finished_at: datetime
    status: str
    rows_loaded: int
    rows_rejected: int
    error: str | None


@dataclass(frozen=True)
class UnfinishedBackfill:
    """Range of a history that a user named and no load has finished.

    ``until`` is None for one up to the present, ``shard`` for one of all locations.
    """

    resource: str
    since: str
    until: str | None
    finished_at: datetime
    shard: str | None = None


@dataclass(frozen=True)
class OutsideLoad:
    """Result of one resource in a load that no orchestrator made: by the command line, or by a dlt pipeline."""

    run_id: str
    resource: str
    status: str
    started_at: datetime
    finished_at: datetime
    rows_loaded: int
    rows_rejected: int
    error: str | None


def read_unfinished(reader: DestinationReader) -> tuple[UnfinishedBackfill, ...]:
    """Return the ranges that ended early, for a spent budget too, and that no later load has finished.

    Args:
        reader: reads the destination.
    """
    sql = (
        "SELECT resource, since, until, shard, finished_at,"
        f" status IN ('interrupted', 'failed', 'not_reached') OR error LIKE '{BUDGET_OF}%%' FROM {{runs}}"
        " WHERE since IS NOT NULL AND status <> 'running' ORDER BY finished_at"
    )
    found: list[UnfinishedBackfill] = []
    for resource, since, until, shard, at, is_unfinished in reader.rows(sql, runs=LoadRun.table):
        run = UnfinishedBackfill(resource, since, until, utc(at), shard)
        found = [one for one in found if not _covers(run, one)]
        if is_unfinished:
            found.append(run)
    return tuple(found)


def _covers(run: UnfinishedBackfill, other: UnfinishedBackfill) -> bool:
    """Return whether a run asks for all that another one has left."""
    is_of_range = run.resource == other.resource and run.shard in (None, other.shard)
    # dates of ISO 8601 sort as texts
    return is_of_range and run.since <= other.since and _ends_later(run.until, other.until)


def _ends_later(until: str | None, other: str | None) -> bool:
    return until is None or (other is not None and until >= other)


def read_outside_loads(reader: DestinationReader, since: datetime) -> tuple[OutsideLoad, ...]:
    """Return the loads that ended since a moment and that no orchestrator made, in order; none of an earlier release.

    Args:
        reader: reads the destination.
        since: the moment, UTC.
    """
    if "orchestrator_run" not in reader.columns(LoadRun.table):
        # a table of an earlier release does not tell
        return ()
    # a run's id begins with its start, and is the key's first column
    sql = (
        "SELECT run_id, resource, status, started_at, finished_at, rows_loaded, rows_rejected, error FROM {runs}"
        " WHERE run_id >= %s AND finished_at >= %s AND command = 'load' AND orchestrator_run IS NULL"
        " AND status <> 'running' ORDER BY finished_at, run_id"
    )
    rows = reader.rows(sql, f"{since - LONGEST_LOAD:%Y%m%d}", since, runs=LoadRun.table)
    return tuple(
        OutsideLoad(run_id, name, how, utc(started), utc(ended), loaded, rejected, error)
        for run_id, name, how, started, ended, loaded, rejected, error in rows
    )


def read_runs(reader: DestinationReader) -> tuple[RunStatus, ...]:
    """Return the newest load of each resource.

    Args:
        reader: reads the destination.
    """
    # one pass over the runs; a look-up of each run's newest would read all of them for each. A replay asks for nothing:
    # it would hide the last load
    ranked = (
        "SELECT resource, finished_at, status, rows_loaded, rows_rejected, error,"
        " row_number() OVER (PARTITION BY resource ORDER BY finished_at DESC) AS place FROM {runs}"
        " WHERE command IS NULL OR command <> 'replay'"
    )
    sql = (
        "SELECT resource, finished_at, status, rows_loaded, rows_rejected, error"
        f" FROM ({ranked}) AS r WHERE place = 1 ORDER BY resource"
    )
    return tuple(
        RunStatus(name, utc(at), how, rows, rejected, error)
        for name, at, how, rows, rejected, error in reader.rows(sql, runs=LoadRun.table)
    )

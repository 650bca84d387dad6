"""Rows of ``load_runs`` whose run has ended without a word."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta, timezone
from typing import Any

from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.reading.dialects import execute, qualified_name
from dlt_sources.weather.destination.reading.relations import Relations

logger = logging.getLogger(__name__)
# older rows have been seen by many runs; a run's id begins with its start, and is the key's first column
LONGEST_AGO = timedelta(days=32)
INTERRUPTED = "The run ended before its time."


def close_dead_runs(client: SqlClientBase[Any], run_id: str, alive: Collection[str] = (), *, is_postgres: bool) -> None:
    """Set the rows of runs that were killed from ``running`` to ``interrupted``. The caller holds the writer lock.

    Shards hold the lock together: a run is dead if no session of PostgreSQL has its name. If one is taken for dead
    because its connection was cut, its next package sets its rows right again.

    Args:
        client: an open connection.
        run_id: the caller's run.
        alive: runs of this machine that live, such as a backfill that lets the caller go first.
        is_postgres: whether the destination is PostgreSQL.
    """
    sql = (
        f"UPDATE {qualified_name(client, LoadRun.table)} SET status = 'interrupted',"
        " error = coalesce(error, %s) WHERE status = 'running' AND run_id <> %s AND run_id >= %s"
    )
    if alive:
        sql += f" AND run_id NOT IN ({', '.join(['%s'] * len(alive))})"
    if is_postgres:
        sql += (
            " AND NOT EXISTS (SELECT 1 FROM pg_stat_activity"
            " WHERE application_name = 'weather run ' || run_id"
            " OR starts_with(application_name, 'weather run ' || run_id || ','))"
        )
    if not Relations(client).may_have(LoadRun.table):
        return
    begin = datetime.strptime(run_id[:8], "%Y%m%d").replace(tzinfo=timezone.utc) - LONGEST_AGO
    try:
        execute(client, sql, INTERRUPTED, run_id, f"{begin:%Y%m%d}", *alive)
    except DatabaseUndefinedRelation:
        return
    except DatabaseException as error:
        # rows of a log must not keep the weather from being loaded
        logger.warning("The rows of load_runs of killed runs still say that they run: %s", error)

"""Dagster's records on disk: their size, and the deletion of what Dagster's own ``delete_run`` leaves behind.

Measured with dagster 1.13.1: after ``delete_run`` the evaluations of checks stay in both storages, and SQLite keeps the
run's file. Events without a run, logs of ticks, and ticks of sensors that are gone are deleted by nothing.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from dagster import DagsterInstance, RunsFilter
from sqlalchemy import DateTime, bindparam, text

from dagster_project.instance.compute_logs import LocalLogs

logger = logging.getLogger(__name__)
PAGE = 500
# dagster's name of the file that holds what all runs share, and of the run of events that no run had
INDEX, RUNLESS = "index", ""
POSTGRES = "postgresql"
SUFFIXES = ("", "-wal", "-shm")
TICK_LOGS = (".err", ".out", ".complete")
# what prune deletes from, in PostgreSQL
TABLES = "event_logs, asset_event_tags, asset_check_executions, runs, run_tags, job_ticks"
# tables of Dagster are in the schema of its connection, the bronze tables never are
POSTGRES_SIZE = (
    "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname = current_schema()"
)
# a rewrite of a database's file locks the other services out for moments, so it must be worth it
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 10_000_000, 0.5
LOCK_SECONDS = 5.0
CHECKS_OF_RUNS = text(
    "DELETE FROM asset_check_executions WHERE run_id IN :runs"
    " AND id NOT IN (SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name)"
).bindparams(bindparam("runs", expanding=True))
OLD_CHECKS = text(
    "DELETE FROM asset_check_executions WHERE create_timestamp < :before"
    " AND id NOT IN (SELECT max(id) FROM asset_check_executions GROUP BY asset_key, check_name)"
).bindparams(bindparam("before", type_=DateTime))
OLD_RUNLESS_EVENTS = text(
    "DELETE FROM event_logs WHERE run_id = '' AND timestamp < :before AND id NOT IN"
    " (SELECT max(id) FROM event_logs WHERE run_id = '' GROUP BY dagster_event_type, asset_key, partition)"
).bindparams(bindparam("before", type_=DateTime))


class Folders(NamedTuple):
    """Folders of records that are files: two of SQLite, one of logs of steps and ticks; None if there are none."""

    history: Path | None
    schedules: Path | None
    logs: Path | None


def folders(instance: DagsterInstance) -> Folders:
    """Return the folders of an instance's records.

    Args:
        instance: the instance.
    """
    storage: Any = instance.event_log_storage
    history = Path(storage.path_for_shard(INDEX)).parent.parent if storage.is_run_sharded else None
    manager = instance.compute_log_manager
    logs = manager.folder if isinstance(manager, LocalLogs) else None
    return Folders(history, history and history.parent / "schedules", logs)


def records_bytes(instance: DagsterInstance) -> int:
    """Return the bytes of all records of an instance, logs of steps and ticks included.

    Args:
        instance: the instance.
    """
    found = folders(instance)
    size = sum(_bytes(folder) for folder in found if folder)
    storage: Any = instance.event_log_storage
    if found.history is None:
        with storage.index_connection() as connection:
            if connection.dialect.name == POSTGRES:
                size += int(connection.execute(text(POSTGRES_SIZE)).scalar() or 0)
    return size


def delete_runs(instance: DagsterInstance, run_ids: Sequence[str]) -> None:
    """Delete runs with their events, checks, logs and files; of each check the newest evaluation stays.

    Args:
        instance: the instance.
        run_ids: the runs.
    """
    storage: Any = instance.event_log_storage
    for run_id in run_ids:
        instance.delete_run(run_id)
        _delete_files(instance, run_id)
    for first in range(0, len(run_ids), PAGE):
        with storage.index_connection() as connection:
            connection.execute(CHECKS_OF_RUNS, {"runs": list(run_ids[first : first + PAGE])})


def _delete_files(instance: DagsterInstance, run_id: str) -> None:
    storage: Any = instance.event_log_storage
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    if storage.is_run_sharded:
        for suffix in SUFFIXES:
            Path(f"{storage.path_for_shard(run_id)}{suffix}").unlink(missing_ok=True)


def delete_leftovers(instance: DagsterInstance, before: datetime) -> int:
    """Delete what no run holds and is older than a moment: evaluations, events, ticks, files of runs that are gone.

    Args:
        instance: the instance.
        before: the moment, UTC.

    Returns:
        The number of deleted files and folders.
    """
    storage: Any = instance.event_log_storage
    moment = {"before": before.astimezone(timezone.utc).replace(tzinfo=None)}
    with storage.index_connection() as connection:
        connection.execute(OLD_CHECKS, moment)
        connection.execute(OLD_RUNLESS_EVENTS, moment)
    if storage.is_run_sharded and Path(storage.path_for_shard(RUNLESS)).exists():
        with storage.run_connection(RUNLESS) as connection:
            connection.execute(OLD_RUNLESS_EVENTS, moment)
    for state in instance.all_instigator_state():
        # the daemon deletes ticks only of what still ticks
        instance.purge_ticks(state.instigator_origin_id, state.selector_id, before.timestamp())
    return _delete_old_files(instance, folders(instance), before.timestamp())


def _delete_old_files(instance: DagsterInstance, found: Folders, before: float) -> int:
    deleted = 0
    logs = found.logs.glob("*/*/*") if found.logs else ()
    for file in logs:
        if file.suffix in TICK_LOGS and file.stem.isdecimal() and _changed(file) < before:
            file.unlink(missing_ok=True)
            deleted += 1
    old = [run_id for run_id, changed in _runs_with_files(found) if changed < before]
    for run_id in _without_run(instance, sorted(set(old))):
        _delete_files(instance, run_id)
        if found.logs:
            shutil.rmtree(found.logs / run_id, ignore_errors=True)
        deleted += 1
    return deleted


def _runs_with_files(found: Folders) -> Iterator[tuple[str, float]]:
    """Yield the ids of runs that files or folders are named after, and when these changed last."""
    files = [*(found.history / "runs").glob("*.db*")] if found.history else []
    files += [*found.logs.iterdir()] if found.logs and found.logs.exists() else []
    for file in files:
        name = file.name.partition(".")[0]
        try:
            UUID(name)
        except ValueError:
            continue
        yield name, _changed(file)


def _without_run(instance: DagsterInstance, run_ids: Sequence[str]) -> Iterator[str]:
    for first in range(0, len(run_ids), PAGE):
        page = run_ids[first : first + PAGE]
        known = {run.run_id for run in instance.get_runs(RunsFilter(run_ids=page))}
        yield from (run_id for run_id in page if run_id not in known)


def reuse_space(instance: DagsterInstance) -> None:
    """Let new records take the space of deleted ones.

    PostgreSQL vacuums its tables, so that it does not depend on autovacuum's threshold. SQLite reuses free pages by
    itself; a file of which most is free is rewritten, which happens after a first deletion of many runs.

    Args:
        instance: the instance.
    """
    storage: Any = instance.event_log_storage
    history, schedules, _ = folders(instance)
    if history and schedules:
        for file in (history / "runs" / f"{INDEX}.db", history / "runs.db", schedules / "schedules.db"):
            _shrink(file)
        return
    with storage.index_connection() as connection:
        if connection.dialect.name == POSTGRES:
            # Dagster's connections commit each statement, so it runs in no transaction
            connection.execute(text(f"VACUUM {TABLES}"))


def _shrink(file: Path) -> None:
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_SECONDS, isolation_level=None)) as connection:
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            if free * size >= LEAST_FREE_BYTES and free >= pages * LEAST_FREE_SHARE:
                connection.execute("VACUUM")
    except sqlite3.OperationalError as error:
        logger.info("%s is not made smaller tonight: %s", file.name, error)


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return float("inf")


def _bytes(folder: Path) -> int:
    return sum(_size(file) for file in folder.rglob("*") if file.is_file())


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        # deleted meanwhile
        return 0

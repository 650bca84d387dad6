"""Finished runs since the last tick, read from Dagster's event log: what succeeded in each, and its problems.

A run is read when it ends, by its status event: status events have one order in SQLite and PostgreSQL alike.
"""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple

from dagster import (
    DagsterEventType,
    DagsterInstance,
    EventLogRecord,
    RunStatusChangeRecordsFilter,
)

from dagster_project.alerts.sources.finished_runs import STEP_EVENT_TYPES, FinishedRun, finished_run, run_plan
from dagster_project.alerts.sources.names import job_succeeded
from dagster_project.alerts.sources.problems import dead_run
from dagster_project.assets.partitions import PARTITION_TAG

# in one tick; the next tick reads the rest
MAX_RUNS = 50
# PostgreSQL assigns ids in the order of writing, not of committing: an id just below the last one may appear later
OVERLAP = 100
EndType = Literal[DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED]
END_TYPES: tuple[EndType, ...] = (
    DagsterEventType.RUN_SUCCESS,
    DagsterEventType.RUN_FAILURE,
    DagsterEventType.RUN_CANCELED,
)


class RunCursor(NamedTuple):
    """Position in the events that end runs: the highest storage id read, and the ids just below that were read."""

    position: int
    handled: list[int]

    def after(self, storage_id: int) -> RunCursor:
        """Return the cursor after one more event."""
        position = max(self.position, storage_id)
        return RunCursor(position, [*(one for one in self.handled if one > position - OVERLAP), storage_id])


class FinishedRuns(NamedTuple):
    """Runs that ended since a cursor, in order, and the cursor after them."""

    runs: list[FinishedRun]
    cursor: RunCursor


def start_cursor(instance: DagsterInstance) -> RunCursor:
    """Return the cursor that ends now: every run that has ended counts as read."""
    ids = [
        record.storage_id
        for end_type in END_TYPES
        for record in instance.fetch_run_status_changes(end_type, limit=OVERLAP, ascending=False).records
    ]
    position = max(ids, default=0)
    return RunCursor(position, sorted(one for one in ids if one > position - OVERLAP))


def read_finished_runs(
    instance: DagsterInstance, cursor: RunCursor, ignored_assets: frozenset[str], log: logging.Logger
) -> FinishedRuns:
    """Return the runs that ended since the cursor, at most ``MAX_RUNS``.

    A run whose events cannot be read is a problem if it failed, and is left out otherwise.

    Args:
        instance: the instance whose records are read.
        cursor: position after the runs that were read before.
        ignored_assets: assets whose problems are left out.
        log: receives the class of an error. Its text may hold a secret.
    """
    try:
        records = _end_records(instance, cursor)
    except Exception as error:  # noqa: BLE001 - a later tick reads them; this one goes on with the assets' ages
        log.error("Finished runs cannot be read: %s", type(error).__name__)  # noqa: TRY400 - may hold a password
        return FinishedRuns([], cursor)
    runs = []
    for record in records:
        cursor = cursor.after(record.storage_id)
        end = record.event_log_entry.get_dagster_event()
        run = None
        try:
            run = instance.get_run_by_id(record.run_id)
            entries = instance.all_logs(record.run_id, of_type=STEP_EVENT_TYPES)
            runs.append(finished_run(end, record, run_plan(run, entries), entries, ignored_assets))
        except Exception as error:  # noqa: BLE001 - one unreadable run must not stop alerts
            log.error("Run %s cannot be read: %s", record.run_id, type(error).__name__)  # noqa: TRY400 - may hold a key
            if end.event_type == DagsterEventType.RUN_FAILURE:
                runs.append(_unreadable_run(end.job_name, record, run.tags.get(PARTITION_TAG) if run else None))
    return FinishedRuns(runs, cursor)


def _end_records(instance: DagsterInstance, cursor: RunCursor) -> list[EventLogRecord]:
    records = [
        record
        for end_type in END_TYPES
        for record in instance.fetch_run_status_changes(
            RunStatusChangeRecordsFilter(end_type, after_storage_id=max(cursor.position - OVERLAP, 0)),
            limit=OVERLAP + MAX_RUNS,
            ascending=True,
        ).records
        if record.storage_id not in cursor.handled
    ]
    return sorted(records, key=lambda record: record.storage_id)[:MAX_RUNS]


def _unreadable_run(job: str, record: EventLogRecord, partition: str | None) -> FinishedRun:
    problem = dead_run(
        job,
        "The run failed; its events could not be read.",
        assets=[],
        waits_for=[job_succeeded(job, partition)],
        at=record.timestamp,
        run_id=record.run_id,
    )
    return FinishedRun(job, record.run_id, problems=[problem])

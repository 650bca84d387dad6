"""What happened since the last tick, from Dagster's records: the runs that ended, what failed and what succeeded.

Runs are read when they end, by their status events: those have one order in SQLite and PostgreSQL alike.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, EventLogEntry, EventLogRecord
from dagster import RunStatusChangeRecordsFilter as Changes

from dagster_project.alerts.sources.problems import (
    Problem,
    asset_thing,
    check_thing,
    dead_run,
    failed_check,
    failed_step,
)
from dagster_project.alerts.state import Account
from dagster_project.common.failures import ERROR_CLASS, TO_DO

# at once; the rest waits for the next tick
MOST_RUNS = 50
# PostgreSQL gives ids out in the order of writing, not of committing: one just below the last read may come later
OVERLAP = 100
End = Literal[DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED]
ENDS: tuple[End, ...] = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)
READ = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
}
# the check itself is the cause
BLOCKED = "DagsterAssetCheckFailedError"
INTERRUPTED = "DagsterExecutionInterruptedError"


@dataclass
class FinishedRun:
    """What one run that ended brought: what succeeded in it, by the names causes wait for, and its troubles."""

    job: str
    run_id: str
    succeeded: set[str] = field(default_factory=set)
    troubles: list[Problem] = field(default_factory=list)


def start_position(instance: DagsterInstance) -> tuple[int, list[int]]:
    """Where to begin without a cursor: now; and the ids just below, none of which is news."""
    ids = [
        record.storage_id
        for kind in ENDS
        for record in instance.fetch_run_status_changes(kind, limit=OVERLAP, ascending=False).records
    ]
    position = max(ids, default=0)
    return position, sorted(one for one in ids if one > position - OVERLAP)


def ended_since(
    instance: DagsterInstance, account: Account, ours: frozenset[str], log: logging.Logger
) -> Iterator[FinishedRun]:
    """The runs that ended since the account's position, in order; moves the position on.

    A run whose events cannot be read is a trouble if it failed, and is passed over otherwise.

    Args:
        instance: whose records are read.
        account: its ``position`` and ``handled`` are moved on.
        ours: assets that are about alerts themselves, and are left out.
        log: where what cannot be read is said.
    """
    records = [
        record
        for kind in ENDS
        for record in instance.fetch_run_status_changes(
            Changes(kind, after_storage_id=max(account.position - OVERLAP, 0)),
            limit=OVERLAP + MOST_RUNS,
            ascending=True,
        ).records
        if record.storage_id not in account.handled
    ]
    for record in sorted(records, key=lambda one: one.storage_id)[:MOST_RUNS]:
        account.position = max(account.position, record.storage_id)
        account.handled = [one for one in account.handled if one > account.position - OVERLAP] + [record.storage_id]
        try:
            yield _ended(instance, record, ours)
        except Exception as error:  # noqa: BLE001 - one event that cannot be read must not stop alerts
            log.error("Run %s cannot be read: %s", record.run_id, type(error).__name__)  # noqa: TRY400 - may hold a key
            if _event(record.event_log_entry).event_type == DagsterEventType.RUN_FAILURE:
                yield _unreadable(record)


def _unreadable(record: EventLogRecord) -> FinishedRun:
    job = _event(record.event_log_entry).job_name
    what = "The run failed; its events could not be read."
    trouble = dead_run(job, what, where=[], waits_for=[f"job {job}"], at=record.timestamp, run_id=record.run_id)
    return FinishedRun(job, record.run_id, troubles=[trouble])


def _ended(instance: DagsterInstance, record: EventLogRecord, ours: frozenset[str]) -> FinishedRun:
    end = _event(record.event_log_entry)
    ended = FinishedRun(end.job_name, record.run_id)
    entries = instance.all_logs(record.run_id, of_type=READ)
    planned: dict[str | None, list[str]] = {}
    for entry in entries:
        event = _event(entry)
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION_PLANNED and event.asset_key:
            planned.setdefault(event.step_key, []).append(event.asset_key.to_user_string())
    checked = {
        _event(entry).step_key: _event(entry).asset_check_planned_data.asset_key.to_user_string()
        for entry in entries
        if _event(entry).event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    }
    succeeded_or_failed = _of_steps(entries, planned, checked, ended)
    if end.event_type == DagsterEventType.RUN_SUCCESS:
        ended.succeeded.add(f"job {ended.job}")
    if end.event_type == DagsterEventType.RUN_CANCELED:
        # by a person, who knows; what the steps say of it is no trouble
        ended.troubles = [one for one in ended.troubles if one.key.startswith("check ")]
    elif end.event_type == DagsterEventType.RUN_FAILURE and not succeeded_or_failed:
        ended.troubles.append(_died(record, ended, [asset for assets in planned.values() for asset in assets]))
    ended.troubles = [one for one in ended.troubles if not ours.intersection(one.where)]
    return ended


def _of_steps(
    entries: Iterable[EventLogEntry],
    planned: dict[str | None, list[str]],
    checked: dict[str | None, str],
    ended: FinishedRun,
) -> bool:
    """Fill in what the steps did; return whether any failed of itself, rather than with the run's process."""
    failed = False
    for entry in entries:
        event = _event(entry)
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION and event.asset_key:
            ended.succeeded.add(asset_thing(event.asset_key.to_user_string()))
        elif event.event_type == DagsterEventType.STEP_SUCCESS:
            ended.succeeded.add(f"step {event.step_key}")
        elif event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if evaluation.passed:
                ended.succeeded.add(check_thing(evaluation.asset_key.to_user_string(), evaluation.check_name))
            else:
                ended.troubles.append(failed_check(evaluation, entry.timestamp, ended.run_id))
        elif event.event_type == DagsterEventType.STEP_FAILURE:
            error_class, what, do = _why(event)
            failed = failed or error_class != INTERRUPTED
            if error_class in (BLOCKED, INTERRUPTED):
                continue
            assets = planned.get(event.step_key, [])
            where = assets or [checked.get(event.step_key, str(event.step_key))]
            waits_for = [asset_thing(asset) for asset in assets] or [f"step {event.step_key}"]
            ended.troubles.append(
                failed_step(
                    error_class, what, do, where=where, waits_for=waits_for, at=entry.timestamp, run_id=ended.run_id
                )
            )
    return failed


def _died(record: EventLogRecord, ended: FinishedRun, planned: list[str]) -> Problem:
    event = _event(record.event_log_entry)
    data = event.event_specific_data
    error = getattr(data, "error", None)
    what = " ".join(filter(None, [event.message, error.message.strip() if error else None]))
    # what it did not come to, or all of it where it died at the very end
    missing = [asset for asset in planned if asset_thing(asset) not in ended.succeeded] or planned
    waits_for = [asset_thing(asset) for asset in missing] or [f"job {ended.job}"]
    return dead_run(ended.job, what, where=missing, waits_for=waits_for, at=record.timestamp, run_id=ended.run_id)


def _why(event: DagsterEvent) -> tuple[str, str, str]:
    """The error's class, its sentence, and what to do: as ``failures.py`` said them, else as Dagster kept them."""
    data = event.step_failure_data
    error = data.error
    while error and error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    error_class = (error.cls_name if error else None) or "Error"
    said = data.user_failure_data
    if said is None:
        return error_class, error.message.strip() if error else (event.message or ""), ""
    metadata = {key: str(value.value) for key, value in said.metadata.items()}
    return metadata.get(ERROR_CLASS, error_class), said.description or event.message or "", metadata.get(TO_DO, "")


def _event(entry: EventLogEntry) -> DagsterEvent:
    """The Dagster event of an entry; all that are read here have one."""
    if entry.dagster_event is None:
        raise ValueError("an entry of the event log without an event")
    return entry.dagster_event

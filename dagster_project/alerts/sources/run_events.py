"""Finished runs since the last tick, read from Dagster's event log: what succeeded in each, and its problems.

A run is read when it ends, by its status event: status events have one order in SQLite and PostgreSQL alike.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    EventLogEntry,
    EventLogRecord,
    RunStatusChangeRecordsFilter,
)

from dagster_project.alerts.sources.failed_checks import failed_check
from dagster_project.alerts.sources.names import asset_loaded, check_passed, job_succeeded, step_succeeded
from dagster_project.alerts.sources.problems import Problem, StepError, dead_run, failed_step, merge_by_key
from dagster_project.assets.materialize import JOB
from dagster_project.assets.translator import HISTORY, asset_key
from dagster_project.common.failures import CAUSE, ERROR_CLASS, PERMANENT_CLASSES, REQUESTS, REQUESTS_FAILED, TO_DO
from dagster_project.common.retries import TRY_TAG, hold_seconds

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
STEP_EVENT_TYPES = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
}
# a step that a failed check blocked: the check itself is the problem
BLOCKED = "DagsterAssetCheckFailedError"
INTERRUPTED = "DagsterExecutionInterruptedError"


class RunCursor(NamedTuple):
    """Position in the events that end runs: the highest storage id read, and the ids just below that were read."""

    position: int
    handled: list[int]

    def after(self, storage_id: int) -> RunCursor:
        """Return the cursor after one more event."""
        position = max(self.position, storage_id)
        return RunCursor(position, [*(one for one in self.handled if one > position - OVERLAP), storage_id])


BACKFILLED = asset_key(HISTORY).to_user_string()


@dataclass(frozen=True)
class FinishedRun:
    """Run that ended: the names of its successes, its problems, and what the loads that succeeded lack, by asset."""

    job: str
    run_id: str
    succeeded: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)
    shortfalls: Mapping[str, str] = field(default_factory=dict)


class FinishedRuns(NamedTuple):
    """Runs that ended since a cursor, in order, and the cursor after them."""

    runs: list[FinishedRun]
    cursor: RunCursor


class RunPlan(NamedTuple):
    """Plan of a run.

    Attributes:
        loads: by step key, the assets that the step is to materialize and the names of their successes.
        checked: by step key, the asset that the step is to check.
        chosen: by step key, the chosen locations, in few characters; no entry for a load of all locations.
        hold_seconds: how long messages wait for automatic retries.
    """

    loads: dict[str | None, list[tuple[str, str]]]
    checked: dict[str | None, str]
    chosen: dict[str, str]
    hold_seconds: float


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
        try:
            entries = instance.all_logs(record.run_id, of_type=STEP_EVENT_TYPES)
            run = instance.get_run_by_id(record.run_id)
            runs.append(_finished_run(end, record, _run_plan(run, entries), entries, ignored_assets))
        except Exception as error:  # noqa: BLE001 - one unreadable run must not stop alerts
            log.error("Run %s cannot be read: %s", record.run_id, type(error).__name__)  # noqa: TRY400 - may hold a key
            if end.event_type == DagsterEventType.RUN_FAILURE:
                runs.append(_unreadable_run(end.job_name, record))
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


def _unreadable_run(job: str, record: EventLogRecord) -> FinishedRun:
    problem = dead_run(
        job,
        "The run failed; its events could not be read.",
        assets=[],
        waits_for=[job_succeeded(job)],
        at=record.timestamp,
        run_id=record.run_id,
    )
    return FinishedRun(job, record.run_id, problems=[problem])


def _finished_run(
    end: DagsterEvent,
    record: EventLogRecord,
    plan: RunPlan,
    entries: Sequence[EventLogEntry],
    ignored_assets: frozenset[str],
) -> FinishedRun:
    run_id = record.run_id
    events = [entry.get_dagster_event() for entry in entries]
    succeeded = frozenset(name for event in events for name in _successes(event, plan))
    problems = [problem for entry in entries for problem in _problems(entry, plan, run_id)]
    # a step that was interrupted failed because the run's process did
    step_failed = any(
        event.event_type == DagsterEventType.STEP_FAILURE and _step_error(event).error_class != INTERRUPTED
        for event in events
    )
    if end.event_type == DagsterEventType.RUN_SUCCESS:
        succeeded |= {job_succeeded(end.job_name)}
    elif end.event_type == DagsterEventType.RUN_CANCELED:
        # a person cancelled it: interrupted steps are no problem, failed checks are
        problems = [problem for problem in problems if problem.key.startswith("check ")]
    elif not step_failed:
        problems.append(_dead_run(end, record, plan, succeeded))
    problems = [problem for problem in problems if not ignored_assets.intersection(problem.assets)]
    shortfalls = dict(one for event in events if (one := _shortfall(event)))
    return FinishedRun(end.job_name, run_id, succeeded, merge_by_key(problems), shortfalls)


def _run_plan(run: DagsterRun | None, entries: Iterable[EventLogEntry]) -> RunPlan:
    tags = run.tags if run else {}
    # a run of the retries loads all that is missing, whatever locations that are
    chosen = _chosen_locations(run.run_config) if run and TRY_TAG not in tags else {}
    plan = RunPlan({}, {}, chosen, hold_seconds(tags) if run and run.job_name == JOB else 0.0)
    for event in (entry.get_dagster_event() for entry in entries):
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION_PLANNED and event.asset_key:
            asset = event.asset_key.to_user_string()
            planned = event.asset_materialization_planned_data
            subset = planned.partitions_subset
            partitions = list(subset.get_partition_keys()) if subset else [planned.partition]
            names = [asset_loaded(asset, partition, chosen.get(event.step_key or "")) for partition in partitions]
            plan.loads.setdefault(event.step_key, []).extend((asset, name) for name in names)
        elif event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            plan.checked[event.step_key] = event.asset_check_planned_data.asset_key.to_user_string()
    return plan


def _chosen_locations(run_config: Mapping[str, Any]) -> dict[str, str]:
    """Return the chosen locations of each step that loads only some, in few characters."""
    chosen = {}
    for step, op in (run_config.get("ops") or {}).items():
        location_ids = (op.get("config") or {}).get("only_location_ids")
        if location_ids is not None:
            digest = hashlib.sha256("\n".join(sorted(location_ids)).encode()).hexdigest()[:8]
            chosen[step] = f"{len(location_ids)} places, {digest}"
    return chosen


def _successes(event: DagsterEvent, plan: RunPlan) -> list[str]:
    """Return the name of the success that the event records, if it records one."""
    if event.event_type == DagsterEventType.ASSET_MATERIALIZATION and event.asset_key:
        chosen = plan.chosen.get(event.step_key or "")
        return [asset_loaded(event.asset_key.to_user_string(), event.partition, chosen)]
    if event.event_type == DagsterEventType.STEP_SUCCESS:
        return [step_succeeded(event.step_key)]
    if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        if evaluation.passed:
            return [check_passed(evaluation.asset_key.to_user_string(), evaluation.check_name)]
    return []


def _shortfall(event: DagsterEvent) -> tuple[str, str] | None:
    """Return the asset that the event says is loaded, and what that load lacks; None if it lacks nothing."""
    if event.event_type != DagsterEventType.ASSET_MATERIALIZATION or not event.asset_key:
        return None
    metadata = event.step_materialization_data.materialization.metadata
    numbers = [value.value for name in (REQUESTS_FAILED, REQUESTS) if (value := metadata.get(name))]
    if len(numbers) < 2 or not numbers[0]:
        return None
    asset = event.asset_key.to_user_string()
    return asset, f"{asset}: {numbers[0]} of {numbers[1]} requests still failed."


def _problems(entry: EventLogEntry, plan: RunPlan, run_id: str) -> list[Problem]:
    """Return the problem that the entry records, if it records one."""
    event = entry.get_dagster_event()
    if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        return [] if evaluation.passed else [failed_check(evaluation, entry.timestamp, run_id, plan.hold_seconds)]
    if event.event_type != DagsterEventType.STEP_FAILURE:
        return []
    error = _step_error(event)
    if error.error_class in (BLOCKED, INTERRUPTED):
        return []
    loads = plan.loads.get(event.step_key, [])
    assets = list(dict.fromkeys(asset for asset, _ in loads))
    waits_for = [name for _, name in loads] or [step_succeeded(event.step_key)]
    return [
        failed_step(
            error,
            assets=assets or [plan.checked.get(event.step_key, str(event.step_key))],
            waits_for=waits_for,
            at=entry.timestamp,
            run_id=run_id,
            hold_seconds=0.0 if error.error_class in PERMANENT_CLASSES else plan.hold_seconds,
            is_backfill=assets == [BACKFILLED],
        )
    ]


def _dead_run(end: DagsterEvent, record: EventLogRecord, plan: RunPlan, succeeded: frozenset[str]) -> Problem:
    error = getattr(end.event_specific_data, "error", None)
    description = " ".join(filter(None, [end.message, error.message.strip() if error else None]))
    planned = [load for loads in plan.loads.values() for load in loads]
    # the assets that it did not load, or all of them if it died after the last
    missing = [(asset, name) for asset, name in planned if name not in succeeded] or planned
    return dead_run(
        end.job_name,
        description,
        assets=dict.fromkeys(asset for asset, _ in missing),
        waits_for=[name for _, name in missing] or [job_succeeded(end.job_name)],
        at=record.timestamp,
        run_id=record.run_id,
        hold_seconds=plan.hold_seconds,
    )


def _step_error(event: DagsterEvent) -> StepError:
    """Return the error of a failed step: as ``common/failures.py`` described it, else as Dagster recorded it."""
    data = event.step_failure_data
    error = data.error
    while error and error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    error_class = (error.cls_name if error else None) or "Error"
    failure = data.user_failure_data
    if failure is None:
        return StepError(error_class, error.message.strip() if error else (event.message or ""), "")
    metadata: Mapping[str, str] = {key: str(value.value) for key, value in failure.metadata.items()}
    return StepError(
        metadata.get(ERROR_CLASS, error_class),
        failure.description or event.message or "",
        metadata.get(TO_DO, ""),
        metadata.get(CAUSE, ""),
    )

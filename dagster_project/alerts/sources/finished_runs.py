"""What a finished run says: the names of its successes, and its problems, from its events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dagster import DagsterEvent, DagsterEventType, DagsterRun, EventLogEntry, EventLogRecord

from dagster_project.alerts.sources.failed_checks import failed_check, without_repeats
from dagster_project.alerts.sources.names import asset_loaded, check_passed, job_succeeded, step_succeeded
from dagster_project.alerts.sources.problems import Problem, StepError, dead_run, failed_step, merge_by_key
from dagster_project.assets.backfills import BACKFILLS
from dagster_project.assets.materialize import CHECKS_JOB, JOB
from dagster_project.assets.partitions import PARTITION_TAG
from dagster_project.assets.translator import asset_key
from dagster_project.common.failures import CAUSE, ERROR_CLASS, REQUESTS, REQUESTS_FAILED, TO_DO, TOLD_AT_ONCE
from dagster_project.common.retries import TRY_TAG, hold_seconds
from dlt_sources.weather.common.errors import counted

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
BACKFILLED = frozenset(asset_key(name).to_user_string() for name in BACKFILLS)


@dataclass(frozen=True)
class FinishedRun:
    """Run that ended: the names of its successes, its problems, and what the loads that succeeded lack, by asset."""

    job: str
    run_id: str
    succeeded: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)
    shortfalls: Mapping[str, str] = field(default_factory=dict)


class RunPlan(NamedTuple):
    """Plan of a run.

    Attributes:
        loads: by step key, the assets that the step is to materialize and the names of their successes.
        checked: by step key, the asset that the step is to check.
        chosen: by step key, the chosen locations, in few characters; no entry for a load of all locations.
        hold_seconds: how long messages wait for automatic retries.
        partition: the run's partition, such as a shard of locations; None for a run of all.
    """

    loads: dict[str | None, list[tuple[str, str]]]
    checked: dict[str | None, str]
    chosen: dict[str, str]
    hold_seconds: float
    partition: str | None = None


def finished_run(
    end: DagsterEvent,
    record: EventLogRecord,
    plan: RunPlan,
    entries: Sequence[EventLogEntry],
    ignored_assets: frozenset[str],
) -> FinishedRun:
    """Return the successes and problems of a run.

    Args:
        end: the event that ended it.
        record: the record of that event.
        plan: what the run was to do.
        entries: its events of ``STEP_EVENT_TYPES``.
        ignored_assets: assets whose problems are left out.
    """
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
        succeeded |= {job_succeeded(end.job_name, plan.partition)}
    elif end.event_type == DagsterEventType.RUN_CANCELED:
        # a person cancelled it: interrupted steps are no problem, failed checks are
        problems = [problem for problem in problems if problem.key.startswith("check ")]
    elif not step_failed:
        problems.append(_dead_run(end, record, plan, succeeded))
    problems = [problem for problem in problems if not ignored_assets.intersection(problem.assets)]
    shortfalls = dict(one for event in events if (one := _shortfall(event)))
    return FinishedRun(end.job_name, run_id, succeeded, merge_by_key(without_repeats(problems)), shortfalls)


def run_plan(run: DagsterRun | None, entries: Iterable[EventLogEntry]) -> RunPlan:
    """Return what a run was to do.

    Args:
        run: the run; None if it was deleted.
        entries: its events of ``STEP_EVENT_TYPES``.
    """
    tags = run.tags if run else {}
    # a run of the retries loads all that is missing, whatever locations that are
    chosen = _chosen_locations(run.run_config) if run and TRY_TAG not in tags else {}
    hold = hold_seconds(tags) if run and run.job_name in (JOB, CHECKS_JOB) else 0.0
    plan = RunPlan({}, {}, chosen, hold, tags.get(PARTITION_TAG))
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
            chosen[step] = f"{counted(len(location_ids), 'place')}, {digest}"
    return chosen


def _successes(event: DagsterEvent, plan: RunPlan) -> list[str]:
    """Return the name of the success that the event records, if it records one."""
    if event.event_type == DagsterEventType.ASSET_MATERIALIZATION and event.asset_key:
        chosen = plan.chosen.get(event.step_key or "")
        return [asset_loaded(event.asset_key.to_user_string(), event.partition, chosen)]
    if event.event_type == DagsterEventType.STEP_SUCCESS:
        return [step_succeeded(event.step_key, plan.partition)]
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
    waits_for = [name for _, name in loads] or [step_succeeded(event.step_key, plan.partition)]
    return [
        failed_step(
            error,
            assets=assets or [plan.checked.get(event.step_key, str(event.step_key))],
            waits_for=waits_for,
            at=entry.timestamp,
            run_id=run_id,
            hold_seconds=0.0 if error.error_class in TOLD_AT_ONCE else plan.hold_seconds,
            is_backfill=bool(assets) and BACKFILLED.issuperset(assets),
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
        waits_for=[name for _, name in missing] or [job_succeeded(end.job_name, plan.partition)],
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

"""Sensor that continues backfills whose budget was spent, as soon as there are calls again.

A run that met the limit has ended, green, without the partitions that are left (``assets/waiting.py``): they are
neither loaded nor failed, and its backfill stays in progress. This sensor requests a run for them, with the backfill's
tag, so that the backfill counts it. Hourly loads go first in the queue and in the pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dagster import (
    AssetSelection,
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from dagster_project.assets.backfills import configured_backfills
from dagster_project.assets.translator import asset_key
from dagster_project.assets.waiting import (
    ASSET_TAG,
    BACKFILL_TAG,
    CANCELED,
    CONTINUED,
    CONTINUES_TAG,
    STATE_TAG,
    WaitingRun,
    budget_name,
    waiting_runs,
)
from dagster_project.common import clock
from dagster_project.common.environment import reload_settings
from dagster_project.common.run_states import UNFINISHED
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import load_settings

NAME = "waiting_backfill_sensor"
NOTHING_WAITS = "No backfill waits for calls."


@sensor(
    name=NAME,
    asset_selection=AssetSelection.assets(*(asset_key(backfill.name) for backfill in configured_backfills())),
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Continues backfills that wait for the calls of the next hour, day or month.",
)
def waiting_backfill_sensor(context: SensorEvaluationContext) -> SensorResult:
    """Request the partitions of each asset that waits long enough, the oldest run of it first."""
    instance, now = context.instance, clock.now()
    by_asset: dict[str, list[WaitingRun]] = {}
    for waiting in waiting_runs(instance):
        if not _is_settled(instance, waiting):
            by_asset.setdefault(waiting.asset, []).append(waiting)
    requests = [_request(runs[0]) for runs in by_asset.values() if _is_due(instance, runs, now)]
    if requests:
        return SensorResult(run_requests=requests)
    sentences = [_sentence(runs) for runs in by_asset.values()]
    return SensorResult(skip_reason=SkipReason(" ".join(sentences) or NOTHING_WAITS))


def _is_settled(instance: DagsterInstance, waiting: WaitingRun) -> bool:
    """Return whether a waiting run is continued already, or its backfill was cancelled; note it in its tags."""
    if instance.get_runs(RunsFilter(tags={CONTINUES_TAG: waiting.run.run_id}), limit=1):
        state = CONTINUED
    elif _is_canceled(instance, waiting.run.tags.get(BACKFILL_TAG)):
        state = CANCELED
    else:
        return False
    instance.add_run_tags(waiting.run.run_id, {STATE_TAG: state})
    return True


def _is_canceled(instance: DagsterInstance, backfill_id: str | None) -> bool:
    backfill = instance.get_backfill(backfill_id) if backfill_id else None
    return backfill is not None and backfill.status.value.startswith("CANCEL")


def _is_due(instance: DagsterInstance, runs: Sequence[WaitingRun], now: datetime) -> bool:
    """Return whether a run of an asset may be continued: all of its runs need the same calls, so they go in turn.

    They need not wait any longer if a person has changed the budget.
    """
    newest = max(runs, key=lambda one: one.until)
    if now < newest.until and not (newest.budget and _is_changed(newest.budget)):
        return False
    return not instance.get_runs(RunsFilter(tags={ASSET_TAG: runs[0].asset}, statuses=UNFINISHED), limit=1)


def _is_changed(budget: str) -> bool:
    """Return whether the settings have another limit than when it was spent, so that there may be calls again."""
    product, period, _ = budget.split()
    try:
        reload_settings()
        limits = load_settings().limits_of("one_call" if product == "one_call" else "free")
    except ConfigurationError:
        return False
    limit = {"day": limits.per_day, "month": limits.per_month}.get(period, limits.paid_per_month)
    return budget != budget_name(product, period, limit)


def _request(waiting: WaitingRun) -> RunRequest:
    return RunRequest(
        run_key=waiting.run_key,
        run_config=waiting.run.run_config,
        tags=waiting.tags,
        asset_selection=[asset_key(waiting.asset)],
    )


def _sentence(runs: Sequence[WaitingRun]) -> str:
    """Return why the partitions of one asset wait, and until when."""
    newest = max(runs, key=lambda one: one.until)
    return f"{newest.asset} waits with {newest.first} to {newest.last}: {newest.because}"

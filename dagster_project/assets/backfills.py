"""Backfill assets: each fills the table of an incremental resource by partitions, and waits when a budget is spent.

A run takes its partitions in order, and each is materialised when it is complete. A run ends early, and green, when no
calls are left, or when an hourly load waits for the pool; ``waiting.py`` keeps what is left, and
``waiting_backfill_sensor`` requests it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    AssetSpec,
    BackfillPolicy,
    DagsterInstance,
    DagsterRunStatus,
    MonthlyPartitionsDefinition,
    RunsFilter,
    TimeWindowPartitionsDefinition,
)

from dagster_project.assets.dagster_dlt import BronzeDltResource
from dagster_project.assets.estimate import costs_of_partition, log_estimate
from dagster_project.assets.materialize import JOB, load_asset
from dagster_project.assets.translator import BronzeTranslator, asset_key
from dagster_project.assets.waiting import budget_name, wait
from dagster_project.common import clock
from dagster_project.common.environment import configured_resources, target_and_settings
from dagster_project.common.failures import reported_failures
from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.common.settings import HISTORY_BEGINS

AIR_POLLUTION_HISTORY = "air_pollution_history"
# the first day of One Call's history: openweathermap.org/api/one-call-4
WEATHER_BEGINS = "1979-01-01"
HOURLY_LOAD_WAITS = "An hourly load waits; the backfill goes on after it."
SHORTEST_WAIT = timedelta(minutes=1)
UNFINISHED_LOADS = RunsFilter(
    job_name=JOB, statuses=[DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED]
)


class Backfill(NamedTuple):
    """One asset for backfills.

    Attributes:
        name: name of the asset.
        resource: the dlt resource, whose table it fills.
        partitions: its partitions, the present one included.
        policy: how many partitions a run takes.
        at_once: whether a run loads all its partitions at once; otherwise one after the other.
        calls: what a call brings, in words.
        most_calls: most calls of a partition for each place.
    """

    name: str
    resource: str
    partitions: TimeWindowPartitionsDefinition
    policy: BackfillPolicy
    at_once: bool
    calls: str
    most_calls: int

    def period(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the settings ``since`` and ``until`` of consecutive partitions."""
        first, last = (self.partitions.time_window_for_partition_key(key) for key in (keys[0], keys[-1]))
        start = max(first.start, HISTORY_BEGINS) if self.resource == "air_pollution" else first.start
        return {"since": f"{start:%Y-%m-%dT%H:%MZ}", "until": f"{last.end - timedelta(hours=1):%Y-%m-%dT%H:%MZ}"}


BACKFILLS: dict[str, Backfill] = {
    backfill.name: backfill
    for backfill in (
        Backfill(
            AIR_POLLUTION_HISTORY,
            "air_pollution",
            MonthlyPartitionsDefinition(f"{HISTORY_BEGINS:%Y-%m-01}", timezone="UTC", end_offset=1),
            # one run a year, so that hourly loads get a slot in a long backfill
            BackfillPolicy.multi_run(12),
            at_once=True,
            calls="one call for each place and 90 days",
            most_calls=1,
        ),
        Backfill(
            "weather_history_backfill",
            "weather_history",
            MonthlyPartitionsDefinition(WEATHER_BEGINS, timezone="UTC", end_offset=1),
            # of several runs, each would begin only to find that no call is left
            BackfillPolicy.single_run(),
            at_once=False,
            calls="one call for each place and 20 hours",
            most_calls=38,
        ),
        Backfill(
            "weather_history_daily_backfill",
            "weather_history_daily",
            TimeWindowPartitionsDefinition(
                cron_schedule="0 0 1 1 *", start=WEATHER_BEGINS, fmt="%Y-%m-%d", timezone="UTC", end_offset=1
            ),
            BackfillPolicy.single_run(),
            at_once=False,
            calls="one call for each place and 10 days",
            most_calls=37,
        ),
    )
}


def configured_backfills() -> list[Backfill]:
    """Return the backfills of the configured resources; that of air pollution, which costs nothing, is always there."""
    names = {*configured_resources(), "air_pollution"}
    return [backfill for backfill in BACKFILLS.values() if backfill.resource in names]


class BackfillTranslator(BronzeTranslator):
    """Description of an asset for backfills: the resource and table of the hourly asset, by partitions.

    Args:
        destination_type: dlt's short name of the destination's type.
        backfill: the asset.
    """

    def __init__(self, destination_type: str, backfill: Backfill) -> None:
        super().__init__(destination_type)
        self.backfill = backfill

    def get_asset_spec(self, data: Any) -> AssetSpec:
        """Return the asset, without a freshness policy: it is as fresh as its newest backfill."""
        spec = super().get_asset_spec(data)
        return spec.replace_attributes(
            key=asset_key(self.backfill.name), description=_description(self.backfill), freshness_policy=None
        )


def load_backfill(
    context: AssetExecutionContext,
    resource: BronzeDltResource,
    translator: BackfillTranslator,
    backfill: Backfill,
    **overrides: Any,
) -> None:
    """Load the partitions of a run in order, and materialise each that is complete.

    Args:
        context: the step's.
        resource: dagster-dlt's resource.
        translator: names the asset of each dlt resource.
        backfill: the asset.
        **overrides: settings that replace the configured ones, except those that are None.

    Raises:
        Failure: most of a partition was not loaded; the answers that arrived are.
        DagsterExecutionInterruptedError: the run was terminated; the answers that arrived are loaded.
    """
    keys = list(context.partition_keys)
    loads = [keys] if backfill.at_once else [[key] for key in keys]
    with (
        reported_failures(),
        target_and_settings(backfill.resource, **overrides, **backfill.period(keys)) as (target, settings),
    ):
        estimate = log_estimate(context, target, settings)
    for number, partitions in enumerate(loads):
        left = [key for later in loads[number:] for key in later]
        if number and _hourly_load_waits(context.instance):
            wait(context, left, clock.now(), HOURLY_LOAD_WAITS)
            return
        loaded = load_asset(
            context, resource, translator, backfill.resource, **overrides, **backfill.period(partitions)
        )
        if loaded.waits:
            # a clock of the database that is behind must not start run after run
            until = max(loaded.waits.renewed_at, clock.now() + SHORTEST_WAIT)
            budget = budget_name(loaded.waits.product, loaded.waits.period, loaded.waits.limit)
            wait(context, left, until, str(loaded.waits), budget)
            return
        for key in partitions:
            context.log_event(
                AssetMaterialization(context.asset_key, metadata=loaded.metadata | estimate, partition=key)
            )


def _hourly_load_waits(instance: DagsterInstance) -> bool:
    return bool(instance.get_runs(UNFINISHED_LOADS, limit=1))


def _description(backfill: Backfill) -> str:
    endpoint = BY_NAME[backfill.resource]
    return (
        f"{endpoint.description.rstrip('.')}; by whole {_kind(backfill)}, into the table of {backfill.resource}: "
        f"choose partitions to backfill. Only what is missing is requested, with {backfill.calls}: a partition takes "
        f"{costs_of_partition(backfill.resource, backfill.most_calls)}. "
        "The run's log gives the calls and the money before the first call; "
        f"`weather plan --resources {backfill.resource} --since …` gives it before the run. When the calls of a day or "
        "month are spent, the backfill waits, and goes on by itself."
    )


def _kind(backfill: Backfill) -> str:
    return "months" if isinstance(backfill.partitions, MonthlyPartitionsDefinition) else "years"

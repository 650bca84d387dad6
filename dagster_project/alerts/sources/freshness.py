"""Freshness of assets: when each was last loaded, judged by the freshness policy of the bronze assets.

Loads outside Dagster count too: they are reported as materializations (``outside_loads.py``).
Dagster's daemon evaluates the same policy for the UI, but offers no public way to read its result. The time of the
last materialization is public.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import NamedTuple

from dagster import DagsterInstance

from dagster_project.alerts.sources.names import asset_fresh
from dagster_project.alerts.sources.problems import Problem
from dagster_project.alerts.state import Level
from dagster_project.assets.translator import asset_key
from dagster_project.common.environment import configured_resources
from dagster_project.common.retries import schedule_is_off
from dagster_project.common.schedule import configured_schedule, fail_after, warn_after

KEY = "stale"
LOADED_HERE = "Check that the daemon runs, that hourly_weather_schedule is on, and that no run waits or hangs."
LOADED_ELSEWHERE = (
    "WEATHER_SCHEDULE is off, so something else loads, such as a CronJob: check that it is not suspended, and "
    "the log of its last load."
)


class Freshness(NamedTuple):
    """Freshness of all assets: the names of successes of the fresh ones, and one problem for the others, if any."""

    succeeded: set[str]
    problems: list[Problem]


def read_last_loads(instance: DagsterInstance, log: logging.Logger) -> dict[str, float]:
    """Return when each configured bronze asset was last materialized, in UNIX seconds.

    An asset that was never materialized is left out: it has no age, in Dagster's UI neither.

    Args:
        instance: the instance whose records are read.
        log: receives the error if the records cannot be read; a later tick reads them.
    """
    try:
        records = instance.get_asset_records([asset_key(name) for name in configured_resources()])
    except Exception as error:  # noqa: BLE001 - unreadable asset records must not stop alerts about runs
        log.error("The ages of assets cannot be read: %s", type(error).__name__)  # noqa: TRY400 - may hold a password
        return {}
    return {
        record.asset_entry.asset_key.to_user_string(): record.asset_entry.last_materialization.timestamp
        for record in records
        if record.asset_entry.last_materialization
    }


def newest_of(first: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Return the later moment of each asset that either has.

    Args:
        first: moments by asset, UNIX seconds.
        other: further ones.
    """
    return {asset: max(one[asset] for one in (first, other) if asset in one) for asset in first.keys() | other.keys()}


def assess_freshness(
    last_loads: Mapping[str, float], explained: Collection[str], *, started: float, now: float
) -> Freshness:
    """Return which assets are fresh, and one problem for all that are not.

    Args:
        last_loads: when each asset was last loaded, in UNIX seconds.
        explained: assets that are left out of the problem, because an open incident says why nothing was loaded.
        started: when alerts began, UNIX seconds; the age of an asset counts from then at the earliest.
        now: the present moment, UNIX seconds.
    """
    fresh = {
        asset for asset, loaded_at in last_loads.items() if now - max(loaded_at, started) < warn_after().total_seconds()
    }
    succeeded = {asset_fresh(asset) for asset in fresh}
    late = sorted(asset for asset in last_loads.keys() - fresh if asset not in explained)
    if not late:
        return Freshness(succeeded, [])
    oldest = min(last_loads[asset] for asset in late)
    level: Level = "error" if now - max(oldest, started) >= fail_after().total_seconds() else "warning"
    number = "1 asset is" if len(late) == 1 else f"{len(late)} assets are"
    problem = Problem(
        key=KEY,
        subject=f"{number} {'stale' if level == 'error' else 'late'}",
        description=f"No load has brought them for {(now - oldest) / 60:.0f} minutes; loads are due by the "
        f"schedule {configured_schedule()}, UTC.",
        assets=tuple(late),
        waits_for=frozenset(map(asset_fresh, late)),
        at=oldest,
        level=level,
        advice=LOADED_ELSEWHERE if schedule_is_off() else LOADED_HERE,
    )
    return Freshness(succeeded, [problem])

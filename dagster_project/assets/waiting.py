"""Waiting backfills: the partitions that a run leaves for later, until when, and why, kept in the run's tags.

Tags outlive the process and the code server, and the UI shows them with the run. A waiting backfill has no process, no
place in the queue and no slot of the pool. To cancel it, cancel the backfill, or delete the run that waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from dagster import AssetExecutionContext, AssetObservation, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from dlt_sources.weather.common.clock import utc

# state of a run's rest, one of the three below; a run without the tag left nothing
STATE_TAG = "weather/backfill"
WAITS, CONTINUED, CANCELED = "waits", "continued", "canceled"
ASSET_TAG = "weather/backfill_asset"
BECAUSE_TAG = "weather/waits_because"
UNTIL_TAG = "weather/waits_until"
# product, period and limit of the budget that is spent
BUDGET_TAG = "weather/waits_for_budget"
FIRST_TAG, LAST_TAG = "weather/waits_with_first", "weather/waits_with_last"
# of the run that continues another one
CONTINUES_TAG = "weather/continues"
BACKFILL_TAG = "dagster/backfill"
# more would not be looked at in one tick; a backfill of consecutive partitions has one waiting run
MOST_WAITING = 100


class WaitingRun(NamedTuple):
    """Partitions that a run left for later.

    Attributes:
        run: the run, which has ended.
        asset: name of the asset, such as ``weather_history_backfill``.
        first: key of the first partition that is left.
        last: key of the last one; all between them are left too.
        until: moment from which on they may be requested again, UTC.
        because: sentence that says why they wait, and until when.
        budget: product, period and limit of the budget that is spent; None if they wait for something else.
    """

    run: DagsterRun
    asset: str
    first: str
    last: str
    until: datetime
    because: str
    budget: str | None = None

    @property
    def run_key(self) -> str:
        """Key of the run that continues this one: however often it is requested, Dagster starts it once."""
        return f"continues-{self.run.run_id}"

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags of the run that continues this one: the partitions, and the backfill that it belongs to."""
        backfill = self.run.tags.get(BACKFILL_TAG)
        return {
            "dagster/asset_partition_range_start": self.first,
            "dagster/asset_partition_range_end": self.last,
            # after hourly loads that are in the queue
            "dagster/priority": "-5",
            ASSET_TAG: self.asset,
            CONTINUES_TAG: self.run.run_id,
        } | ({BACKFILL_TAG: backfill} if backfill else {})


def budget_name(product: str, period: str, limit: int | None) -> str:
    """Return the budget of a product in a period, as the tags name it: another limit is another budget."""
    return f"{product} {period} {limit}"


def wait(
    context: AssetExecutionContext, keys: Sequence[str], until: datetime, because: str, budget: str | None = None
) -> None:
    """Leave partitions for later, and say so in the log, with the asset and in the run's tags.

    Args:
        context: the step's; the step must end after it.
        keys: keys of consecutive partitions.
        until: moment from which on they may be requested again, UTC.
        because: sentence that says why they wait, and until when.
        budget: name of the budget that is spent, if one is.
    """
    number = "1 partition waits" if len(keys) == 1 else f"{len(keys)} partitions wait"
    context.log.warning("%s, from %s: %s", number, keys[0], because)
    context.log_event(
        AssetObservation(
            context.asset_key, partition=keys[0], description=because, metadata={"partitions_waiting": len(keys)}
        )
    )
    context.instance.add_run_tags(
        context.run.run_id,
        {
            STATE_TAG: WAITS,
            ASSET_TAG: context.asset_key.path[-1],
            BECAUSE_TAG: because,
            UNTIL_TAG: utc(until).isoformat(),
            FIRST_TAG: keys[0],
            LAST_TAG: keys[-1],
        }
        | ({BUDGET_TAG: budget} if budget else {}),
    )


def waiting_runs(instance: DagsterInstance) -> list[WaitingRun]:
    """Return the runs that left partitions for later which no other run has taken up, oldest first.

    A run that a person cancelled is none: its backfill is not wanted.

    Args:
        instance: the instance whose runs are read.
    """
    ended = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
    runs = instance.get_runs(RunsFilter(tags={STATE_TAG: WAITS}, statuses=ended), limit=MOST_WAITING)
    return [_waiting_run(run) for run in reversed(runs)]


def _waiting_run(run: DagsterRun) -> WaitingRun:
    names = (ASSET_TAG, FIRST_TAG, LAST_TAG, UNTIL_TAG, BECAUSE_TAG)
    asset, first, last, until, because = (run.tags[name] for name in names)
    return WaitingRun(run, asset, first, last, datetime.fromisoformat(until), because, run.tags.get(BUDGET_TAG))

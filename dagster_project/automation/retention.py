"""Retention of Dagster's records of runs, which it otherwise keeps for ever.

Measured: a run of the five free resources leaves about 1 MB in SQLite and 0.5 MB in PostgreSQL. Four shards an hour and
the checks after them, 120 runs a day, would leave 16 GB or 6 GB in a year.
"""

# no `from __future__ import annotations`: Dagster reads the annotations of ops as objects

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    Config,
    DagsterEventType,
    DagsterInstance,
    OpExecutionContext,
    RunsFilter,
    in_process_executor,
    job,
    op,
)
from pydantic import Field

from dagster_project.assets.backfills import BACKFILLS
from dagster_project.assets.translator import asset_key
from dagster_project.common import clock
from dagster_project.common.run_states import FINISHED
from dagster_project.instance.records import delete_leftovers, delete_runs, records_bytes, reuse_space

PAGE = 200


class Retention(Config):
    """Run configuration of the retention job."""

    days: int = Field(90, ge=1, description="Days that a finished run, its events and logs are kept at most.")
    most_runs: int = Field(
        700,
        ge=1,
        description="Number of finished runs that are kept at most, the newest ones: it bounds the records' size, "
        "however many shards there are. 700 runs take 0.7 GB in SQLite and 0.4 GB in PostgreSQL.",
    )


@op
def delete_old_runs(context: OpExecutionContext, config: Retention) -> int:
    """Delete finished runs beyond the retention, with their events, checks and logs, and what earlier ones left.

    Kept are the runs that hold the newest materialisation of an asset, or of a backfilled month or year, which would
    show as missing otherwise. Shards are materialised every hour and need none.

    Returns:
        The number of deleted runs.
    """
    instance = context.instance
    before = clock.now() - timedelta(days=config.days)
    size = records_bytes(instance)
    kept = _materialised_last(instance)
    old = [run_id for run_id in _runs_beyond(instance, before, config.most_runs) if run_id not in kept]
    delete_runs(instance, old)
    files = delete_leftovers(instance, before)
    reuse_space(instance)
    left = records_bytes(instance)
    context.log.info(
        "Deleted %d runs that were created before %s or are not among the newest %d, and %d files of earlier ones; "
        "Dagster's records take %.1f MB, %.1f MB before",
        len(old), f"{before:%Y-%m-%d %H:%M} UTC", config.most_runs, files, left / 1e6, size / 1e6,
    )  # fmt: skip
    context.add_output_metadata({"runs_deleted": len(old), "files_deleted": files, "bytes": left, "bytes_before": size})
    return len(old)


def _runs_beyond(instance: DagsterInstance, before: datetime, most: int) -> Sequence[str]:
    """Return the finished runs that are older than a moment, or follow the newest ones of a number."""
    newest = instance.get_run_ids(RunsFilter(statuses=FINISHED), limit=most)
    # a dict keeps their order and each of them once
    found = dict.fromkeys(_pages(instance, RunsFilter(statuses=FINISHED, created_before=before)))
    if len(newest) == most:
        found |= dict.fromkeys(_pages(instance, RunsFilter(statuses=FINISHED), newest[-1]))
    return list(found)


def _pages(instance: DagsterInstance, runs: RunsFilter, cursor: str | None = None) -> Iterator[str]:
    while page := instance.get_run_ids(runs, cursor=cursor, limit=PAGE):
        cursor = page[-1]
        yield from page


def _materialised_last(instance: DagsterInstance) -> set[str]:
    """Return the runs that hold the newest materialisation of an asset, or of a partition of a backfill's asset."""
    newest = (instance.get_latest_materialization_event(key) for key in instance.get_asset_keys())
    runs = {event.run_id for event in newest if event}
    for name in BACKFILLS:
        runs |= set(_runs_of_partitions(instance, asset_key(name)))
    return runs


def _runs_of_partitions(instance: DagsterInstance, key: AssetKey) -> Iterator[str]:
    ids = instance.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION)
    numbers = list(ids.values())
    for first in range(0, len(numbers), PAGE):
        chosen = AssetRecordsFilter(asset_key=key, storage_ids=numbers[first : first + PAGE])
        yield from (record.run_id for record in instance.fetch_materializations(chosen, limit=PAGE).records)


@job(executor_def=in_process_executor)
def prune_job() -> None:
    """Delete the records of old runs from Dagster's storage; the bronze tables do not change."""
    delete_old_runs()

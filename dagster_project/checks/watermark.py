"""Watermarks for incremental checks: a check re-reads only rows loaded since its last pass, so it stays fast.

- After a pass, a check reads the rows loaded since, and those of one day before it: a load may have begun long before
  the check and ended after it.
- After a failure, it reads the same rows again, so it fails until they are corrected.
- On its first evaluation, and on other tables than last time, it reads everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from dagster import AssetCheckEvaluation, AssetCheckKey, DagsterEventType, DagsterInstance, MetadataValue

OVERLAP = timedelta(days=1)
# records that are read to find an evaluation; the newest ones are of this run, and of runs that died before the check
HISTORY_LENGTH = 10
# keys of an evaluation's metadata
SINCE = "loaded_since"
TABLES = "tables"


def watermark(instance: DagsterInstance, check: AssetCheckKey, tables: str) -> datetime | None:
    """Return the moment (UTC) from which a check must read loaded rows, or None if it must read them all.

    Args:
        instance: the Dagster instance that stores the evaluations of the check.
        check: the check.
        tables: a description of the tables the check reads, unique to them.
    """
    for record in instance.event_log_storage.get_asset_check_execution_history(check, limit=HISTORY_LENGTH):
        event = record.event
        if event and event.dagster_event and event.dagster_event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            return _after(event.dagster_event.asset_check_evaluation_data, event.timestamp, tables)
    return None


def watermark_metadata(since: datetime | None, tables: str) -> Mapping[str, Any]:
    """Return the metadata from which the next evaluation computes its watermark.

    Args:
        since: the watermark of this evaluation.
        tables: a description of the tables the check reads, unique to them.
    """
    return {TABLES: tables} | ({SINCE: MetadataValue.timestamp(since)} if since else {})


def _after(evaluation: AssetCheckEvaluation, timestamp: float, tables: str) -> datetime | None:
    """Return the watermark after an evaluation that was stored at a Unix time."""
    metadata = {name: value.value for name, value in evaluation.metadata.items()}
    if metadata.get(TABLES) != tables:
        return None
    if evaluation.passed:
        return datetime.fromtimestamp(timestamp, timezone.utc) - OVERLAP
    since = metadata.get(SINCE)
    return datetime.fromtimestamp(since, timezone.utc) if isinstance(since, float) else None

"""Since when what was loaded is new to a check, so that checks do not take longer as tables grow.

A check that passed looks next time at what was loaded since, and at the day before that once more: a load may have
begun long before it was done. One that failed looks again at all it looked at, so that it fails until the rows are
mended. One that has not looked yet, or at other tables, looks at everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from dagster import AssetCheckKey, DagsterInstance, MetadataValue

# what the instance keeps of checks that are done has no shorter name
from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES

AGAIN = timedelta(days=1)
SINCE = "loaded_since"
TABLES = "tables"


def new_since(instance: DagsterInstance, check: AssetCheckKey, tables: str) -> datetime | None:
    """The moment since which what was loaded is new to a check; None where everything is.

    Args:
        instance: whose records of the check are read.
        check: the check.
        tables: which tables it looks at, in words that no others have.
    """
    records = instance.event_log_storage.get_asset_check_execution_history(
        check, limit=1, status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
    )
    event = records[0].event if records else None
    evaluation = event.dagster_event.asset_check_evaluation_data if event and event.dagster_event else None
    if event is None or evaluation is None:
        return None
    said = {name: value.value for name, value in evaluation.metadata.items()}
    if said.get(TABLES) != tables:
        return None
    if evaluation.passed:
        return datetime.fromtimestamp(event.timestamp, timezone.utc) - AGAIN
    since = said.get(SINCE)
    return datetime.fromtimestamp(since, timezone.utc) if isinstance(since, float) else None


def looked_at(since: datetime | None, tables: str) -> Mapping[str, Any]:
    """The metadata by which the next evaluation knows what this one looked at."""
    return {TABLES: tables} | ({SINCE: MetadataValue.timestamp(since)} if since else {})

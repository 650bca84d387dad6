"""Shards of locations as Dagster's partitions, one a run.

``WEATHER_SHARDS=4`` makes four; if it is unset, a run loads all locations. The partition key of the shard ``2/4`` is
``2-of-4``: IO managers that store a file for each partition would read a slash as a folder.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from dagster import AssetExecutionContext, StaticPartitionsDefinition

from dlt_sources.weather.common.shards import MOST_SHARDS, Shard, parse_shard

logger = logging.getLogger(__name__)
PARTITION_TAG = "dagster/partition"


def shard_keys() -> list[str]:
    """Return the partition keys of the shards; none for one shard, or if the number cannot be read."""
    text = os.environ.get("WEATHER_SHARDS", "").strip() or "1"
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= MOST_SHARDS:
        logger.warning("WEATHER_SHARDS must be from 1 to %d, not %r: every run loads all places", MOST_SHARDS, text)
        return []
    return [f"{shard}-of-{number}" for shard in range(1, number + 1)] if number > 1 else []


def shard_partitions() -> StaticPartitionsDefinition | None:
    """Return the partitions of the hourly assets, or None if they have none."""
    keys = shard_keys()
    return StaticPartitionsDefinition(keys) if keys else None


def shard_of(key: str) -> Shard:
    """Return the shard of a partition key."""
    return parse_shard(key.replace("-of-", "/"))


def shard_setting(context: AssetExecutionContext) -> str | None:
    """Return the setting ``shard`` of a step, such as ``2/4``, or None without partitions."""
    return str(shard_of(context.partition_key)) if context.has_partition_key else None


def shard_of_run(tags: Mapping[str, str]) -> str | None:
    """Return the setting ``shard`` of a run from its tags; None for a run of all locations, or of months of history."""
    key = tags.get(PARTITION_TAG)
    return str(shard_of(key)) if key in shard_keys() else None

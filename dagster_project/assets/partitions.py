"""Shards of places as Dagster's partitions, one a run: ``WEATHER_SHARDS=4`` makes four; unset, a run loads all places.

A partition's key is ``2-of-4`` for the shard ``2/4``: a slash would be a folder to whatever keeps files by partition.
"""

from __future__ import annotations

import logging
import os

from dagster import AssetExecutionContext, StaticPartitionsDefinition

from dlt_sources.weather.common.shards import MOST_SHARDS, Shard, parse_shard

logger = logging.getLogger(__name__)


def shard_keys() -> list[str]:
    """The keys of the shards; none where there is but one, or where the number cannot be read."""
    text = os.environ.get("WEATHER_SHARDS", "").strip() or "1"
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= MOST_SHARDS:
        logger.warning("WEATHER_SHARDS must be from 1 to %d, not %r: every run loads all places", MOST_SHARDS, text)
        return []
    return [f"{one}-of-{number}" for one in range(1, number + 1)] if number > 1 else []


def shard_partitions() -> StaticPartitionsDefinition | None:
    """The partitions of the hourly assets; None where they have none."""
    keys = shard_keys()
    return StaticPartitionsDefinition(keys) if keys else None


def shard_of(key: str) -> Shard:
    """The shard of a partition."""
    return parse_shard(key.replace("-of-", "/"))


def shard_setting(context: AssetExecutionContext) -> str | None:
    """The setting ``shard`` of a step."""
    return str(shard_of(context.partition_key)) if context.has_partition_key else None

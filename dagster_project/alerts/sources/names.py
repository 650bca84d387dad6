"""Names of successes: what incidents wait for, and what runs achieved.

They are stored in the cursor of the alert sensor: changing one orphans the incidents that are open.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from dagster_project.assets.translator import GROUP

ASSET = "asset "
PARTITION = " in "
CHOSEN = " of "
# the partition key of a shard of locations at the end of a name: assets/partitions.py
_OF_SHARD = re.compile(rf"{PARTITION}(\d+-of-\d+)$")


def asset_loaded(asset: str, partition: str | None = None, chosen: str | None = None) -> str:
    """Return the name of the success of loading an asset.

    Args:
        asset: the asset's key, as text.
        partition: the partition that was loaded, if the asset has partitions.
        chosen: the locations that were loaded, in few characters; None for all locations.
    """
    name = f"{ASSET}{asset}"
    if partition:
        name += f"{PARTITION}{partition}"
    return f"{name}{CHOSEN}{chosen}" if chosen else name


def asset_fresh(asset: str) -> str:
    """Return the name of the success of an asset being fresh."""
    return f"fresh {asset}"


def check_passed(asset: str, check: str) -> str:
    """Return the name of the success of a check."""
    return f"check {check} of {asset}"


def step_succeeded(step_key: str | None, partition: str | None = None) -> str:
    """Return the name of the success of a step of a run, which may be of a partition."""
    return f"step {step_key}{PARTITION}{partition}" if partition else f"step {step_key}"


def job_succeeded(job: str, partition: str | None = None) -> str:
    """Return the name of the success of a whole run of a job, which may be of a partition."""
    return f"job {job}{PARTITION}{partition}" if partition else f"job {job}"


def is_covered(name: str, succeeded: Collection[str]) -> bool:
    """Return whether successes cover a name.

    A load of chosen locations is covered by one of all locations of the same partition too, and a shard by a load
    without shards. No shard covers another one.
    """
    whole = name.partition(CHOSEN)[0] if name.startswith(ASSET) else name
    return not {name, whole, _OF_SHARD.sub("", whole)}.isdisjoint(succeeded)


def renamed_by_shards(names: Iterable[str], shards: Sequence[str]) -> list[str]:
    """Return names of successes as they can be had with the present shards: those of another number never succeed.

    Args:
        names: names of successes.
        shards: partition keys of the present shards; none if runs load all locations.
    """
    renamed: dict[str, None] = {}
    for name in names:
        whole = name.partition(CHOSEN)[0] if name.startswith(ASSET) else name
        shard = _OF_SHARD.search(whole)
        if shard and shard[1] not in shards:
            whole = whole[: shard.start()]
        elif shard or not (shards and whole.startswith(f"{ASSET}{GROUP}/") and PARTITION not in whole):
            renamed[name] = None
            continue
        renamed |= dict.fromkeys([f"{whole}{PARTITION}{key}" for key in shards] or [whole])
    return list(renamed)


def awaited_shards(names: Iterable[str]) -> list[str]:
    """Return the shards that the names are of, each once."""
    found = (_OF_SHARD.search(name.partition(CHOSEN)[0] if name.startswith(ASSET) else name) for name in names)
    return list(dict.fromkeys(shard[1] for shard in found if shard))


def fully_awaited_asset(name: str) -> str | None:
    """Return the asset if the name is of a load of all its locations, else None."""
    if not name.startswith(ASSET) or CHOSEN in name:
        return None
    return name.removeprefix(ASSET).partition(PARTITION)[0]

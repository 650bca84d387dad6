"""Names of successes: what incidents wait for, and what runs achieved.

They are stored in the cursor of the alert sensor: changing one orphans the incidents that are open.
"""

from __future__ import annotations

from collections.abc import Collection

ASSET = "asset "
PARTITION = " in "
CHOSEN = " of "


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


def step_succeeded(step_key: str | None) -> str:
    """Return the name of the success of a step."""
    return f"step {step_key}"


def job_succeeded(job: str) -> str:
    """Return the name of the success of a whole run of a job."""
    return f"job {job}"


def is_covered(name: str, succeeded: Collection[str]) -> bool:
    """Return whether successes cover a name: a load of chosen locations is covered by one of all locations too."""
    return name in succeeded or (name.startswith(ASSET) and name.partition(CHOSEN)[0] in succeeded)


def fully_awaited_asset(name: str) -> str | None:
    """Return the asset if the name is of a load of all its locations, else None."""
    if not name.startswith(ASSET) or CHOSEN in name:
        return None
    return name.removeprefix(ASSET).partition(PARTITION)[0]

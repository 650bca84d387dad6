"""Assets for which nothing came through for too long: the rule of their freshness policy, held against the last load.

The daemon evaluates the same policy and shows it in the UI; it keeps its verdict in no public place, the time of the
last materialisation is in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagster import AssetKey, DagsterInstance

from dagster_project.alerts.sources.problems import Problem, asset_thing
from dagster_project.alerts.state import Incident, Level
from dagster_project.assets.translator import FRESHNESS

LATE_SECONDS = FRESHNESS.warn_window.to_timedelta().total_seconds() if FRESHNESS.warn_window else float("inf")
STALE_SECONDS = FRESHNESS.fail_window.to_timedelta().total_seconds()
KEY = "stale"


def fresh_thing(asset: str) -> str:
    """What the cause waits for."""
    return f"fresh {asset}"


def staleness(
    instance: DagsterInstance, assets: Sequence[AssetKey], causes: Iterable[Incident], started: float, now: float
) -> tuple[set[str], Problem | None]:
    """Return what is fresh, and one trouble for all that is not.

    An asset that an open cause waits for is left out: why nothing came is said already. One that was never
    materialised has no age, to Dagster neither.

    Args:
        instance: whose records are read.
        assets: those with the policy.
        causes: those that are open.
        started: when alerts began; what was old before is history until it is old again since.
        now: the present moment; both in UNIX seconds.
    """
    explained = {thing for cause in causes for thing in cause.waits_for}
    fresh: set[str] = set()
    last: dict[str, float] = {}
    for record in instance.get_asset_records(assets):
        asset = record.asset_entry.asset_key.to_user_string()
        loaded = record.asset_entry.last_materialization
        if loaded is None:
            continue
        if now - max(loaded.timestamp, started) < LATE_SECONDS:
            fresh.add(fresh_thing(asset))
        elif asset_thing(asset) not in explained:
            last[asset] = loaded.timestamp
    if not last:
        return fresh, None
    names = sorted(last)
    oldest = min(last.values())
    level: Level = "error" if now - max(oldest, started) >= STALE_SECONDS else "warning"
    number = "1 asset is" if len(names) == 1 else f"{len(names)} assets are"
    trouble = Problem(
        key=KEY,
        subject=f"{number} {'stale' if level == 'error' else 'late'}",
        what=f"No run has loaded them for {(now - oldest) / 60:.0f} minutes; they are meant to be loaded every hour.",
        where=tuple(names),
        waits_for=frozenset(fresh_thing(name) for name in names),
        at=oldest,
        level=level,
        do="Is the daemon running, is hourly_weather_schedule on, does a run wait or hang?",
    )
    return fresh, trouble

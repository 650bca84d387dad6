"""Check of the space on disk: a warning before a volume is full, with the date."""

from __future__ import annotations

from datetime import datetime

from dagster_project.checks.queries import CheckResult
from dlt_sources.weather.status.space.model import LEAST_FREE, LEAST_LEFT, Space

DESCRIPTION = (
    f"The volumes of the database and of the working directories have at least {LEAST_FREE:.0%} free, and the "
    f"database's is not full within {LEAST_LEFT.days} days at the present growth."
)


def space_lasts(space: Space, now: datetime) -> CheckResult:
    """Return whether the volumes have space left, and for long enough.

    Args:
        space: sizes, growth and free space.
        now: the present, UTC.
    """
    figures: dict[str, float] = {f"free share of the {one.name}": round(one.share, 3) for one in space.volumes}
    if full := space.full_at(now):
        figures["days until full"] = round((full - now).total_seconds() / 86_400, 1)
    shortages = space.shortages(now)
    return CheckResult(passed=not shortages, figures=figures, description=" ".join(shortages))

"""Check of the backups, where infra/ makes them: the last one succeeded, and it is not too old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dagster_project.checks.queries import CheckResult
from dlt_sources.weather.destination.postgres.backups import TABLE, Backup

DESCRIPTION = f"The last backup of each database in {TABLE} succeeded, and the next one is not overdue."


def backups_are_recent(backups: Sequence[Backup], now: datetime) -> CheckResult:
    """Return whether there is a recent good backup of each database; it passes where no backups are recorded.

    Args:
        backups: the backups of each database.
        now: the present, UTC.
    """
    problems = [problem for one in backups if (problem := one.problem(now))]
    ages = {
        f"hours since the last good backup of {one.database}": round((now - one.good_at).total_seconds() / 3600, 1)
        for one in backups
        if one.good_at
    }
    return CheckResult(not problems, figures=ages, description=" ".join(problems) or None)

"""Check of the backups, where infra/ makes them: the last one succeeded, is recent, and copied where it is to be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dagster_project.checks.queries import CheckResult
from dlt_sources.weather.destination.postgres.backups import TABLE, Backup

DESCRIPTION = f"The last backup of each database in {TABLE} succeeded, and neither the next one nor a copy is overdue."


def backups_are_recent(backups: Sequence[Backup], now: datetime) -> CheckResult:
    """Return whether there is a recent good backup of each database; it passes where no backups are recorded.

    Args:
        backups: the backups of each database.
        now: the present, UTC.
    """
    problems = [problem for one in backups if (problem := one.problem(now))]
    ages = {
        f"hours since the last {what} of {one.database}": round((now - at).total_seconds() / 3600, 1)
        for one in backups
        for what, at in (("good backup", one.good_at), ("copy", one.copied_at))
        if at
    }
    return CheckResult(not problems, figures=ages, description=" ".join(problems) or None)

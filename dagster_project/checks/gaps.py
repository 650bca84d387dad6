"""Gaps in the hourly series of air pollution."""

from __future__ import annotations

from dagster_project.checks.queries import MOST_SHOWN, CheckResult, plain
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.status.gaps import read_gaps


def gaps(reader: DestinationReader) -> CheckResult:
    """Return the locations that miss hours of air pollution, with the first and last hour around their gaps."""
    found = read_gaps(reader)
    rows = [
        {"location_id": location_id, "missing_hours": gap.hours, "first": plain(gap.first), "last": plain(gap.last)}
        for location_id, gap in found.items()
    ]
    total = sum(gap.hours for gap in found.values())
    return CheckResult(not rows, rows[:MOST_SHOWN], {"missing_hours": total, "places": len(rows)})

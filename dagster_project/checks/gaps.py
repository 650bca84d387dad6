"""Gaps in the series of history: hours of air pollution and of weather, and days."""

from __future__ import annotations

from dagster_project.checks.queries import MOST_SHOWN, CheckResult, plain
from dagster_project.checks.rows import listed
from dlt_sources.weather.common.clock import DAY
from dlt_sources.weather.contracts import AirPollution, Contract
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.status.gaps import read_gaps, step_of


def unit(contract: type[Contract]) -> str:
    """Return what a row of a series stands for, in the plural."""
    return "days" if step_of(contract) == DAY else "hours"


def gaps(reader: DestinationReader, contract: type[Contract] = AirPollution) -> CheckResult:
    """Return the locations that miss rows of a series, with the first and last row around their gaps.

    Args:
        reader: reads the destination.
        contract: contract of the table.
    """
    missing = f"missing_{unit(contract)}"
    found = read_gaps(reader, contract)
    rows = [
        {"location_id": location_id, missing: gap.rows, "first": plain(gap.first), "last": plain(gap.last)}
        for location_id, gap in found.items()
    ]
    total = sum(gap.rows for gap in found.values())
    texts = [
        f"{row['location_id']}, {row[missing]} between {row['first']} and {row['last']}" for row in rows[:MOST_SHOWN]
    ]
    description = f"{total:,} {unit(contract)} are missing: {listed(texts, len(rows))}." if rows else None
    return CheckResult(not rows, rows[:MOST_SHOWN], {missing: total, "places": len(rows)}, description)

"""Check of what interrupted runs left: hours of a package that is set aside, or that waits elsewhere, are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster_project.checks.queries import MOST_SHOWN, CheckResult, plain
from dlt_sources.weather.pipeline.quarantine import SetAsidePackage

DESCRIPTION = (
    "No load package that the destination refused is set aside on this machine, and no interrupted run waits for "
    "another address of the destination."
)


def nothing_set_aside(packages: Sequence[SetAsidePackage], elsewhere: Sequence[str] = ()) -> CheckResult:
    """Return the packages that are set aside, with their hours and the reason.

    Args:
        packages: the packages, oldest first.
        elsewhere: a sentence about each other address that interrupted runs wait for.
    """
    number = sum(rows for one in packages for rows in one.tables.values())
    figures = {"set_aside_packages": len(packages), "set_aside_rows": number}
    if not packages:
        return CheckResult(not elsewhere, figures=figures, description=" ".join(elsewhere) or None)
    hours = [one.hours for one in packages if one.hours]
    fetched = (
        f", fetched from {plain(min(first for first, _ in hours))} to {plain(max(last for _, last in hours))}"
        if hours
        else ""
    )
    number_of = "1 load package is" if len(packages) == 1 else f"{len(packages)} load packages are"
    description = (
        f"{number_of} set aside with {number:,} rows{fetched}, which the tables lack: "
        f"{packages[0].reason or 'reason unknown'}"
    )
    return CheckResult(
        False, [_row(one) for one in packages[:MOST_SHOWN]], figures, ". ".join([description, *elsewhere])
    )


def _row(package: SetAsidePackage) -> dict[str, Any]:
    return {
        "run_id": package.run_id,
        "tables": ", ".join(f"{table} {rows}" for table, rows in sorted(package.tables.items())),
        "first": plain(package.hours[0]) if package.hours else None,
        "last": plain(package.hours[1]) if package.hours else None,
        "reason": package.reason,
        "path": str(package.path),
    }

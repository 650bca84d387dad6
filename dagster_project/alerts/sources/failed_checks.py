"""Problems of asset checks that did not pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import AssetCheckEvaluation, AssetCheckSeverity

from dagster_project.alerts.sources.names import check_passed
from dagster_project.alerts.sources.problems import ASSETS, Problem
from dagster_project.checks.names import LOCATIONS_ARE_RECENT, NOTHING_SET_ASIDE, REJECT_RATE
from dagster_project.checks.queries import MOST_SHOWN
from dagster_project.checks.watermark import SINCE, TABLES

ROWS_SHOWN = 3
DEFAULT_ADVICE = "Look at the check's metadata in the UI."
# by the end of a check's name: a resource with several tables prefixes it with the table's
ADVICE = {
    "no_duplicate_keys": "Delete the surplus rows, then materialise again. Nothing downstream runs until then.",
    "physical_ranges": "Compare the rows with weather_raw. Wrong values of the API stay until they are corrected.",
    "accounting": "Some fetched rows were neither loaded nor rejected: compare load_runs with the run's log.",
    REJECT_RATE: "Look at the rejects table: each row gives the reason.",
    "newest_is_recent": "Check that runs succeed and that they load rows; if they do, the API's own data is late.",
    LOCATIONS_ARE_RECENT: "Correct these places in the list, or take them out; the rejects table has every failure.",
    NOTHING_SET_ASIDE: "`weather packages` lists them with the reason; `weather packages --retry` loads them again.",
}
# a cause that makes them fail does so in several assets at the same time: they are one incident
SHARED = (REJECT_RATE, "newest_is_recent")
# what an hourly load did not get the retries of the same hour may
RETRIED = (REJECT_RATE,)


def failed_check(evaluation: AssetCheckEvaluation, at: float, run_id: str, hold_seconds: float = 0.0) -> Problem:
    """Return the problem of a check that did not pass, with the keys of the first rows at fault.

    Args:
        evaluation: the check's evaluation.
        at: when it was evaluated, UNIX seconds.
        run_id: the run that evaluated it.
        hold_seconds: how long the message of a check that retries may repair waits for them.
    """
    asset = evaluation.asset_key.to_user_string()
    check = evaluation.check_name
    metadata = {key: value.value for key, value in evaluation.metadata.items()}
    warning = evaluation.severity == AssetCheckSeverity.WARN
    key, subject = f"check {asset} {check}", f"check {check} of {asset} {'warns' if warning else 'failed'}"
    parts: dict[str, str] = {}
    shared = next((end for end in SHARED if check.endswith(end)), None)
    if shared:
        key, subject = f"check {shared}", f"check {shared} of {ASSETS} {'warns' if warning else 'failed'}"
    elif check == LOCATIONS_ARE_RECENT:
        key, subject = f"check {check}", "some places get no data"
        parts = _late_locations(metadata)
    return Problem(
        key=key,
        subject=subject,
        description=evaluation.description or f"The check {check} did not pass{_figures(metadata)}.",
        assets=(asset,),
        waits_for=frozenset([check_passed(asset, check)]),
        at=at,
        run_id=run_id,
        level="warning" if warning else "error",
        advice=_advice(check, metadata),
        details=() if parts or check == REJECT_RATE else _rows_at_fault(metadata),
        parts=parts,
        hold_seconds=hold_seconds if check in RETRIED else 0.0,
        tells_assets=shared is not None,
    )


def _late_locations(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return a line for each location without recent rows: since when, and why."""
    rows = metadata.get("rows")
    lines = {}
    for row in rows if isinstance(rows, list) else []:
        query = f" ({row['query']})" if row["query"] != row["location_id"] else ""
        since = f"nothing since {row['newest']}" if row.get("newest") else "nothing yet"
        lines[str(row["location_id"])] = f"{row['location_id']}{query}: {since}; {row.get('cause') or 'cause unknown'}"
    return lines


def _figures(metadata: Mapping[str, Any]) -> str:
    figures = [
        f"{key} {value}"
        for key, value in metadata.items()
        if isinstance(value, (int, float, str)) and key not in ("rows_at_fault", SINCE, TABLES)
    ]
    return f": {', '.join(figures)}" if figures else ""


def _rows_at_fault(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line with the number of rows at fault, then a line for each of the first ones."""
    rows = metadata.get("rows")
    if not isinstance(rows, list) or not rows:
        return ()
    number = metadata.get("rows_at_fault") or (f"at least {len(rows)}" if len(rows) >= MOST_SHOWN else len(rows))
    return (f"Rows at fault: {number}; the first:", *(f"  {_row(row)}" for row in rows[:ROWS_SHOWN]))


def _row(row: Any) -> str:
    if not isinstance(row, dict):
        return str(row)
    # Dagster sorts metadata by name; the location belongs first
    names = sorted(row, key=lambda name: name != "location_id")
    return " ".join(f"{name}={row[name]}" for name in names)


def _advice(check: str, metadata: Mapping[str, Any]) -> str:
    if check.endswith("no_gaps"):
        rows = metadata.get("rows")
        gaps = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        since = min((str(gap["first"]) for gap in gaps if gap.get("first")), default="<first hour>")[:10]
        return f"weather load --resources air_pollution --since {since}"
    return next((advice for end, advice in ADVICE.items() if check.endswith(end)), DEFAULT_ADVICE)

"""Problems: plain values that describe what went wrong; problems with one key belong to one incident.

Keys and names of successes are stored in the cursor: changing one orphans the incidents that are open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dagster import AssetCheckEvaluation, AssetCheckSeverity

from dagster_project.alerts.state import Level
from dagster_project.checks.queries import MOST_SHOWN
from dagster_project.checks.watermark import SINCE, TABLES

# errors of these classes affect every asset alike, so they are one incident whichever assets fail
COMMON_CLASSES = ("ConfigurationError", "KeyRefusedError", "DestinationError", "WriterBusyError")
ROWS_SHOWN = 3
DEFAULT_ADVICE = "Look at the run's log. The next hourly run retries."
DEFAULT_CHECK_ADVICE = "Look at the check's metadata in the UI."
# by the end of a check's name: a resource with several tables prefixes it with the table's
CHECK_ADVICE = {
    "no_duplicate_keys": "Delete the surplus rows, then materialise again. Nothing downstream runs until then.",
    "physical_ranges": "Compare the rows with weather_raw. Wrong values of the API stay until they are corrected.",
    "accounting": "Some fetched rows were neither loaded nor rejected: compare load_runs with the run's log.",
    "reject_rate": "Look at the rejects table: each row gives the reason.",
    "newest_is_recent": "Check that runs succeed and that they load rows; if they do, the API's own data is late.",
}


@dataclass(frozen=True)
class Problem:
    """Problem of a run, a check or an asset's age; solved when everything in ``waits_for`` has succeeded.

    ``at`` is in UNIX seconds. ``run_id`` is None for a problem that no run had.
    """

    key: str
    subject: str
    description: str
    assets: tuple[str, ...]
    waits_for: frozenset[str]
    at: float
    run_id: str | None = None
    level: Level = "error"
    advice: str = DEFAULT_ADVICE
    details: tuple[str, ...] = field(default=())


class StepError(NamedTuple):
    """Error of a failed step; ``advice`` is empty if the step gave none."""

    error_class: str
    description: str
    advice: str


def asset_loaded(asset: str) -> str:
    """Return the name of the success of loading an asset."""
    return f"asset {asset}"


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


def failed_step(
    error: StepError, *, assets: Iterable[str], waits_for: Iterable[str], at: float, run_id: str
) -> Problem:
    """Return the problem of a failed step; its key names no asset if the error's class affects every asset."""
    affected = tuple(assets)
    names = ", ".join(affected)
    common = error.error_class in COMMON_CLASSES
    return Problem(
        key=f"error {error.error_class}" if common else f"error {error.error_class} {' '.join(affected)}",
        subject=f"{'weather loads fail' if common else f'loading {names} failed'}: {error.error_class}",
        description=error.description,
        assets=affected,
        waits_for=frozenset(waits_for),
        at=at,
        run_id=run_id,
        advice=error.advice or DEFAULT_ADVICE,
    )


def failed_check(evaluation: AssetCheckEvaluation, at: float, run_id: str) -> Problem:
    """Return the problem of a check that did not pass, with the keys of the first rows at fault."""
    asset = evaluation.asset_key.to_user_string()
    check = evaluation.check_name
    metadata = {key: value.value for key, value in evaluation.metadata.items()}
    warning = evaluation.severity == AssetCheckSeverity.WARN
    return Problem(
        key=f"check {asset} {check}",
        subject=f"check {check} of {asset} {'warns' if warning else 'failed'}",
        description=evaluation.description or f"The check {check} did not pass{_figures(metadata)}.",
        assets=(asset,),
        waits_for=frozenset([check_passed(asset, check)]),
        at=at,
        run_id=run_id,
        level="warning" if warning else "error",
        advice=_check_advice(check, metadata),
        details=_rows_at_fault(metadata),
    )


def dead_run(
    job: str, description: str, *, assets: Iterable[str], waits_for: Iterable[str], at: float, run_id: str
) -> Problem:
    """Return the problem of a run that failed without a failed step: its process died or never started."""
    return Problem(
        key=f"died {job}",
        subject=f"a run of {job} died",
        description=description or "The run failed, and none of its steps did.",
        assets=tuple(assets),
        waits_for=frozenset(waits_for),
        at=at,
        run_id=run_id,
        advice="Look at the run's log and at the machine's memory. Fetched data is kept; the next run loads it first.",
    )


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


def _check_advice(check: str, metadata: Mapping[str, Any]) -> str:
    if check.endswith("no_gaps"):
        rows = metadata.get("rows")
        gaps = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        since = min((str(gap["first"]) for gap in gaps if gap.get("first")), default="<first hour>")[:10]
        return f"weather load --resources air_pollution --since {since}"
    return next((advice for end, advice in CHECK_ADVICE.items() if check.endswith(end)), DEFAULT_CHECK_ADVICE)

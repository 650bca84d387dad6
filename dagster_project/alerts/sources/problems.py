"""What can be wrong, as the sensor finds it: one trouble an event. Troubles with one key have one cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagster import AssetCheckEvaluation, AssetCheckSeverity

from dagster_project.alerts.state import Level
from dagster_project.checks.queries import MOST_SHOWN
from dagster_project.checks.watermark import SINCE, TABLES

# these concern every asset alike, however many of them fail
COMMON_CLASSES = ("ConfigurationError", "KeyRefusedError", "DestinationError", "WriterBusyError")
ROWS_SHOWN = 3
LOOK = "Look at the run's log. The next hour's run tries again by itself."
# by the end of a check's name: tables of a resource that has several stand before it
CHECK_HINTS = {
    "no_duplicate_keys": "Delete the surplus rows, then materialise again. Nothing downstream runs meanwhile.",
    "physical_ranges": "Compare the rows with weather_raw: what the API said wrong stays wrong until it is corrected.",
    "accounting": "Rows came and were neither loaded nor rejected: compare load_runs with the run's log.",
    "reject_rate": "Look at the rejects table: each row says why it was refused.",
    "newest_is_recent": "Look whether runs come through and what they loaded; if they do, the API's own data are late.",
}


@dataclass(frozen=True)
class Problem:
    """One thing that went wrong, in words; over when everything in ``waits_for`` has succeeded."""

    key: str
    subject: str
    what: str
    where: tuple[str, ...]
    waits_for: frozenset[str]
    at: float
    run_id: str | None = None
    level: Level = "error"
    do: str = LOOK
    details: tuple[str, ...] = field(default=())


def asset_thing(asset: str) -> str:
    """What a cause waits for if it waits for an asset."""
    return f"asset {asset}"


def check_thing(asset: str, check: str) -> str:
    """What a cause waits for if it waits for a check to pass."""
    return f"check {check} of {asset}"


def failed_step(
    error_class: str, what: str, do: str, *, where: Iterable[str], waits_for: Iterable[str], at: float, run_id: str
) -> Problem:
    """A step that failed; the error's class alone is the cause where it concerns every asset."""
    common = error_class in COMMON_CLASSES
    locations = tuple(where)
    return Problem(
        key=f"error {error_class}" if common else f"error {error_class} {' '.join(locations)}",
        subject=f"weather loads fail: {error_class}"
        if common
        else f"loading {', '.join(locations)} failed: {error_class}",
        what=what,
        where=locations,
        waits_for=frozenset(waits_for),
        at=at,
        run_id=run_id,
        do=do or LOOK,
    )


def failed_check(evaluation: AssetCheckEvaluation, at: float, run_id: str) -> Problem:
    """A check that did not pass, with the first keys of the rows at fault."""
    asset = evaluation.asset_key.to_user_string()
    name = evaluation.check_name
    metadata = {key: value.value for key, value in evaluation.metadata.items()}
    warning = evaluation.severity == AssetCheckSeverity.WARN
    return Problem(
        key=f"check {asset} {name}",
        subject=f"check {name} of {asset} {'warns' if warning else 'failed'}",
        what=evaluation.description or f"The check {name} did not pass{_figures(metadata)}.",
        where=(asset,),
        waits_for=frozenset([check_thing(asset, name)]),
        at=at,
        run_id=run_id,
        level="warning" if warning else "error",
        do=_check_hint(name, metadata),
        details=_rows(metadata),
    )


def dead_run(job: str, what: str, *, where: Iterable[str], waits_for: Iterable[str], at: float, run_id: str) -> Problem:
    """A run that ended without a step that failed: its process died, or never came up."""
    return Problem(
        key=f"died {job}",
        subject=f"a run of {job} died",
        what=what or "The run failed, and none of its steps did.",
        where=tuple(where),
        waits_for=frozenset(waits_for),
        at=at,
        run_id=run_id,
        do="Look at the run's log and at the machine's memory. What it fetched is kept; the next run loads it first.",
    )


def _figures(metadata: Mapping[str, Any]) -> str:
    said = [
        f"{key} {value}"
        for key, value in metadata.items()
        if isinstance(value, (int, float, str)) and key not in ("rows_at_fault", SINCE, TABLES)
    ]
    return f": {', '.join(said)}" if said else ""


def _rows(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """How many rows are at fault, and the first of them, one a line."""
    rows = metadata.get("rows")
    if not isinstance(rows, list) or not rows:
        return ()
    number = metadata.get("rows_at_fault") or (f"at least {len(rows)}" if len(rows) >= MOST_SHOWN else len(rows))
    shown = [
        f"  {' '.join(f'{key}={row[key]}' for key in sorted(row, key=_place_first)) if isinstance(row, dict) else row}"
        for row in rows[:ROWS_SHOWN]
    ]
    return (f"Rows at fault: {number}; the first:", *shown)


def _place_first(name: str) -> bool:
    """Order by this what Dagster has ordered by the alphabet."""
    return name != "location_id"


def _check_hint(name: str, metadata: Mapping[str, Any]) -> str:
    if name.endswith("no_gaps"):
        rows = metadata.get("rows")
        firsts = [str(row.get("first", "")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        since = min(filter(None, firsts), default="<first hour>")[:10]
        return f"weather load --resources air_pollution --since {since}"
    for ending, hint in CHECK_HINTS.items():
        if name.endswith(ending):
            return hint
    return "Look at the check's metadata in the UI."

"""Problems of asset checks that did not pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dagster import AssetCheckEvaluation, AssetCheckSeverity

from dagster_project.alerts.sources.names import check_passed
from dagster_project.alerts.sources.problems import ASSETS, Problem, describe_places
from dagster_project.checks.names import (
    BACKUPS_ARE_RECENT,
    LOCATIONS_ARE_RECENT,
    MONTH_OF_ONE_CALL,
    MONTH_OF_PLAN,
    NOTHING_SET_ASIDE,
    REJECT_RATE,
    SPACE_LASTS,
)
from dagster_project.checks.queries import MOST_REJECTED, MOST_SHOWN
from dagster_project.checks.rows import read_rows, row_text, words_of
from dagster_project.checks.watermark import SINCE, TABLES
from dagster_project.common.retries import PASSING_CLASSES
from dlt_sources.weather.contracts.records import ERROR_CLASSES

ROWS_SHOWN = 3
DEFAULT_ADVICE = "Look at the check's metadata in the UI."
OF_BUDGET = (
    "`weather plan` says what the schedule and history need. Load less often, leave resources out, or raise the "
    "budget; when it is spent, loads wait for the next month."
)
# by the end of a check's name: a resource with several tables prefixes it with the table's
ADVICE = {
    "no_duplicate_keys": "Delete the surplus rows, then materialise again. Nothing downstream runs until then.",
    "physical_ranges": "Compare the rows with weather_raw. Wrong values of the API stay until they are corrected.",
    "accounting": "Some fetched rows were neither loaded nor rejected: compare load_runs with the run's log.",
    REJECT_RATE: "Look at the rejects table: each row gives the reason.",
    "newest_is_recent": "Check that runs succeed and that they load rows; if they do, the API's own data is late.",
    MONTH_OF_PLAN: OF_BUDGET,
    MONTH_OF_ONE_CALL: OF_BUDGET,
    BACKUPS_ARE_RECENT: (
        "The log of the last backup says why it failed: of its Job in a cluster, of the service backup with Compose. "
        "Make one by hand when the cause is gone."
    ),
    SPACE_LASTS: (
        "`weather status` shows the bytes of each table. Enlarge the volume, or keep less: shorten retention and run "
        "`weather prune`. A full disk stops all loads; what they fetched is kept."
    ),
    NOTHING_SET_ASIDE: "`weather packages` lists them with the reason; `weather packages --retry` loads them again.",
}
PLACES_KEY = f"check {LOCATIONS_ARE_RECENT}"
# a cause that makes them fail does so in several assets at the same time: they are one incident
SHARED = (REJECT_RATE, "newest_is_recent")
PASSING = (
    "The API or the network failed: nothing to do now, the next run asks again. After hours, look at the API's status."
)
LASTING = "Correct these places in the list, or take them out; the rejects table has every failure."
# how the error of a run begins whose calls are spent: budget/decision.py
SPENT = "The budget of "
UNKNOWN = "Look at load_runs and at the rejects table; the next run asks again."
# classes that a correct list cures none of
NOT_OF_PLACES = frozenset(ERROR_CLASSES) - {"not_found", "bad_request", "bad_location"}


def failed_check(evaluation: AssetCheckEvaluation, at: float, run_id: str, hold_seconds: float = 0.0) -> Problem:
    """Return the problem of a check that did not pass, with the keys of the first rows at fault.

    Args:
        evaluation: the check's evaluation.
        at: when it was evaluated, UNIX seconds.
        run_id: the run that evaluated it.
        hold_seconds: how long the message about what the retries of the same hour may get waits for them.
    """
    asset = evaluation.asset_key.to_user_string()
    check = evaluation.check_name
    metadata = {key: value.value for key, value in evaluation.metadata.items()}
    warning = evaluation.severity == AssetCheckSeverity.WARN
    key, subject = f"check {asset} {check}", f"check {check} of {asset} {'warns' if warning else 'failed'}"
    parts: dict[str, str] = {}
    number = (0, 0)
    shared = next((end for end in SHARED if check.endswith(end)), None)
    if shared:
        key, subject = f"check {shared}", f"check {shared} of {ASSETS} {'warns' if warning else 'failed'}"
    description = evaluation.description or f"The check {check} did not pass{_figures(metadata)}."
    advice, is_held = _advice(check, metadata, asset.rpartition("/")[2]), check == REJECT_RATE
    if check == LOCATIONS_ARE_RECENT or _is_of_places(check, metadata):
        # both checks find a place that fails; the first only once its rows are old
        shared = None
        key, subject = PLACES_KEY, "some places get no data"
        parts = _places(metadata)
        number = (_number(metadata, "late_places", "places_failing"), _number(metadata, "places"))
        # the same for all assets, so that it is said once
        description = describe_places(parts, number)
        advice, is_passing = _advice_on_places(metadata)
        is_held = is_held or is_passing
    return Problem(
        key=key,
        subject=subject,
        description=description,
        assets=(asset,),
        waits_for=frozenset([check_passed(asset, check)]),
        at=at,
        run_id=run_id,
        level="warning" if warning else "error",
        advice=advice,
        # a description names the first rows
        details=() if evaluation.description else _rows_at_fault(metadata),
        parts=parts,
        places=number,
        since=_since(metadata) if parts else None,
        hold_seconds=hold_seconds if is_held else 0.0,
        tells_assets=shared is not None,
    )


def without_repeats(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems of one run without those of places that its check of late places has told.

    Args:
        problems: the problems of the run.
    """
    late = {part for one in problems if _is_of_late_places(one) for part in one.parts}
    return [one for one in problems if one.key != PLACES_KEY or _is_of_late_places(one) or not late >= {*one.parts}]


def _is_of_late_places(problem: Problem) -> bool:
    late = {check_passed(asset, LOCATIONS_ARE_RECENT) for asset in problem.assets}
    return problem.key == PLACES_KEY and bool(late & problem.waits_for)


def _is_of_places(check: str, metadata: Mapping[str, Any]) -> bool:
    """Return whether a check of rejects failed only because requests of some places did."""
    rate = metadata.get("rows_rejected_rate")
    return check == REJECT_RATE and bool(metadata.get("rows")) and (rate is None or rate <= MOST_REJECTED)


def _advice_on_places(metadata: Mapping[str, Any]) -> tuple[str, bool]:
    """Return what to do about places without data, by the causes, and whether a later try may get all of them."""
    causes = {str(row.get("cause") or "").partition(":")[0] for row in read_rows(metadata.get("rows"))}
    passing = causes & {*PASSING_CLASSES}
    unknown = causes & {"", *NOT_OF_PLACES} - passing
    spent = {cause for cause in causes if cause.startswith(SPENT)}
    of_places = causes - passing - unknown - spent
    texts = ((LASTING, of_places), (OF_BUDGET, spent), (PASSING, passing), (UNKNOWN, unknown))
    advice = [text for text, found in texts if found]
    return " ".join(advice), causes <= {"", *PASSING_CLASSES}


def _places(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return a line for each location without recent rows, or whose request failed: since when, and why."""
    lines = {}
    for row in read_rows(metadata.get("rows")):
        name = str(row.get("query", row["location_id"]))
        since = f"nothing since {_moment(row['newest'])}" if row.get("newest") else "nothing yet"
        if row.get("since"):
            since = f"fails since {_moment(row['since'])}"
        if row.get("asked_again"):
            since += f", asked again {_moment(row['asked_again'])}"
        lines[name] = f"{name}: {since}; {words_of(row.get('cause'), row.get('http_status'))}"
    return lines


def _number(metadata: Mapping[str, Any], *names: str) -> int:
    return next((int(metadata[name]) for name in names if metadata.get(name)), 0)


def _since(metadata: Mapping[str, Any]) -> float | None:
    """Return since when the first of the places has no data, UNIX seconds; None if no row says so."""
    moments = [row.get("newest") or row.get("since") for row in read_rows(metadata.get("rows"))]
    return min((_parsed(moment).timestamp() for moment in moments if moment), default=None)


def _moment(text: str) -> str:
    return f"{_parsed(text):%Y-%m-%d %H:%M} UTC"


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(str(text).replace("Z", "+00:00"))


def _figures(metadata: Mapping[str, Any]) -> str:
    figures = [
        f"{key} {value}"
        for key, value in metadata.items()
        if isinstance(value, (int, float, str)) and key not in ("rows_at_fault", SINCE, TABLES)
    ]
    return f": {', '.join(figures)}" if figures else ""


def _rows_at_fault(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line with the number of rows at fault, then a line for each of the first ones."""
    rows = read_rows(metadata.get("rows"))
    if not rows:
        return ()
    number = metadata.get("rows_at_fault") or (f"at least {len(rows)}" if len(rows) >= MOST_SHOWN else len(rows))
    return (f"Rows at fault: {number}; the first:", *(f"  {row_text(row)}" for row in rows[:ROWS_SHOWN]))


def _advice(check: str, metadata: Mapping[str, Any], resource: str) -> str:
    if check.endswith("no_gaps"):
        gaps = read_rows(metadata.get("rows"))
        since = min((str(gap["first"]) for gap in gaps if gap.get("first")), default="<first hour>")[:10]
        return f"weather load --resources {resource} --since {since}"
    return next((advice for end, advice in ADVICE.items() if check.endswith(end)), DEFAULT_ADVICE)

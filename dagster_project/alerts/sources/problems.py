"""Problems: plain values that describe what went wrong; problems with one key belong to one incident.

Keys are stored in the cursor: changing one orphans the incidents that are open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from dagster_project.alerts.state import Level
from dlt_sources.weather.common.errors import enumerated

# errors of these classes affect every asset alike, so they are one incident whichever assets fail
COMMON_CLASSES = ("ConfigurationError", "KeyRefusedError", "DestinationError", "RepairNeededError", "WriterBusyError")
DEFAULT_ADVICE = "Look at the run's log. The next hourly run retries."
# stands in a subject for the assets, which may become more until the message is composed
ASSETS = "{assets}"
# in the sentence about places without data; more are counted
PLACES_NAMED = 5
CAUSES_NAMED = 2


@dataclass(frozen=True)
class Problem:
    """Problem of a run, a check or an asset's age; solved when everything in ``waits_for`` has succeeded.

    Attributes:
        key: names the incident.
        subject: the incident in a few words; ``ASSETS`` stands for the assets.
        description: the cause, in a sentence.
        assets: the affected assets.
        waits_for: names of successes.
        at: when it happened, UNIX seconds.
        run_id: the run that had it; None for a problem that no run had.
        level: warning or error.
        advice: what to do.
        details: further lines.
        parts: lines by the name of a part, such as a location; a part that is new to the incident is told.
        places: number of locations without data, and of all; zeros if the problem is of no locations.
        since: since when data are missing, UNIX seconds; None if that is ``at``.
        hold_seconds: how long the message waits for automatic retries that may end the problem.
        tells_assets: whether an asset that joins the incident later is told.
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
    details: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    places: tuple[int, int] = (0, 0)
    since: float | None = None
    hold_seconds: float = 0.0
    tells_assets: bool = False


class StepError(NamedTuple):
    """Error of a failed step.

    Attributes:
        error_class: its class.
        description: its text.
        advice: what to do; empty if the step did not say.
        cause: the commonest cause of its failed requests; empty if it has none.
    """

    error_class: str
    description: str
    advice: str
    cause: str = ""


def failed_step(
    error: StepError,
    *,
    assets: Iterable[str],
    waits_for: Iterable[str],
    at: float,
    run_id: str,
    hold_seconds: float = 0.0,
    is_backfill: bool = False,
) -> Problem:
    """Return the problem of a failed step; its key names the cause, or else the assets.

    Args:
        error: the step's error.
        assets: assets that the step was to load or check.
        waits_for: names of successes.
        at: when it happened, UNIX seconds.
        run_id: the step's run.
        hold_seconds: how long the message waits for automatic retries.
        is_backfill: whether the step is of a backfill. It may never be run again, so it shares no incident with the
            hourly runs.
    """
    affected = tuple(assets)
    common = error.error_class in COMMON_CLASSES
    shared = common or bool(error.cause)
    kind = " of a backfill" if is_backfill else ""
    key = f"error {error.error_class}{kind}"
    if error.cause:
        key = f"{key} {error.cause}"
    elif not common:
        key = f"{key} {' '.join(affected)}"
    what = "backfills fail" if is_backfill else "weather loads fail"
    return Problem(
        key=key,
        subject=f"{what if common else f'loading {ASSETS} failed'}: {error.cause or error.error_class}",
        description=error.description,
        assets=affected,
        waits_for=frozenset(waits_for),
        at=at,
        run_id=run_id,
        advice=error.advice or DEFAULT_ADVICE,
        hold_seconds=hold_seconds,
        tells_assets=shared and not common,
    )


def dead_run(
    job: str,
    description: str,
    *,
    assets: Iterable[str],
    waits_for: Iterable[str],
    at: float,
    run_id: str,
    hold_seconds: float = 0.0,
) -> Problem:
    """Return the problem of a run that failed without a failed step: its process died or never started.

    Args:
        job: name of the run's job.
        description: Dagster's words for it.
        assets: assets that the run did not load.
        waits_for: names of successes.
        at: when it happened, UNIX seconds.
        run_id: the run.
        hold_seconds: how long the message waits for automatic retries.
    """
    return Problem(
        key=f"died {job}",
        subject=f"a run of {job} died",
        description=description or "The run failed, and none of its steps did.",
        assets=tuple(assets),
        waits_for=frozenset(waits_for),
        at=at,
        run_id=run_id,
        advice="Look at the run's log and at the machine's memory. Fetched data is kept; the next run loads it first.",
        hold_seconds=hold_seconds,
    )


def merge_by_key(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems of one run with those of one key as one: one cause is one message."""
    merged: dict[str, Problem] = {}
    for problem in problems:
        first = merged.get(problem.key)
        merged[problem.key] = _merge(first, problem) if first else problem
    return list(merged.values())


def describe_places(parts: Mapping[str, str], places: tuple[int, int]) -> str:
    """Return in a sentence how many locations get no data, the first of them and their causes.

    Args:
        parts: lines by the name of a location, with the cause at the end.
        places: number of locations without data, of which ``parts`` may be the first, and of all.
    """
    number, of_all = max(places[0], len(parts)), places[1]
    names = list(parts)[:PLACES_NAMED]
    more = f" and {number - len(names)} more" if number > len(names) else ""
    causes = list(dict.fromkeys(line.partition("; ")[2] for line in parts.values()))
    others = f"; and {len(causes) - CAUSES_NAMED} other causes" if len(causes) > CAUSES_NAMED else ""
    of_all_places = f" of {of_all}" if of_all else ""
    verb = "gets" if number == 1 else "get"
    noun = "place" if number == 1 and not of_all else "places"
    named = f"{enumerated(names)}{more}: {'; '.join(causes[:CAUSES_NAMED])}{others}"
    return f"{number}{of_all_places} {noun} {verb} no data: {named}."


def _merge(first: Problem, other: Problem) -> Problem:
    lines = () if other.description in (first.description, *first.details) else (other.description,)
    parts = {**first.parts, **{name: line for name, line in other.parts.items() if name not in first.parts}}
    places = (max(first.places[0], other.places[0]), max(first.places[1], other.places[1]))
    if first.parts and other.parts:
        first, lines = replace(first, description=describe_places(parts, places)), ()
    return replace(
        first,
        places=places,
        since=min((one.since for one in (first, other) if one.since is not None), default=None),
        assets=tuple(dict.fromkeys([*first.assets, *other.assets])),
        waits_for=first.waits_for | other.waits_for,
        level="error" if "error" in (first.level, other.level) else "warning",
        details=(*first.details, *(line for line in (*lines, *other.details) if line not in first.details)),
        advice=first.advice if other.advice in first.advice else f"{first.advice} {other.advice}",
        parts=parts,
        hold_seconds=min(first.hold_seconds, other.hold_seconds),
    )

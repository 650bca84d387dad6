"""Incidents: opened by a problem, repeated by problems with the same key, resolved by successes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dagster_project.alerts.sources.freshness import assess_freshness
from dagster_project.alerts.sources.problems import Problem
from dagster_project.alerts.sources.run_events import FinishedRun
from dagster_project.alerts.state import Incident

MAX_OPEN = 50
# of assets, and of names of successes that an incident waits for
MAX_NAMES = 50
MAX_TEXT_LENGTH = 600
MAX_DETAIL_LENGTH = 240
# an incident without any event for so long, perhaps of an asset that no longer exists, is forgotten
FORGET_SECONDS = 7 * 86_400.0


class ResolvedIncident(NamedTuple):
    """Resolved incident, and the run that resolved it; None if an asset's age did."""

    incident: Incident
    run_id: str | None


class IncidentUpdate(NamedTuple):
    """Incidents after an update, by key: those that are open, and those that the update resolved, in order."""

    open: dict[str, Incident]
    resolved: list[ResolvedIncident]


def update_incidents(
    incidents: Mapping[str, Incident],
    runs: Sequence[FinishedRun],
    last_loads: Mapping[str, float],
    *,
    started: float,
    now: float,
) -> IncidentUpdate:
    """Return the incidents after the runs, in their order, and then the ages of assets.

    Of each run, successes count before problems: a run that fails again after a success of another asset keeps its
    incident open.

    Args:
        incidents: open incidents by key; not changed.
        runs: runs that finished since the last update, redacted.
        last_loads: when each asset was last loaded, UNIX seconds.
        started: when alerts began, UNIX seconds.
        now: the present moment, UNIX seconds.
    """
    open_incidents = {key: incident.model_copy(deep=True) for key, incident in incidents.items()}
    resolved = []
    for run in runs:
        resolved += _resolve(open_incidents, run.succeeded, run.run_id)
        _record(open_incidents, run.problems, now)
    explained = {name for incident in open_incidents.values() for name in incident.waits_for}
    freshness = assess_freshness(last_loads, explained, started=started, now=now)
    resolved += _resolve(open_incidents, freshness.succeeded, None)
    _record(open_incidents, freshness.problems, now)
    return IncidentUpdate(open_incidents, resolved)


def forget_old(incidents: Mapping[str, Incident], now: float) -> dict[str, Incident]:
    """Return the incidents without the oldest, by key, ordered by when they opened; bounds the size of the cursor."""
    recent = [incident for incident in incidents.values() if incident.last > now - FORGET_SECONDS]
    kept = sorted(recent, key=lambda incident: incident.last)[-MAX_OPEN:]
    return {incident.key: incident for incident in sorted(kept, key=lambda incident: incident.since)}


def _resolve(
    open_incidents: dict[str, Incident], succeeded: Iterable[str], run_id: str | None
) -> list[ResolvedIncident]:
    """Remove and return the incidents that wait for nothing more."""
    done = set(succeeded)
    resolved = []
    for incident in list(open_incidents.values()):
        incident.waits_for = [name for name in incident.waits_for if name not in done]
        if not incident.waits_for:
            resolved.append(ResolvedIncident(open_incidents.pop(incident.key), run_id))
    return resolved


def _record(open_incidents: dict[str, Incident], problems: Iterable[Problem], now: float) -> None:
    """Open an incident for each new problem; repeat the incident of a known one."""
    for problem in problems:
        incident = open_incidents.get(problem.key)
        if incident is None:
            incident = open_incidents[problem.key] = _open(problem)
        elif problem.run_id != incident.run_id:
            incident.count += 1
            incident.run_id = problem.run_id
        if incident.level == "warning" and problem.level == "error":
            incident.level = "error"
            _describe(incident, problem)
        incident.last = max(incident.last, problem.at, now if problem.run_id is None else 0.0)
        incident.assets = sorted({*incident.assets, *problem.assets})[:MAX_NAMES]
        incident.waits_for = sorted({*incident.waits_for, *problem.waits_for})[:MAX_NAMES]


def _open(problem: Problem) -> Incident:
    incident = Incident(
        key=problem.key,
        subject="",
        level=problem.level,
        assets=[],
        waits_for=[],
        since=problem.at,
        last=problem.at,
        run_id=problem.run_id,
    )
    _describe(incident, problem)
    return incident


def _describe(incident: Incident, problem: Problem) -> None:
    incident.subject = problem.subject
    incident.description = problem.description[:MAX_TEXT_LENGTH]
    incident.advice = problem.advice[:MAX_TEXT_LENGTH]
    incident.details = [line[:MAX_DETAIL_LENGTH] for line in problem.details]

"""Incidents: opened by a problem, repeated by problems with the same key, resolved by successes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from dagster_project.alerts.sources.finished_runs import FinishedRun
from dagster_project.alerts.sources.freshness import assess_freshness
from dagster_project.alerts.sources.names import fully_awaited_asset, is_covered, renamed_by_shards
from dagster_project.alerts.sources.problems import Problem
from dagster_project.alerts.state import Incident, ResolvedIncident
from dagster_project.assets.partitions import shard_keys
from dagster_project.common.schedule import fail_after
from dlt_sources.weather.common.errors import enumerated

MAX_OPEN = 50
# of assets and parts
MAX_NAMES = 50
# of names of successes that an incident waits for: one left out would be taken as come. 5 assets in 100 shards
MAX_AWAITED = 500
# names of parts in one sentence
NEWS_NAMES = 5
# assets that join an incident sooner are of the same event
JOIN_SECONDS = 900.0
MAX_TEXT_LENGTH = 600
MAX_DETAIL_LENGTH = 240
MAX_DETAILS = 10
MAX_PARTS_SHOWN = 10
# an incident without any event for so long, perhaps of an asset that no longer exists, is forgotten
FORGET_SECONDS = 7 * 86_400.0


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
    shards = shard_keys()
    for incident in open_incidents.values():
        incident.waits_for = renamed_by_shards(incident.waits_for, shards)
    resolved = []
    for run in runs:
        resolved += _resolve(open_incidents, run.succeeded, run.run_id, run.shortfalls, now)
        _record(open_incidents, run.problems, now)
    explained = {
        asset
        for incident in open_incidents.values()
        # a problem that has not occurred for hours explains nothing
        if now - incident.last < _quiet_seconds()
        for name in incident.waits_for
        if (asset := fully_awaited_asset(name))
    }
    freshness = assess_freshness(last_loads, explained, started=started, now=now)
    resolved += _resolve(open_incidents, freshness.succeeded, None, {}, now)
    _record(open_incidents, freshness.problems, now)
    return IncidentUpdate(open_incidents, resolved)


def forget_old(incidents: Mapping[str, Incident], now: float) -> dict[str, Incident]:
    """Return the incidents without the oldest, by key, ordered by when they opened; bounds the size of the cursor."""
    recent = [incident for incident in incidents.values() if incident.last > now - FORGET_SECONDS]
    kept = sorted(recent, key=lambda incident: incident.last)[-MAX_OPEN:]
    return {incident.key: incident for incident in sorted(kept, key=lambda incident: incident.since)}


def _resolve(
    open_incidents: dict[str, Incident],
    succeeded: Collection[str],
    run_id: str | None,
    shortfalls: Mapping[str, str],
    now: float,
) -> list[ResolvedIncident]:
    """Remove the incidents that wait for nothing more; return those that are news to the user.

    An incident that automatic retries have resolved before its message was due is none.
    """
    resolved = []
    for incident in list(open_incidents.values()):
        left = [name for name in incident.waits_for if not is_covered(name, succeeded)]
        incident.recovered = sorted({*incident.recovered, *incident.waits_for} - {*left})[:MAX_NAMES]
        incident.waits_for = left
        if left:
            continue
        del open_incidents[incident.key]
        if incident.announced or incident.hold_until <= now:
            missing = [shortfalls[asset] for asset in incident.assets if asset in shortfalls]
            resolved.append(ResolvedIncident(incident=incident, run_id=run_id, at=now, shortfalls=missing))
    return resolved


def _record(open_incidents: dict[str, Incident], problems: Iterable[Problem], now: float) -> None:
    """Open an incident for each new problem; repeat the incident of a known one."""
    for problem in problems:
        incident = open_incidents.get(problem.key)
        if incident is None:
            incident = open_incidents[problem.key] = _open(problem)
        else:
            _repeat(incident, problem, now)
        incident.last = max(incident.last, problem.at, now if problem.run_id is None else 0.0)
        covers_all = set(problem.assets) >= set(incident.assets)
        incident.assets = sorted({*incident.assets, *problem.assets})[:MAX_NAMES]
        incident.waits_for = sorted({*incident.waits_for, *problem.waits_for})[:MAX_AWAITED]
        incident.recovered = [name for name in incident.recovered if name not in problem.waits_for]
        # a part that is affected no longer would be news again
        incident.parts = sorted({*problem.parts, *(() if covers_all else incident.parts)})[:MAX_NAMES]


def _repeat(incident: Incident, problem: Problem, now: float) -> None:
    """Count a further run with the problem; note why it is told again, if it is."""
    if problem.run_id != incident.run_id:
        incident.count += 1
        incident.run_id = problem.run_id
    if not problem.hold_seconds:
        incident.hold_until = 0.0
    worse = incident.level == "warning" and problem.level == "error"
    if worse:
        incident.level = "error"
    news = _news(incident, problem, now) if incident.announced else ""
    if news or worse:
        _describe(incident, problem)
    incident.news = incident.news or news


def _news(incident: Incident, problem: Problem, now: float) -> str:
    """Return why a problem of an incident that was announced is told again; empty if it is not."""
    if problem.run_id is None:
        return ""
    if problem.at - incident.last > _quiet_seconds():
        return f"It is back, after {(problem.at - incident.last) / 3600:.0f} h without it."
    if problem.waits_for.intersection(incident.recovered):
        return "It is back: a part of it had succeeded in between."
    new = [part for part in problem.parts if part not in incident.parts]
    if not new and problem.tells_assets and now - incident.announced_at > JOIN_SECONDS:
        new = [asset for asset in problem.assets if asset not in incident.assets]
    more = f" and {len(new) - NEWS_NAMES} more" if len(new) > NEWS_NAMES else ""
    return f"New since the last message: {enumerated(new[:NEWS_NAMES])}{more}." if new else ""


def _quiet_seconds() -> float:
    """Return the time after which a problem that returns is another outage: two loads without it."""
    return fail_after().total_seconds()


def _open(problem: Problem) -> Incident:
    incident = Incident(
        key=problem.key,
        subject="",
        level=problem.level,
        assets=[],
        waits_for=[],
        since=problem.at if problem.since is None else min(problem.since, problem.at),
        last=problem.at,
        run_id=problem.run_id,
        hold_until=problem.at + problem.hold_seconds if problem.hold_seconds else 0.0,
    )
    _describe(incident, problem)
    return incident


def _describe(incident: Incident, problem: Problem) -> None:
    lines = [*problem.parts.values()]
    shown = [f"  {line}" for line in lines[:MAX_PARTS_SHOWN]]
    if len(lines) > MAX_PARTS_SHOWN:
        shown.append(f"  and {len(lines) - MAX_PARTS_SHOWN} more")
    incident.subject = problem.subject
    incident.description = problem.description[:MAX_TEXT_LENGTH]
    incident.advice = problem.advice[:MAX_TEXT_LENGTH]
    incident.details = [line[:MAX_DETAIL_LENGTH] for line in (*problem.details[:MAX_DETAILS], *shown)]

"""The text of a message: what, where, since when, the run, what to do."""

from __future__ import annotations

from datetime import datetime, timezone

from dagster_project.alerts.state import Incident, Message
from dagster_project.common import environment as where

PLACES_SHOWN = 10


def incident_opened(cause: Incident, dagster_url: str, now: float) -> Message:
    """The message that opens a cause, or says that it got worse."""
    lines = [cause.what, "", f"Where: {_where(cause)}", f"Since: {moment(cause.since)}"]
    if cause.announced:
        lines.append("It was a warning before.")
    if cause.count > 1:
        lines.append(f"Met by {cause.count} runs.")
    lines += cause.details
    lines += [*_link(cause.run_id, dagster_url), f"What to do: {cause.do}"]
    start = "Warning: " if cause.level == "warning" else ""
    return Message(title=_title(f"{start}{cause.subject}"), body="\n".join(lines), level=cause.level, at=now)


def incident_resolved(cause: Incident, dagster_url: str, now: float, run_id: str | None) -> Message:
    """The message that says that a cause is over, how long it lasted and how many runs met it."""
    lines = [
        "All of it has succeeded since.",
        "",
        *([f"It was: {cause.what}"] if cause.what else []),
        f"Where: {_where(cause)}",
        f"It lasted {duration(now - cause.since)}, from {moment(cause.since)}"
        + (f", and was met by {cause.count} run(s)." if cause.run_id else "."),
        *_link(run_id, dagster_url),
    ]
    return Message(title=_title(f"Recovered: {cause.subject}"), body="\n".join(lines), level="recovered", at=now)


def moment(timestamp: float) -> str:
    """A moment, UTC."""
    return f"{datetime.fromtimestamp(timestamp, timezone.utc):%Y-%m-%d %H:%M} UTC"


def duration(seconds: float) -> str:
    """A duration in its two largest units."""
    minutes = max(round(seconds / 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _title(text: str) -> str:
    return text[0].upper() + text[1:]


def _where(cause: Incident) -> str:
    shown = cause.where[:PLACES_SHOWN]
    more = f" and {len(cause.where) - PLACES_SHOWN} more" if len(cause.where) > PLACES_SHOWN else ""
    destination = f"{where.destination()}, dataset {where.bronze_target().dataset_name}"
    return f"{', '.join(shown)}{more} ({destination})" if shown else destination


def _link(run_id: str | None, dagster_url: str) -> list[str]:
    return [f"Run: {dagster_url}/runs/{run_id}"] if run_id else []

"""Messages about incidents: which are due, within the hourly limit, and their texts, redacted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from dagster_project.alerts.incidents import ResolvedIncident
from dagster_project.alerts.redaction import Secrets, redact
from dagster_project.alerts.settings import AlertSettings
from dagster_project.alerts.state import AlertState, Incident, Message, in_the_last_hour
from dagster_project.common import environment

ASSETS_SHOWN = 10


class ComposedMessages(NamedTuple):
    """Messages to deliver, and the alert state that remembers them."""

    messages: list[Message]
    state: AlertState


def compose_messages(
    state: AlertState, resolved: Sequence[ResolvedIncident], settings: AlertSettings, secrets: Secrets, now: float
) -> ComposedMessages:
    """Return the messages that are due: of resolved incidents, then of open ones that are new or became errors.

    Beyond the hourly limit a message is counted only. That of an open incident goes as soon as the limit allows, that
    of a resolved one is dropped.

    Args:
        state: the alert state with the incidents that are open; not changed.
        resolved: incidents that were resolved since the last call.
        settings: the hourly limit, and the URL for links to runs.
        secrets: secrets to redact.
        now: the present moment, UNIX seconds.
    """
    state = state.model_copy(deep=True)
    state.sent = in_the_last_hour(state.sent, now)
    messages = []
    for incident, run_id in resolved:
        if len(state.sent) >= settings.most_an_hour:
            state.held_back += 1
            continue
        message = incident_resolved(incident, settings.dagster_url, now, run_id)
        messages.append(_finish(message, state, settings, secrets))
    for incident in state.open.values():
        if incident.announced in (incident.level, "error"):
            continue
        if len(state.sent) >= settings.most_an_hour:
            state.held_back += not incident.held_back
            incident.held_back = True
            continue
        message = incident_opened(incident, settings.dagster_url, now)
        messages.append(_finish(message, state, settings, secrets))
        incident.held_back = False
        incident.announced = incident.level
        incident.description = incident.advice = ""
        incident.details = []
    return ComposedMessages(messages, state)


def incident_opened(incident: Incident, dagster_url: str, now: float) -> Message:
    """Return the message that an incident opened, or that a warning became an error."""
    lines = [incident.description, "", f"Where: {_where(incident)}", f"Since: {moment(incident.since)}"]
    if incident.announced:
        lines.append("It was a warning before.")
    if incident.count > 1:
        lines.append(f"Seen in {incident.count} runs.")
    lines += incident.details
    lines += [*_link(incident.run_id, dagster_url), f"What to do: {incident.advice}"]
    prefix = "Warning: " if incident.level == "warning" else ""
    title = _capitalized(f"{prefix}{incident.subject}")
    return Message(title=title, body="\n".join(lines), level=incident.level, at=now)


def incident_resolved(incident: Incident, dagster_url: str, now: float, run_id: str | None) -> Message:
    """Return the message that an incident is resolved: how long it lasted, and how many runs had the problem."""
    lines = [
        "Everything affected has succeeded since.",
        "",
        *([f"It was: {incident.description}"] if incident.description else []),
        f"Where: {_where(incident)}",
        f"It lasted {duration(now - incident.since)}, from {moment(incident.since)}"
        + (f", and was seen in {incident.count} run(s)." if incident.run_id else "."),
        *_link(run_id, dagster_url),
    ]
    return Message(title=f"Recovered: {incident.subject}", body="\n".join(lines), level="recovered", at=now)


def moment(timestamp: float) -> str:
    """Return a moment, given in UNIX seconds, as text in UTC."""
    return f"{datetime.fromtimestamp(timestamp, timezone.utc):%Y-%m-%d %H:%M} UTC"


def duration(seconds: float) -> str:
    """Return a duration as text, in its two largest units."""
    minutes = max(round(seconds / 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def _finish(message: Message, state: AlertState, settings: AlertSettings, secrets: Secrets) -> Message:
    """Count the message as sent, add how many were held back before it, and redact it."""
    note = ""
    if state.held_back:
        note = (
            f"\n\n{state.held_back} message(s) were held back until now: "
            f"at most {settings.most_an_hour} are sent in an hour."
        )
    state.held_back = 0
    state.sent.append(message.at)
    return message.model_copy(
        update={"title": redact(message.title, secrets), "body": redact(message.body + note, secrets)}
    )


def _capitalized(text: str) -> str:
    return text[0].upper() + text[1:]


def _where(incident: Incident) -> str:
    shown = incident.assets[:ASSETS_SHOWN]
    more = f" and {len(incident.assets) - ASSETS_SHOWN} more" if len(incident.assets) > ASSETS_SHOWN else ""
    destination = f"{environment.destination()}, dataset {environment.bronze_target().dataset_name}"
    return f"{', '.join(shown)}{more} ({destination})" if shown else destination


def _link(run_id: str | None, dagster_url: str) -> list[str]:
    return [f"Run: {dagster_url}/runs/{run_id}"] if run_id else []

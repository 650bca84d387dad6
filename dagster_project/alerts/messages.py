"""Messages about incidents: which are due, within the hourly limit, and their texts, redacted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Literal, NamedTuple

from dagster_project.alerts.redaction import Secrets, redact
from dagster_project.alerts.sources.names import awaited_shards
from dagster_project.alerts.sources.problems import ASSETS, PLACES_NAMED
from dagster_project.alerts.state import AlertState, Incident, Level, Message, ResolvedIncident, in_the_last_hour
from dagster_project.common import environment
from dlt_sources.weather.common.errors import enumerated
from dlt_sources.weather.common.settings.alerts import AlertSettings

ASSETS_SHOWN = 10
# more are counted
SUBJECT_ASSETS = 2
SUMMARY_LINES = 20
SUMMARY_LINE_LENGTH = 300


class ComposedMessages(NamedTuple):
    """Messages to deliver, and the alert state that remembers them."""

    messages: list[Message]
    state: AlertState


def compose_messages(
    state: AlertState, resolved: Sequence[ResolvedIncident], settings: AlertSettings, secrets: Secrets, now: float
) -> ComposedMessages:
    """Return the messages that are due: of resolved incidents, then of open ones that are new, worse or have news.

    Nothing is lost by the hourly limit: what is beyond it waits, and the last message that the limit allows is about
    all that wait, if they are several.

    Args:
        state: the alert state with the incidents that are open; not changed.
        resolved: incidents that were resolved since the last call.
        settings: the hourly limit, and the URL for links to runs.
        secrets: secrets to redact.
        now: the present moment, UNIX seconds.
    """
    state = state.model_copy(deep=True)
    state.sent = in_the_last_hour(state.sent, now)
    ended = [*state.resolved, *resolved]
    due = [incident for incident in state.open.values() if incident.is_due and incident.hold_until <= now]
    state.resolved = []
    room = settings.most_an_hour - len(state.sent)
    if room <= 0:
        state.held_back += len(resolved) + sum(not incident.held_back for incident in due)
        for incident in due:
            incident.held_back = True
        state.resolved = [_for_storage(one) for one in ended]
        return ComposedMessages([], state)
    singles = len(ended) + len(due) if len(ended) + len(due) <= room else room - 1
    messages = [incident_resolved(one, settings.dagster_url, now) for one in ended[:singles]]
    messages += [incident_opened(incident, settings.dagster_url, now) for incident in due[: singles - len(messages)]]
    if singles < len(ended) + len(due):
        messages.append(summary(ended[singles:], due[max(singles - len(ended), 0) :], settings, now))
    for incident in due:
        _mark_announced(incident, now)
    finished = [_finish(message, state, settings, secrets) for message in messages]
    return ComposedMessages(finished, state)


def messages_held_back(state: AlertState) -> int:
    """Return the number of messages that wait for the hourly limit."""
    return len(state.resolved) + sum(incident.held_back for incident in state.open.values())


def summary(ended: Sequence[ResolvedIncident], due: Sequence[Incident], settings: AlertSettings, now: float) -> Message:
    """Return one message about several incidents, because the hourly limit allows no more."""
    lines = [f"{_capitalized(_subject(one))}: {one.description} ({_where(one)})" for one in due]
    lines += [
        f"Recovered: {_recovered(one.incident)}, after {duration(one.at - one.incident.since)}"
        + "".join(f" {shortfall}" for shortfall in one.shortfalls)
        for one in ended
    ]
    shown = [line[:SUMMARY_LINE_LENGTH] for line in lines[:SUMMARY_LINES]]
    if len(lines) > SUMMARY_LINES:
        shown.append(f"and {len(lines) - SUMMARY_LINES} more: see {settings.dagster_url}/runs")
    parts = [f"{len(due)} incident(s)"] * bool(due) + [f"{len(ended)} recovered"] * bool(ended)
    levels = [one.level for one in due]
    level: Level | Literal["recovered"] = "error" if "error" in levels else "warning" if levels else "recovered"
    body = "\n".join([f"In one message, as at most {settings.most_an_hour} are sent in an hour:", "", *shown])
    return Message(title=_capitalized(", ".join(parts)), body=body, level=level, at=now)


def incident_opened(incident: Incident, dagster_url: str, now: float) -> Message:
    """Return the message that an incident opened, that a warning became an error, or that there are news."""
    lines = [incident.description, "", f"Where: {_where(incident)}", f"Since: {moment(incident.since)}"]
    if shards := awaited_shards(incident.waits_for):
        lines.insert(3, f"Shards of places: {enumerated(shards)}")
    if incident.news:
        lines.append(incident.news)
    elif incident.announced:
        lines.append("It was a warning before.")
    if incident.count > 1:
        lines.append(f"Seen in {incident.count} runs.")
    lines += incident.details
    lines += [*_link(incident.run_id, dagster_url), f"What to do: {incident.advice}"]
    prefix = "Warning: " if incident.level == "warning" else ""
    title = _capitalized(f"{prefix}{_subject(incident)}")
    return Message(title=title, body="\n".join(lines), level=incident.level, at=now)


def incident_resolved(resolved: ResolvedIncident, dagster_url: str, now: float) -> Message:
    """Return the message that an incident is resolved: how long it lasted, and how many runs had the problem."""
    incident = resolved.incident
    first = "Everything affected has succeeded since."
    if resolved.shortfalls:
        first = " ".join(["The loads have succeeded since, but not all of each.", *resolved.shortfalls])
    lines = [
        first,
        "",
        *([f"It was: {incident.description}"] if incident.description else []),
        f"Where: {_where(incident)}",
        f"It lasted {duration(resolved.at - incident.since)}, from {moment(incident.since)}"
        + (f", and was seen in {incident.count} run(s)." if incident.run_id else "."),
        *_link(resolved.run_id, dagster_url),
    ]
    return Message(title=f"Recovered: {_recovered(incident)}", body="\n".join(lines), level="recovered", at=now)


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


def _mark_announced(incident: Incident, now: float) -> None:
    incident.held_back = False
    incident.announced, incident.announced_at = incident.level, now
    incident.news = incident.description = incident.advice = ""
    incident.details = []


def _for_storage(resolved: ResolvedIncident) -> ResolvedIncident:
    """Return the resolved incident with what its message needs, and no more."""
    incident = resolved.incident.model_copy(update={"details": [], "advice": "", "recovered": []})
    return resolved.model_copy(update={"incident": incident})


def _subject(incident: Incident) -> str:
    assets = incident.assets
    names = f"{len(assets)} assets" if len(assets) > SUBJECT_ASSETS else " and ".join(assets)
    return incident.subject.replace(ASSETS, names)


def _recovered(incident: Incident) -> str:
    """Return the subject of a resolved incident: of one about places without data, the places that get them again."""
    if not incident.parts:
        return _subject(incident)
    names = incident.parts[:PLACES_NAMED]
    more = f" and {len(incident.parts) - PLACES_NAMED} more" if len(incident.parts) > PLACES_NAMED else ""
    return f"{enumerated(names)}{more} {'gets' if len(incident.parts) == 1 else 'get'} data again"


def _capitalized(text: str) -> str:
    return text[0].upper() + text[1:]


def _where(incident: Incident) -> str:
    shown = incident.assets[:ASSETS_SHOWN]
    more = f" and {len(incident.assets) - ASSETS_SHOWN} more" if len(incident.assets) > ASSETS_SHOWN else ""
    destination = f"{environment.destination()}, dataset {environment.bronze_target().dataset_name}"
    return f"{', '.join(shown)}{more} ({destination})" if shown else destination


def _link(run_id: str | None, dagster_url: str) -> list[str]:
    return [f"Run: {dagster_url}/runs/{run_id}"] if run_id else []

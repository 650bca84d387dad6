"""Judgement by the tables: all places have recent rows, some are late, or nobody can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from dlt_sources.weather.common.errors import WeatherError, counted, enumerated
from dlt_sources.weather.common.redaction import redact
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import LoadRun
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.status.causes import late_by_cause
from dlt_sources.weather.status.heartbeat.request import send
from dlt_sources.weather.status.late import LateLocation, late_by_resource

_MOST_NAMED, _MOST_CAUSES, _MOST_OF_CAUSE = 3, 3, 200


def beat(
    url: str, target: Target, settings: WeatherSettings, now: datetime, *, has_failed: bool = False
) -> tuple[bool, str]:
    """Report that every place has recent rows, or which have none; report nothing if the tables cannot be read.

    Args:
        url: the heartbeat's URL.
        target: the destination and dataset.
        settings: the list of places, the resources and the schedule.
        now: the present moment, UTC.
        has_failed: whether the caller's load failed, after which no success is reported.

    Returns:
        Whether all is well, and what was reported, in a sentence without secrets.
    """
    try:
        with target.reader(0) as reader:
            # before the first load nothing is late
            late = late_by_resource(reader, settings, now) if reader.columns(LoadRun.table) else None
    except WeatherError as error:
        return False, f"No heartbeat is sent, since the tables cannot be read: {error}"
    if late is None:
        return False, "No heartbeat is sent, since nothing is loaded yet."
    if late:
        text = redact(_described(late), settings.secret_key)
        reason = send(url, text, is_failure=True)
        return False, f"The heartbeat reports a failure. {text}" if reason is None else _not_sent(reason)
    if has_failed:
        return False, "No heartbeat is sent, since the load failed; every place has recent rows yet."
    reason = send(url, "Every place has recent rows.")
    return reason is None, "The heartbeat is sent." if reason is None else _not_sent(reason)


def _not_sent(reason: str) -> str:
    return f"The heartbeat cannot be sent: {reason}."


def _described(late: Mapping[str, Sequence[LateLocation]]) -> str:
    causes = late_by_cause(late)
    lines = []
    for cause, groups in list(causes.items())[:_MOST_CAUSES]:
        names = list(dict.fromkeys(query for group in groups for query in group.queries))
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        resources = ", ".join(dict.fromkeys(name for group in groups for name in group.resources))
        because = f": {cause[:_MOST_OF_CAUSE]}" if cause else ""
        named = f"{enumerated(names[:_MOST_NAMED])}{more}"
        lines.append(f"{counted(len(names), 'place')} without recent {resources}, {named}{because}")
    if len(causes) > _MOST_CAUSES:
        lines.append(f"and {len(causes) - _MOST_CAUSES} more causes")
    return "\n".join(lines)

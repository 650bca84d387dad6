"""The range of hours that a run asks for, from the settings and from what is loaded."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from dlt_sources.weather.common.clock import floor_hour
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import HISTORY_BEGINS, WeatherSettings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.extract.requests import History

logger = logging.getLogger(__name__)


def history_of(settings: WeatherSettings, loaded: DestinationReader, now: datetime, *, overlap: bool = True) -> History:
    """Work out which hours are wanted: those the user named, else whatever is newer than what is loaded.

    Args:
        settings: the range, the window's size and the overlap in which late revisions are fetched again.
        loaded: what the destination holds.
        now: the moment of the run, UTC.
        overlap: whether rows may be written again; a destination that cannot merge must not see them twice.

    Raises:
        ConfigurationError: the range cannot be read or is empty.
    """
    this_hour = floor_hour(now)
    until = min(_moment(settings.until, "until") or this_hour, this_hour)
    since = _moment(settings.since, "since")
    longest = (now - HISTORY_BEGINS).days + 1
    first = since or floor_hour(now - timedelta(days=min(settings.history_days, longest)))
    if first < HISTORY_BEGINS:
        logger.warning("Air pollution begins on %s; earlier hours are left out", f"{HISTORY_BEGINS:%Y-%m-%d}")
        first = HISTORY_BEGINS
    if first > until:
        raise ConfigurationError(f"since ({first:%Y-%m-%dT%H:%MZ}) is after until ({until:%Y-%m-%dT%H:%MZ}).")
    history = History(
        since=first,
        until=until,
        explicit=since is not None,
        days_per_call=settings.history_days_per_call,
        overlap=timedelta(hours=settings.history_overlap_hours if overlap else 0),
        marks={} if since else loaded.newest_hours(),
    )
    return replace(history, complete=frozenset(loaded.complete_windows(history.windows()))) if since else history


def _moment(text: str | None, setting: str) -> datetime | None:
    """Read a date or a moment of ISO 8601, UTC where it names no zone, as an hour."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return floor_hour(moment.astimezone(timezone.utc))
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{setting} must be a date such as 2024-01-31 or a moment such as 2024-01-31T06:00Z, not {text!r}."
        ) from None

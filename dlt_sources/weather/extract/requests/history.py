"""The range of hours that a run asks for, from the settings and from the rows that are loaded."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination.exceptions import DestinationCapabilitiesException
from dlt.common.destination.utils import resolve_merge_strategy
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.utils import new_table

from dlt_sources.weather.common.clock import floor_hour
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import HISTORY_BEGINS, WeatherSettings
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.extract.requests.queue import History

logger = logging.getLogger(__name__)


def history_of(settings: WeatherSettings, reader: DestinationReader, now: datetime, *, overlap: bool = True) -> History:
    """Return the hours to ask for: the range that the user named, otherwise everything newer than the loaded rows.

    Args:
        settings: the range, the window's size and the overlap in which late revisions are fetched again.
        reader: reads the destination.
        now: the moment of the run, UTC.
        overlap: whether rows may be written twice; a destination that cannot merge must not receive them twice.

    Raises:
        ConfigurationError: the range cannot be read or is empty.
    """
    this_hour = floor_hour(now)
    until = min(_hour(settings.until, "until") or this_hour, this_hour)
    since = _hour(settings.since, "since")
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
        marks={} if since else reader.newest_hours(),
    )
    return replace(history, complete=frozenset(reader.complete_windows(history.windows()))) if since else history


def active_pipeline() -> dlt.Pipeline | None:
    """Return the pipeline that extracts at present, if there is one."""
    # dlt.current.pipeline() would create a pipeline if none is active
    return dlt.current.pipeline() if Container()[PipelineContext].is_active() else None


def merges_rows(pipeline: dlt.Pipeline | None) -> bool:
    """Return whether the pipeline's destination replaces a row that it receives twice."""
    if pipeline is None or pipeline.destination is None:
        return True
    table = new_table("any", write_disposition="merge")
    table["x-merge-strategy"] = "upsert"  # type: ignore[typeddict-unknown-key]
    try:
        return resolve_merge_strategy({"any": table}, table, pipeline.destination.capabilities()) is not None
    except DestinationCapabilitiesException:
        return False


def _hour(text: str | None, setting: str) -> datetime | None:
    """Read an ISO 8601 date or moment, in UTC if it names no zone, and return its hour."""
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

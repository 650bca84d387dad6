"""The range of hours that a run asks for, from the settings and from the rows that are loaded."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from functools import partial

from dlt_sources.weather.api.endpoints import BY_NAME, Endpoint
from dlt_sources.weather.common.clock import DAY, HOUR, floor_hour
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import HISTORY_BEGINS, WeatherSettings
from dlt_sources.weather.contracts import AirPollution
from dlt_sources.weather.contracts.base import EARLIEST
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.extract.requests.answers import steps_of
from dlt_sources.weather.extract.requests.loaded_steps import REVISED_FOR, loaded_spans, newest_steps
from dlt_sources.weather.extract.requests.steps import Steps
from dlt_sources.weather.extract.requests.windows import HourWindows, PagesOfNewSteps, PagesOfRange, Windows
from dlt_sources.weather.locations.model import ResolvedLocation

logger = logging.getLogger(__name__)


def windows_of(
    endpoint: Endpoint,
    settings: WeatherSettings,
    reader: DestinationReader,
    now: datetime,
    *,
    overlap: bool = True,
    new: Sequence[ResolvedLocation] = (),
) -> Windows | None:
    """Return the windows that an endpoint is asked for; None for an endpoint that is asked once a location.

    Args:
        endpoint: the endpoint.
        settings: the range, the window's size and the overlap in which late revisions are fetched again.
        reader: reads the destination.
        now: the moment of the run, UTC.
        overlap: whether rows may be written twice; a destination that cannot merge must not receive them twice.
        new: see ``loaded_spans``.

    Raises:
        ConfigurationError: the range cannot be read or is empty.
    """
    if endpoint.timeline is None:
        return history_of(settings, reader, now, overlap=overlap) if endpoint.incremental else None
    if not endpoint.incremental:
        return _forecast_pages(endpoint, settings, now)
    return _history_pages(endpoint, settings, reader, now, overlap=overlap, new=new)


def history_of(
    settings: WeatherSettings, reader: DestinationReader, now: datetime, *, overlap: bool = True
) -> HourWindows:
    """Return the hours of air pollution to ask for: the user's range, otherwise everything newer than the loaded rows.

    Args:
        settings: the range, the window's size and the overlap in which late revisions are fetched again.
        reader: reads the destination.
        now: the moment of the run, UTC.
        overlap: whether rows may be written twice; a destination that cannot merge must not receive them twice.

    Raises:
        ConfigurationError: the range cannot be read or is empty.
    """
    since, first, until = _range_of_user(settings, now)
    if first < HISTORY_BEGINS:
        logger.warning("Air pollution begins on %s; earlier hours are left out", f"{HISTORY_BEGINS:%Y-%m-%d}")
        first = HISTORY_BEGINS
        _ensure_range(first, until, settings)
    windows = HourWindows(
        since=first,
        until=until,
        explicit=since is not None,
        days_per_call=settings.history_days_per_call,
        overlap=timedelta(hours=settings.history_overlap_hours if overlap else 0),
        marks={} if since else reader.newest_moments(AirPollution),
    )
    return replace(windows, complete=frozenset(reader.complete_windows(windows.windows()))) if since else windows


def _history_pages(
    endpoint: Endpoint,
    settings: WeatherSettings,
    reader: DestinationReader,
    now: datetime,
    *,
    overlap: bool,
    new: Sequence[ResolvedLocation],
) -> Windows:
    """Return the pages of history to ask for: what is missing of the user's range, otherwise what is new."""
    timeline, contract = endpoint.timeline, endpoint.parts[0].contract
    assert timeline is not None and timeline.earliest is not None  # noqa: S101, PT018 - see windows_of
    earliest = timeline.earliest
    since, first, until = _range_of_user(settings, now)
    if first < earliest:
        logger.warning("%s begins on %s; what is earlier is left out", endpoint.name, f"{earliest:%Y-%m-%d}")

    def range_of(steps: Steps) -> tuple[int, int]:
        newest = steps.newest_complete(now)
        last = min(steps.of_date(until), newest) if settings.until else newest
        # a location that is new gets a day at least, or it would never have a newest one to go on from
        begin = steps.of_date(first) if since else min(steps.of_date(first), last)
        return max(begin, steps.earliest(earliest)), last

    at = partial(steps_of, endpoint)
    if since:
        begin = max(first, earliest)
        return PagesOfRange(at, range_of, loaded_spans(reader, contract, timeline.step, begin, until, new=new))
    loaded = newest_steps(reader, contract, timeline.step, now, first, renew=overlap)
    return PagesOfNewSteps(at, range_of, loaded, now - REVISED_FOR if overlap else None)


def _forecast_pages(endpoint: Endpoint, settings: WeatherSettings, now: datetime) -> PagesOfRange:
    """Return the pages of a forecast: from the step of the present on."""
    timeline = endpoint.timeline
    assert timeline is not None  # noqa: S101 - see windows_of
    ahead = timeline.ahead
    if timeline.step >= DAY:
        ahead = min(ahead, settings.one_call.daily_forecast_days * DAY)

    def range_of(steps: Steps) -> tuple[int, int]:
        first = steps.of_moment(now)
        return first, first + ahead // timeline.step - 1

    # the step of the present may be over, and the series may end a step earlier; an hour of minutes is one answer
    optional = 1 if ahead > HOUR else ahead // timeline.step
    return PagesOfRange(partial(steps_of, endpoint), range_of, optional_at_ends=optional)


def _range_of_user(settings: WeatherSettings, now: datetime) -> tuple[datetime | None, datetime, datetime]:
    """Return ``since`` if it is set, the first and the last hour of the range, UTC.

    Raises:
        ConfigurationError: the range cannot be read or is empty.
    """
    this_hour = floor_hour(now)
    until = min(_hour(settings.until, "until") or this_hour, this_hour)
    since = _hour(settings.since, "since")
    longest = (now - EARLIEST).days
    first = since or floor_hour(now - timedelta(days=min(settings.history_days, longest)))
    _ensure_range(first, until)
    return since, first, until


def _ensure_range(first: datetime, until: datetime, settings: WeatherSettings | None = None) -> None:
    """Raise if a range is empty, unless a resource is asked whose history is longer.

    Raises:
        ConfigurationError: the range is empty.
    """
    names = settings.resources or () if settings else ()
    if first > until and not any(BY_NAME[name].timeline for name in names if name in BY_NAME):
        raise ConfigurationError(f"since ({first:%Y-%m-%dT%H:%MZ}) is after until ({until:%Y-%m-%dT%H:%MZ}).")


def _hour(text: str | None, setting: str) -> datetime | None:
    """Read an ISO 8601 date or moment, in UTC if it names no zone, and return its hour; a date as the end, its last."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        if setting == "until" and _is_date(text.strip()):
            moment += DAY - HOUR
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return floor_hour(moment.astimezone(timezone.utc))
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{setting} must be a date such as 2024-01-31 or a moment such as 2024-01-31T06:00Z, not {text!r}."
        ) from None


def _is_date(text: str) -> bool:
    """Return whether a text is a date without a time."""
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False

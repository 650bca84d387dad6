"""The requests of a run: every location, and for history every window of hours that is not loaded yet.

History goes forward window by window. A location's next window is asked only after the answer to the one before it is
there, so that a failure leaves no gap before a newer hour; the newest hour in the table is then the location's
watermark.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from heapq import nsmallest
from types import MappingProxyType

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.endpoints import Endpoint
from dlt_sources.weather.api.responses import Request, Result
from dlt_sources.weather.common.clock import HOUR
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.locations.model import ResolvedLocation

# locations sorted by how long they have waited: few, since they are Python objects in memory; the others follow in the
# list's order, and the next run sorts those of them that were not asked
MOST_SORTED = 10_000
NEVER = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class RequestWindow:
    """The subject of a request: a location and, for history, the first and last hour asked for, UTC."""

    location: ResolvedLocation
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class History:
    """The extent of history: the range, its windows, and the part that is loaded already. All moments are UTC.

    Args:
        since: first hour for a location that has none.
        until: last hour.
        explicit: whether the user named the range, so that every location is asked for all of it.
        days_per_call: the size of a window.
        overlap: time before a watermark that is fetched again, for late revisions.
        marks: newest loaded hour by location_id.
        complete: (location_id, first hour) of windows that miss no hour.
    """

    since: datetime
    until: datetime
    explicit: bool
    days_per_call: int
    overlap: timedelta
    marks: dict[str, datetime]
    complete: frozenset[tuple[str, datetime]] = frozenset()

    def first(self, location: ResolvedLocation) -> RequestWindow | None:
        """Return the first window to ask for a location; None if there can be nothing new."""
        mark = self.marks.get(location.location_id)
        if self.explicit or mark is None:
            return self._window(location, self.since)
        if mark >= self.until:
            return None
        return self._window(location, mark + HOUR - self.overlap)

    def after(self, window: RequestWindow) -> RequestWindow | None:
        """Return the window that follows another of the same location; None after the last."""
        assert window.end is not None  # noqa: S101 - windows of history have an end
        return self._window(window.location, window.end + HOUR)

    def count(self, location: ResolvedLocation) -> int:
        """Return the number of requests that a location needs if none fails."""
        window, number = self.first(location), 0
        while window is not None:
            window, number = self.after(window), number + 1
        return number

    def windows(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield the first and last hour of every window of the range, oldest first."""
        start = self.since
        while start <= self.until:
            yield start, self._end(start)
            start = self._end(start) + HOUR

    def _window(self, location: ResolvedLocation, start: datetime) -> RequestWindow | None:
        while start <= self.until:
            if (location.location_id, start) not in self.complete:
                return RequestWindow(location, start, self._end(start))
            start = self._end(start) + HOUR
        return None

    def _end(self, start: datetime) -> datetime:
        return min(start + timedelta(days=self.days_per_call) - HOUR, self.until)


class RequestQueue:
    """The requests of one endpoint in one run, in rounds of at most one request per location.

    Locations that have waited longest for a row are asked first: if every run is cut short, the list's end has its turn
    too.

    Args:
        endpoint: the endpoint to ask.
        locations: the locations to ask for.
        settings: units and language of the answers, and whether only locations are asked that lack a row.
        history: the hours to ask for; None for an endpoint without history.
        waiting: newest row, UTC, of locations that lack a recent one, by location_id; None if there is no row at all.

    Attributes:
        total: the number of requests if none fails.
        up_to_date: the number of locations with nothing to ask, those of the list that are not chosen included.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        locations: Collection[ResolvedLocation],
        settings: WeatherSettings,
        history: History | None,
        waiting: Mapping[str, datetime | None] = MappingProxyType({}),
    ) -> None:
        self._in_flight = 0
        self._most_at_once = endpoint.most_at_once
        self._endpoint = endpoint
        self._settings = settings
        self._history = history
        if history:
            self.total = sum(map(history.count, locations))
            self.up_to_date = sum(1 for location in locations if history.first(location) is None)
            windows = map(history.first, locations)
        else:
            only_waiting = settings.only_missing
            chosen = partial(_longest_waiting_first, locations, waiting, only_waiting=only_waiting)
            self.total = sum(1 for _ in chosen()) if only_waiting else len(locations)
            self.up_to_date = len(locations) - self.total
            windows = map(RequestWindow, chosen())
        self._round: Iterator[RequestWindow] = (window for window in windows if window is not None)
        self._next_round: list[RequestWindow] = []
        self._head: RequestWindow | None = next(self._round, None)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to ask."""
        return self._head is None

    @property
    def answered(self) -> bool:
        """Whether nothing is left to ask, and every request has a result; those in flight when a run ends have none."""
        return self.finished and not self._in_flight

    def results(self, client: Client, may_go_on: Callable[[], bool]) -> Iterator[Result]:
        """Ask while ``may_go_on`` returns True, round after round, and yield the results in no order.

        Args:
            client: asks the API.
            may_go_on: returns whether another request may be made.
        """
        while not self.finished and may_go_on():
            for result in client.fetch_all(self._take(may_go_on), self._most_at_once):
                self._in_flight -= 1
                yield result
            self._next()

    def _take(self, may_go_on: Callable[[], bool]) -> Iterator[Request]:
        """Yield the requests of this round while ``may_go_on`` returns True."""
        while self._head is not None and may_go_on():
            window = self._head
            self._head = next(self._round, None)
            self._in_flight += 1
            yield self._request(window)

    def mark_done(self, window: RequestWindow) -> None:
        """Schedule the location's next window, because this window's answer is there."""
        if self._history and (following := self._history.after(window)):
            self._next_round.append(following)

    def _next(self) -> None:
        """Begin the round of the scheduled windows, if this round is asked."""
        if self._head is None:
            self._round, self._next_round = iter(self._next_round), []
            self._head = next(self._round, None)

    def _request(self, window: RequestWindow) -> Request:
        params = {"lat": f"{window.location.lat:.4f}", "lon": f"{window.location.lon:.4f}"}
        params |= dict(self._endpoint.parameters)
        if self._endpoint.has_units:
            params |= {"units": self._settings.units, "lang": self._settings.answer_language}
        if window.start and window.end:
            params |= {"start": f"{window.start.timestamp():.0f}", "end": f"{window.end.timestamp():.0f}"}
        return Request(self._endpoint.name, self._endpoint.path, params, window)


def _longest_waiting_first(
    locations: Collection[ResolvedLocation], waiting: Mapping[str, datetime | None], *, only_waiting: bool
) -> Iterator[ResolvedLocation]:
    """Yield the locations, those without any row first, then by the age of their newest row, then the others.

    Args:
        locations: the locations in the list's order.
        waiting: newest row of locations that lack a recent one.
        only_waiting: whether to leave out locations that have a recent row.
    """
    found = (location for location in locations if location.location_id in waiting)
    first = nsmallest(MOST_SORTED, found, key=lambda location: waiting[location.location_id] or NEVER)
    yield from first
    asked = {location.location_id for location in first}
    del first
    for location in locations:
        is_chosen = not only_waiting or location.is_new or location.location_id in waiting
        if is_chosen and location.location_id not in asked:
            yield location

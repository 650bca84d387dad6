"""Which requests a run makes: every place, and for history every window of hours that is not loaded yet.

History goes forward window by window. The next window of a place is asked only after the one before it came, so that
a failure leaves no gap behind a newer hour; the table's newest hour is then a place's high-water mark.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dlt_sources.weather.api.endpoints import Endpoint
from dlt_sources.weather.api.responses import Request
from dlt_sources.weather.common.clock import HOUR
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.locations.model import ResolvedLocation


@dataclass(frozen=True, slots=True)
class RequestWindow:
    """What a request is about: a place and, for history, the first and last hour asked for."""

    location: ResolvedLocation
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class History:
    """How far history reaches: the range, the windows, and what is loaded already.

    Args:
        since: first hour for a place that has none.
        until: last hour.
        explicit: whether the user named the range, so that every place is asked for all of it.
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
        """The first window to ask for a place; None where nothing new can be there."""
        mark = self.marks.get(location.location_id)
        if self.explicit or mark is None:
            return self._window(location, self.since)
        if mark >= self.until:
            return None
        return self._window(location, mark + HOUR - self.overlap)

    def after(self, task: RequestWindow) -> RequestWindow | None:
        """The window after the one that came."""
        assert task.end is not None  # noqa: S101 - history tasks have windows
        return self._window(task.location, task.end + HOUR)

    def how_many(self, location: ResolvedLocation) -> int:
        """How many requests a place needs if all of them come."""
        task, number = self.first(location), 0
        while task is not None:
            task, number = self.after(task), number + 1
        return number

    def windows(self) -> Iterator[tuple[datetime, datetime]]:
        """All windows of the range, oldest first."""
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
    """The requests of one endpoint in one run, in rounds: one request a place and round; ``total`` in all."""

    def __init__(
        self,
        endpoint: Endpoint,
        locations: Collection[ResolvedLocation],
        settings: WeatherSettings,
        history: History | None,
    ) -> None:
        self.total = sum(map(history.how_many, locations)) if history else len(locations)
        self.most_at_once = endpoint.most_at_once
        self._endpoint = endpoint
        self._settings = settings
        self._history = history
        first = (history.first(location) if history else RequestWindow(location) for location in locations)
        self._round: Iterator[RequestWindow] = (task for task in first if task is not None)
        self._next: list[RequestWindow] = []
        self._ahead: RequestWindow | None = next(self._round, None)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to ask."""
        return self._ahead is None

    def take(self, may_go_on: Callable[[], bool]) -> Iterator[Request]:
        """Yield the requests of this round for as long as the caller may go on."""
        while self._ahead is not None and may_go_on():
            task = self._ahead
            self._ahead = next(self._round, None)
            yield self._request(task)

    def mark_done(self, task: RequestWindow) -> None:
        """Note that a task's answer is there, so that the place's next window may be asked."""
        if self._history and (following := self._history.after(task)):
            self._next.append(following)

    def next_round(self) -> None:
        """Go on with the windows that follow those that came, once a round is asked."""
        if self._ahead is None:
            self._round, self._next = iter(self._next), []
            self._ahead = next(self._round, None)

    def _request(self, task: RequestWindow) -> Request:
        params = {"lat": f"{task.location.lat:.4f}", "lon": f"{task.location.lon:.4f}"}
        if self._endpoint.has_units:
            params |= {"units": self._settings.units, "lang": self._settings.answer_language}
        if task.start and task.end:
            params |= {"start": f"{task.start.timestamp():.0f}", "end": f"{task.end.timestamp():.0f}"}
        return Request(self._endpoint.name, self._endpoint.path, params, task)

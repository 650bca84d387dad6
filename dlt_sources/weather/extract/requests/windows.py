"""The windows of an endpoint that is asked for a range of time: of the user's range, of what is new, of forecasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from dlt_sources.weather.common.clock import HOUR
from dlt_sources.weather.extract.requests.pages import (
    Page,
    Span,
    count_pages,
    following_page,
    missing_pages,
    newest_pages,
)
from dlt_sources.weather.extract.requests.steps import Steps
from dlt_sources.weather.locations.model import ResolvedLocation


@dataclass(frozen=True, slots=True)
class Alert:
    """The text of a warning as the subject of a request.

    Attributes:
        alert_id: the warning.
        others: the locations that it concerns besides the window's.
        is_loaded: whether the text is in the tables already, so that no request was made.
    """

    alert_id: str
    others: tuple[ResolvedLocation, ...] = ()
    is_loaded: bool = False


@dataclass(frozen=True, slots=True)
class RequestWindow:
    """The subject of a request: a location and, for a range of time, the first and last hour asked for, UTC.

    ``page`` says which rows of a timeline's answer count, ``alert`` which warning's text is asked for.
    """

    location: ResolvedLocation
    start: datetime | None = None
    end: datetime | None = None
    page: Page | None = None
    alert: Alert | None = None


class Windows(Protocol):
    """The windows of each location."""

    def first(self, location: ResolvedLocation) -> Iterator[RequestWindow]:
        """Yield the windows to ask for at once; none if there can be nothing new."""

    def after(self, window: RequestWindow) -> RequestWindow | None:
        """Return the window to ask for after the answer to another of the same location; None if there is none."""

    def rest(self, window: RequestWindow) -> RequestWindow | None:
        """Return a window that was chosen by earlier rows, the one to ask for in its place, or None if none is."""

    def count(self, location: ResolvedLocation) -> int:
        """Return the number of requests that a location needs if none fails."""


@dataclass(frozen=True)
class HourWindows:
    """Windows of many days, one after another, of an endpoint that answers any range of hours. All moments are UTC.

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

    def first(self, location: ResolvedLocation) -> Iterator[RequestWindow]:
        """Yield the first window to ask for a location; none if there can be nothing new."""
        mark = self.marks.get(location.location_id)
        if self.explicit or mark is None:
            window = self._window(location, self.since)
        else:
            window = self._window(location, mark + HOUR - self.overlap) if mark < self.until else None
        if window is not None:
            yield window

    def after(self, window: RequestWindow) -> RequestWindow | None:
        """Return the window that follows another of the same location; None after the last."""
        assert window.end is not None  # noqa: S101 - windows of hours have an end
        return self._window(window.location, window.end + HOUR)

    def rest(self, window: RequestWindow) -> RequestWindow | None:
        """Return a window if it misses hours, otherwise the next one that does."""
        assert window.start is not None  # noqa: S101 - windows of hours have a start
        return self._window(window.location, window.start)

    def count(self, location: ResolvedLocation) -> int:
        """Return the number of requests that a location needs if none fails."""
        window, number = next(self.first(location), None), 0
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


@dataclass(frozen=True)
class PagesOfRange:
    """Pages for the steps of a range that are missing; all may be asked for at once.

    Args:
        steps: returns the steps of the timeline at a location.
        range_of: returns the first and last step of the range.
        loaded: first and last step of each run of loaded steps, ascending, by location_id.
        optional_at_ends: steps at both ends of the range that an answer may lack.
    """

    steps: Callable[[ResolvedLocation], Steps]
    range_of: Callable[[Steps], tuple[int, int]]
    loaded: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    optional_at_ends: int = 0

    def first(self, location: ResolvedLocation) -> Iterator[RequestWindow]:
        """Yield the windows of a location."""
        steps = self.steps(location)
        first, last = self.range_of(steps)
        for page in missing_pages(first, last, self.loaded.get(location.location_id, ()), steps.page):
            yield window_of(location, steps, self._with_optional_steps(page, first, last, steps.page))

    def after(self, window: RequestWindow) -> RequestWindow | None:  # noqa: ARG002 - see Windows
        """Return None: no window waits for another."""
        return None

    def rest(self, window: RequestWindow) -> RequestWindow | None:
        """Return a window if any of its steps is missing."""
        assert window.page is not None  # noqa: S101 - windows of timelines have a page
        loaded = self.loaded.get(window.location.location_id, ())
        page = window.page
        return window if count_pages(page.first, page.last, loaded, page.last - page.first + 1) else None

    def count(self, location: ResolvedLocation) -> int:
        """Return the number of requests that a location needs if none fails."""
        steps = self.steps(location)
        return count_pages(*self.range_of(steps), self.loaded.get(location.location_id, ()), steps.page)

    def _with_optional_steps(self, page: Page, first: int, last: int, size: int) -> Page:
        if not self.optional_at_ends:
            return page
        # rows of the last page beyond the range are paid for. An answer that begins a step later ends a step later too
        end = page.first + size if page.last == last else page.last
        ends = {*range(first, first + self.optional_at_ends), *range(last - self.optional_at_ends + 1, end + 1)}
        return replace(page, last=end, optional=tuple(sorted(ends.intersection(range(page.first, end + 1)))))


class LoadedSteps(NamedTuple):
    """What a run must know of a location's loaded rows, if the user names no range.

    Attributes:
        newest: ``dt`` of the newest row, UTC.
        recent: ``dt`` (Unix seconds) of the days that may be renewed, by number: a day's noon is known from its row.
        unsettled: oldest hour (UTC) that may be revised, and was not fetched since it became final; None if there is
            none, or not yet a whole page of them.
    """

    newest: datetime
    recent: Mapping[int, int]
    unsettled: datetime | None = None


@dataclass(frozen=True)
class PagesOfNewSteps:
    """Pages for the steps since the newest loaded one, in order, so that a failure leaves no gap before a newer step.

    Args:
        steps: returns the steps of the timeline at a location.
        range_of: returns the first step for a location that has none, and the last to ask for.
        loaded: what is loaded of the locations that have any row, by location_id.
        renewed_since: earliest ``dt`` of rows that may be replaced, UTC; None if no row may be written twice.
    """

    steps: Callable[[ResolvedLocation], Steps]
    range_of: Callable[[Steps], tuple[int, int]]
    loaded: Mapping[str, LoadedSteps]
    renewed_since: datetime | None

    def first(self, location: ResolvedLocation) -> Iterator[RequestWindow]:
        """Yield the first window of a location, and one for revisions of older rows."""
        steps = self.steps(location)
        page = self._first_page(location, steps)
        if page is not None:
            yield window_of(location, steps, page)
        if (revision := self._revision(location, steps, page)) is not None:
            yield window_of(location, steps, revision)

    def after(self, window: RequestWindow) -> RequestWindow | None:
        """Return the window that follows another of the same location; None after the last."""
        assert window.page is not None  # noqa: S101 - windows of timelines have a page
        if not window.page.missing:
            # it was for revisions
            return None
        steps = self.steps(window.location)
        page = following_page(window.page, self.range_of(steps)[1], steps.page)
        return window_of(window.location, steps, page) if page else None

    def rest(self, window: RequestWindow) -> RequestWindow | None:
        """Return the window: these are of short runs, which let no other go first."""
        return window

    def count(self, location: ResolvedLocation) -> int:
        """Return the number of requests that a location needs if none fails."""
        steps = self.steps(location)
        page = self._first_page(location, steps)
        revision = self._revision(location, steps, page)
        following = -(-(self.range_of(steps)[1] - page.last) // steps.page) + 1 if page else 0
        return following + (revision is not None)

    def _first_page(self, location: ResolvedLocation, steps: Steps) -> Page | None:
        (first, last), loaded = self.range_of(steps), self.loaded.get(location.location_id)
        newest = None if loaded is None else steps.number(loaded.newest.timestamp())
        if loaded is None or newest is None:
            return Page(first, min(first + steps.page - 1, last)) if first <= last else None
        page = newest_pages(newest, last, steps.page)
        return page and replace(page, renewed=self._renewed(steps, loaded, page.loaded))

    def _renewed(self, steps: Steps, loaded: LoadedSteps, numbers: Iterable[int]) -> tuple[int, ...]:
        """Return the ``dt`` of loaded rows that an answer may replace."""
        if self.renewed_since is None:
            return ()
        oldest = self.renewed_since.timestamp()
        moments = (steps.start_of(number) if steps.is_exact else loaded.recent.get(number, 0) for number in numbers)
        return tuple(moment for moment in moments if moment >= oldest)

    def _revision(self, location: ResolvedLocation, steps: Steps, page: Page | None) -> Page | None:
        """Return the page of older rows that may have been revised; None if the first page may bring some of them."""
        loaded = self.loaded.get(location.location_id)
        first = steps.number(loaded.unsettled.timestamp()) if loaded and loaded.unsettled else None
        if loaded is None or first is None:
            return None
        last = first + steps.page - 1
        if page is not None and page.first <= last:
            return None
        numbers = tuple(range(first, last + 1))
        return Page(first, last, numbers, self._renewed(steps, loaded, numbers))


def window_of(location: ResolvedLocation, steps: Steps, page: Page) -> RequestWindow:
    """Return the window of a page.

    Args:
        location: the location to ask for.
        steps: the steps of the timeline at the location.
        page: the page.
    """
    return RequestWindow(location, steps.begins(page.first), steps.last_hour(page.last), page)

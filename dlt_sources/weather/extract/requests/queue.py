"""The requests of a run: every location, and for history every window or page of what is not loaded yet.

Without a range of the user's, history goes forward window by window. A location's next window is asked only after the
answer to the one before it is there, so that a failure leaves no gap before a newer hour; the newest hour in the table
is then the location's watermark.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from functools import partial
from heapq import nsmallest
from itertools import chain
from types import MappingProxyType

from dlt_sources.weather.api.client import MOST_WAITING, Client
from dlt_sources.weather.api.endpoints import Endpoint
from dlt_sources.weather.api.responses import Answer, Request, Result
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.extract.requests.alerts import NamedAlerts
from dlt_sources.weather.extract.requests.answers import TimelineAnswers
from dlt_sources.weather.extract.requests.pages import PageRows
from dlt_sources.weather.extract.requests.windows import RequestWindow, Windows
from dlt_sources.weather.locations.model import ResolvedLocation

# locations sorted by how long they have waited: few, since they are Python objects in memory; the others follow in the
# list's order, and the next run sorts those of them that were not asked
MOST_SORTED = 10_000
# answers of a timeline that wait while a package is loaded: 20 rows, 5 kB each
MOST_PAGES_WAITING = 4_000
NEVER = datetime.min.replace(tzinfo=timezone.utc)
# called with the window of an answer that could be used, and the rows of a timeline's answer
MarkDone = Callable[[RequestWindow, PageRows | None], None]


class RequestQueue:
    """The requests of one endpoint in one run, in rounds; windows that follow others are in the next round.

    Locations that have waited longest for a row are asked first: if every run is cut short, the list's end has its turn
    too.

    Args:
        endpoint: the endpoint to ask.
        locations: the locations to ask for.
        settings: units and language of the answers, and whether only locations are asked that lack a row.
        windows: the windows of each location; None for an endpoint that is asked once a location.
        waiting: newest row, UTC, of locations that lack a recent one, by location_id; None if there is no row at all.
        named: collects the warnings that answers name; None if nobody asks for their texts.

    Attributes:
        total: the number of requests if none fails.
        up_to_date: the number of locations with nothing to ask, those of the list that are not chosen included.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        locations: Collection[ResolvedLocation],
        settings: WeatherSettings,
        windows: Windows | None,
        waiting: Mapping[str, datetime | None] = MappingProxyType({}),
        *,
        named: NamedAlerts | None = None,
    ) -> None:
        self._in_flight = 0
        self._most_at_once = endpoint.most_at_once
        self._endpoint = endpoint
        self._settings = settings
        self._windows = windows
        self._named = named
        self._timeline = TimelineAnswers(endpoint) if endpoint.timeline else None
        only_waiting = settings.only_missing
        chosen: Callable[[], Iterator[ResolvedLocation]] = locations.__iter__
        if not endpoint.incremental:
            chosen = partial(_longest_waiting_first, locations, waiting, only_waiting=only_waiting)
        if windows:
            counts = list(map(windows.count, chosen()))
            self.total, asked = sum(counts), sum(1 for count in counts if count)
            self._round: Iterator[RequestWindow] = chain.from_iterable(map(windows.first, chosen()))
        else:
            self.total = asked = sum(1 for _ in chosen()) if only_waiting else len(locations)
            self._round = map(RequestWindow, chosen())
        self.up_to_date = len(locations) - asked
        self._next_round: list[RequestWindow] = []
        self._again: deque[RequestWindow] = deque()
        self._head: RequestWindow | None = next(self._round, None)
        self._ahead: Iterator[Result] | None = None

    @property
    def resource(self) -> str:
        """The resource that is asked."""
        return self._endpoint.name

    @property
    def finished(self) -> bool:
        """Whether nothing is left to ask, or to take of what was asked ahead."""
        return self._is_asked and self._ahead is None

    @property
    def answered(self) -> bool:
        """Whether nothing is left to ask, and every request has a result; those in flight when a run ends have none."""
        return self.finished and not self._in_flight

    @property
    def rows_under_way(self) -> int:
        """Number of rows that pages bring which are asked and not taken; of other endpoints, few answers wait."""
        timeline = self._endpoint.timeline
        return self._in_flight * timeline.page if timeline else 0

    @property
    def may_be_ahead(self) -> bool:
        """Whether it may be asked ahead: pages of a timeline, which are small, once it is known how it answers."""
        return self._timeline is not None and self._timeline.is_known and not self._is_asked

    @property
    def is_ahead(self) -> bool:
        """Whether results wait that were asked ahead."""
        return self._ahead is not None

    @property
    def _is_asked(self) -> bool:
        return self._head is None and not self._again

    def results(self, client: Client, may_go_on: Callable[[], bool]) -> Iterator[Result]:
        """Ask while ``may_go_on`` returns True, round after round, and yield the results in no order.

        Args:
            client: asks the API.
            may_go_on: returns whether another request may be made.
        """
        while self._ahead or (not self.finished and may_go_on()):
            results, self._ahead = self._ahead or self._ask(client, may_go_on), None
            for result in results:
                self._in_flight -= 1
                if self._named is not None and isinstance(result, Answer):
                    self._named.add_answer(result)
                yield result
            if self._timeline and not self._again:
                self._timeline.is_known = True
            self._next()

    def ask_ahead(self, client: Client, may_go_on: Callable[[], bool]) -> None:
        """Begin to ask, so that ``results`` finds answers that are there already.

        Args:
            client: asks the API.
            may_go_on: returns whether another request may be made.
        """
        self._ahead = self._ask(client, may_go_on)

    def _ask(self, client: Client, may_go_on: Callable[[], bool]) -> Iterator[Result]:
        waiting = MOST_PAGES_WAITING if self._timeline else min(MOST_WAITING, max(1, self._most_at_once // 4))
        return client.fetch_all(self._take(may_go_on), self._most_at_once, waiting)

    def _take(self, may_go_on: Callable[[], bool]) -> Iterator[Request]:
        """Yield the requests of this round while ``may_go_on`` returns True."""
        while not self._is_asked and may_go_on():
            if self._again:
                window = self._again.popleft()
            else:
                assert self._head is not None  # noqa: S101 - the queue is not finished
                window, self._head = self._head, next(self._round, None)
            self._in_flight += 1
            yield self._request(window)
            if self._timeline and not self._timeline.is_known:
                return

    def mark_done(self, window: RequestWindow, rows: PageRows | None) -> None:
        """Schedule what follows an answer: the steps that it did not bring, or the location's next window.

        Args:
            window: the window asked for.
            rows: the rows of a timeline's answer.
        """
        if self._timeline and rows is not None:
            self._timeline.observe(window, rows)
            if rows.again is not None:
                self._again.append(self._timeline.window_again(window, rows.again))
                return
        if self._windows and (following := self._windows.after(window)):
            self._next_round.append(following)

    def leave_out_loaded(self, windows: Windows | None) -> None:
        """Ask no more for windows that another run has loaded.

        Args:
            windows: the windows by what is loaded now.
        """
        if windows is None or self._head is None:
            return
        self._windows = windows
        self._next_round = list(self._still_missing(self._next_round))
        self._round = self._still_missing(chain([self._head], self._round))
        self._head = next(self._round, None)

    def _still_missing(self, windows: Iterable[RequestWindow]) -> Iterator[RequestWindow]:
        assert self._windows is not None  # noqa: S101 - see leave_out_loaded
        for window in windows:
            left = self._windows.rest(window)
            self.total -= left != window
            if left is not None:
                yield left

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
        if self._timeline and window.page:
            window, start = self._timeline.asked(window)
            params |= {"start": str(start)}
        elif window.start and window.end:
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

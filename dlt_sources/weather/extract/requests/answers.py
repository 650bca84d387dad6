"""How a timeline's answers differ from what was asked: said once, and taken into account by later requests."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from typing import Any

from dlt_sources.weather.api.endpoints import Endpoint
from dlt_sources.weather.api.responses import Answer, Failure, excerpt
from dlt_sources.weather.extract.requests.pages import Page, PageRows, rows_of
from dlt_sources.weather.extract.requests.steps import Steps, steps_at
from dlt_sources.weather.extract.requests.windows import RequestWindow, window_of
from dlt_sources.weather.locations.model import ResolvedLocation

logger = logging.getLogger(__name__)


def steps_of(endpoint: Endpoint, location: ResolvedLocation) -> Steps:
    """Return the steps of an endpoint's timeline at a location.

    Args:
        endpoint: an endpoint with a timeline.
        location: the location.
    """
    return _steps_at(endpoint, location.lon)


# several times for each page of a place's years
@lru_cache(maxsize=1024)
def _steps_at(endpoint: Endpoint, longitude: float) -> Steps:
    assert endpoint.timeline is not None  # noqa: S101 - see steps_of
    step, page = endpoint.timeline.step, endpoint.timeline.page
    # forecasts are asked from now, whose row may stand anywhere in its step
    return steps_at(longitude, step, page, is_exact=endpoint.incremental)


def page_rows(endpoint: Endpoint, window: RequestWindow, records: list[Any]) -> PageRows:
    """Return the rows of an answer, as its page needs them, see ``rows_of``."""
    assert window.page is not None  # noqa: S101 - windows of timelines have a page
    return rows_of(window.page, steps_of(endpoint, window.location), records)


def fruitless(endpoint: Endpoint, answer: Answer, rows: PageRows) -> Failure:
    """Return the failure of a request whose answer lacks steps, and brings none of them when asked again."""
    location, steps = answer.request.about.location, steps_of(endpoint, answer.request.about.location)
    missing = rows.still_missing
    start, end = steps.begins(missing[0]), steps.last_hour(missing[-1])
    message = (
        f"{endpoint.path} has no row for {len(missing)} of the times from {start:%Y-%m-%dT%H:%MZ} to "
        f"{end:%Y-%m-%dT%H:%MZ}, though it was asked for them."
    )
    request = replace(answer.request, about=RequestWindow(location, start, end))
    return Failure(request, "unexpected_answer", message, 200, excerpt(answer.body))


class TimelineAnswers:
    """What is known of the answers of a timeline in one run.

    UNCONFIRMED: where answers begin, and how many rows they have. The first request is sent alone, so that an
    unexpected answer costs one call.

    Args:
        endpoint: an endpoint with a timeline.

    Attributes:
        is_known: whether requests may be sent at once, because an answer has been as expected or cannot be.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._shift = 0
        self._told: set[str] = set()
        self.is_known = False

    def asked(self, window: RequestWindow) -> tuple[RequestWindow, int]:
        """Return a window as it is asked for, and its ``start``: answers may begin elsewhere than at it."""
        assert window.page is not None  # noqa: S101 - windows of timelines have a page
        page = window.page
        if self._shift and not page.shift:
            page = replace(page, shift=self._shift)
            window = replace(window, page=page)
        return window, steps_of(self._endpoint, window.location).start_of(page.first + page.shift)

    def window_again(self, window: RequestWindow, page: Page) -> RequestWindow:
        """Return the window that asks for the steps that an answer did not bring."""
        return window_of(window.location, steps_of(self._endpoint, window.location), page)

    def observe(self, window: RequestWindow, rows: PageRows) -> None:
        """Note how an answer differs from what was asked, and log each kind of difference once."""
        page, size = window.page, steps_of(self._endpoint, window.location).page
        assert page is not None  # noqa: S101 - windows of timelines have a page
        begins = rows.begins or 0
        if page.shift:
            if begins == 0:
                self._shift = page.shift
            elif begins == page.shift:
                self._shift = 0
        elif begins:
            self._say("begin later than asked" if begins > 0 else "begin earlier than asked", window)
        if rows.rows > size:
            self._say(f"have more than {size} rows", window)
        elif rows.still_missing and begins <= 0:
            self._say("lack rows of the time asked for", window)

    def _say(self, difference: str, window: RequestWindow) -> None:
        if difference not in self._told:
            self._told.add(difference)
            logger.warning(
                "Answers of %s %s, the first for %s from %s. Rows outside that time are left out, and what is missing "
                "is asked for again.",
                self._endpoint.name,
                difference,
                window.location.name,
                f"{window.start:%Y-%m-%dT%H:%MZ}",
            )

"""What the documentation of One Call 4.0 leaves open: each step comes once and none is missing, however it is."""

from datetime import datetime, timedelta, timezone
from functools import partial

import orjson
import pytest

from dlt_sources.openweather_simulator.answers.errors import ApiError
from dlt_sources.openweather_simulator.answers.one_call import version_4
from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.api.responses import Answer, Failure
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.extract.requests import RequestQueue, page_rows
from dlt_sources.weather.extract.requests.answers import steps_of
from dlt_sources.weather.extract.requests.windows import PagesOfRange
from dlt_sources.weather.locations.model import ResolvedLocation

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
PLACES = [
    ResolvedLocation("madrid", "Madrid", 40.4168, -3.7038),
    ResolvedLocation("auckland", "Auckland", -36.8485, 174.7633),
    ResolvedLocation("honolulu", "Honolulu", 21.3069, -157.8583),
    ResolvedLocation("kashgar", "Kashgar", 39.4704, 75.9898),
    ResolvedLocation("chatham", "Chatham", -43.9535, -176.5597),
]
ANSWERS = {"weather_history": version_4.hours, "weather_history_daily": version_4.days}
ALTERNATIVES = {
    "as taken to be right": (Rules(), 1.0),
    "a step later": (Rules(first_step=1), 1.1),
    "a step earlier": (Rules(first_step=-1), 1.1),
    "three steps later": (Rules(first_step=3), 1.1),
    "a page and more later": (Rules(first_step=25), 1.1),
    "three steps earlier": (Rules(first_step=-3), 1.1),
    "the row after start": (Rules(start="up"), 1.2),
    "the row before start": (Rules(start="down"), 1.0),
    "exactly from start": (Rules(start="exact"), 1.0),
    "fewer rows": (Rules(more_rows=-4), 2.0),
    "more rows": (Rules(more_rows=5), 1.0),
    "days by midnight UTC": (Rules(day_at="utc_midnight"), 2.0),
    "nothing out of range": (Rules(empty_out_of_range=True), 1.0),
    "later and fewer": (Rules(first_step=2, more_rows=-4), 2.2),
    "earlier and the row after start": (Rules(first_step=-1, start="up"), 1.2),
}


class Client:
    """A client that asks the simulated answers without HTTP, some at a time."""

    def __init__(self, answer, rules):
        self._answer = partial(answer, moment=int(NOW.timestamp()), rules=rules)
        self.calls = 0

    def fetch_all(self, requests, most_at_once, *_):
        """Yield the answers, some of them after later requests are taken."""
        waiting = []
        for request in requests:
            self.calls += 1
            try:
                body = self._answer(request.params)
                waiting.append(Answer(request, body, orjson.loads(body), NOW))
            except ApiError as error:
                waiting.append(Failure(request, "bad_request", str(error), 400))
            if len(waiting) >= min(most_at_once, 8):
                yield waiting.pop(0)
        yield from waiting


def everything(queue, client, endpoint):
    """The steps that a queue brings, by location, in the order in which they come, and the number of failures."""
    steps, failures = {}, 0
    for result in queue.results(client, lambda: True):
        if isinstance(result, Failure):
            failures += 1
            continue
        window = result.request.about
        rows = page_rows(endpoint, window, result.data["data"])
        failures += rows.is_fruitless
        numbers = steps_of(endpoint, window.location).numbers([row["dt"] for row in rows.kept])
        steps.setdefault(window.location.location_id, []).extend(numbers)
        queue.mark_done(window, rows)
    return steps, failures


@pytest.mark.parametrize(("rules", "most"), ALTERNATIVES.values(), ids=ALTERNATIVES)
@pytest.mark.parametrize("resource", ANSWERS)
def test_each_step_comes_once_and_none_is_missing(resource, rules, most):
    endpoint = BY_NAME[resource]
    days = 3 if resource == "weather_history" else 90
    first = int((NOW - timedelta(days=days + 3)).timestamp()) // int(endpoint.timeline.step.total_seconds())
    number = days * 24 if resource == "weather_history" else days
    windows = PagesOfRange(partial(steps_of, endpoint), lambda _: (first, first + number - 1))
    queue = RequestQueue(endpoint, PLACES, WeatherSettings(), windows)
    client = Client(ANSWERS[resource], rules)
    steps, failures = everything(queue, client, endpoint)
    assert failures == 0
    wanted = list(range(first, first + number))
    assert {place: sorted(found) for place, found in steps.items()} == {place.location_id: wanted for place in PLACES}
    assert queue.total == len(PLACES) * -(-number // endpoint.timeline.page)
    assert client.calls <= queue.total * most + (most > 1) * len(PLACES)
    assert client.calls == queue.total or most > 1

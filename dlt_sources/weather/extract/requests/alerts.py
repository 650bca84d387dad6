"""Texts of the warnings that One Call 4.0 names by id: each is asked once, however many locations and rows name it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import orjson
from dlt.common.schema.typing import C_DLT_LOAD_ID

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.endpoints import ALERTS, BY_NAME, ENDPOINTS
from dlt_sources.weather.api.one_call import alert_ids, alert_path
from dlt_sources.weather.api.responses import Answer, Request, Result
from dlt_sources.weather.common.clock import floor_hour, utc
from dlt_sources.weather.contracts import OneCallAlerts, WeatherRaw
from dlt_sources.weather.contracts.shared import AlertIds
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.extract.requests.pages import PageRows
from dlt_sources.weather.extract.requests.windows import Alert, RequestWindow
from dlt_sources.weather.locations.model import ResolvedLocation

OpenReader = Callable[[], AbstractContextManager[DestinationReader]]
CURRENT = BY_NAME["one_call_current"]
# endpoints whose rows name the warnings of the present
NAMING = tuple(
    endpoint
    for endpoint in ENDPOINTS
    if not endpoint.incremental and endpoint.version == 4 and issubclass(endpoint.parts[0].contract, AlertIds)
)
# a warning that is named is in force; texts are looked for among the rows of this time, so that the table may grow
LONGEST_WARNING = timedelta(days=31)
IDS_A_QUERY = 500


class NamedAlerts:
    """The ids of the warnings that the answers of the present hour name, by location."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}

    def add(self, location_id: str, ids: Iterable[str]) -> None:
        """Add the ids that a row of a location names, or none."""
        self._ids.setdefault(location_id, set()).update(ids)

    def add_answer(self, answer: Answer) -> None:
        """Add the ids that an answer of a location names."""
        data = answer.as_whole().data
        rows = data.get("data") if isinstance(data, dict) else None
        ids = (one for row in rows for one in alert_ids(row)) if isinstance(rows, list) else ()
        self.add(answer.request.about.location.location_id, ids)

    def add_rows(self, reader: DestinationReader, now: datetime) -> None:
        """Add the ids that loaded rows of the present hour name.

        Args:
            reader: reads the destination.
            now: the present moment, UTC.
        """
        hour = floor_hour(now)
        for endpoint in NAMING:
            table = endpoint.parts[0].contract.table
            recent, *load_id = reader.recently_loaded(table, hour - timedelta(minutes=15))
            # text in both destinations, whatever type their JSON has
            sql = (
                f"SELECT DISTINCT location_id, CAST(alerts AS VARCHAR) FROM {{table}}"
                f" WHERE {recent} AND fetched_at >= %s"
            )
            for location_id, alerts in reader.rows(sql, *load_id, hour, table=table):
                self.add(location_id, alert_ids({"alerts": orjson.loads(alerts)}) if alerts else ())

    def covers(self, location_id: str) -> bool:
        """Return whether an answer of the location is known."""
        return location_id in self._ids

    def by_id(self, locations: Iterable[ResolvedLocation]) -> dict[str, list[ResolvedLocation]]:
        """Return the locations for which each warning is in force."""
        named: dict[str, list[ResolvedLocation]] = {}
        for location in locations:
            for alert_id in sorted(self._ids.get(location.location_id, ())):
                named.setdefault(alert_id, []).append(location)
        return named


class AlertQueue:
    """The requests of warnings' texts in one run, with the interface of ``RequestQueue``.

    Locations of which no row of the hour is known are asked for ``current`` first, which names their warnings. A text
    that the table has for another location is read there and not asked again.

    Args:
        locations: the locations to ask for.
        named: the warnings that the run's other answers name.
        open_reader: opens a reader of the destination.
        now: the clock, UTC.

    Attributes:
        total: the number of requests that are known so far.
        up_to_date: the number of locations whose warnings need no request to be known.
    """

    def __init__(
        self,
        locations: Collection[ResolvedLocation],
        named: NamedAlerts,
        open_reader: OpenReader,
        now: Callable[[], datetime],
    ) -> None:
        self._locations = locations
        self._named = named
        self._open_reader = open_reader
        self._now = now
        self._in_flight = 0
        self._copies: list[Answer] = []
        self._texts: deque[Request] = deque()
        with open_reader() as reader:
            named.add_rows(reader, now())
        self._currents = deque(
            current_request(location) for location in locations if not named.covers(location.location_id)
        )
        self.total = len(self._currents)
        self.up_to_date = len(locations) - self.total
        self._knows_texts = False

    @property
    def finished(self) -> bool:
        """Whether nothing is left to ask."""
        return self._knows_texts and not self._texts and not self._copies

    @property
    def answered(self) -> bool:
        """Whether nothing is left to ask, and every request has a result."""
        return self.finished and not self._in_flight

    def results(self, client: Client, may_go_on: Callable[[], bool]) -> Iterator[Result]:
        """Ask while ``may_go_on`` returns True, and yield the results in no order, with those that need no call.

        Args:
            client: asks the API.
            may_go_on: returns whether another request may be made.
        """
        for result in self._ask(client, self._currents, may_go_on):
            if isinstance(result, Answer):
                self._named.add_answer(result)
            yield result
        if self._currents or not may_go_on():
            return
        if not self._knows_texts:
            self._find_texts()
        while self._copies:
            yield self._copies.pop()
        yield from self._ask(client, self._texts, may_go_on)

    def mark_done(self, window: RequestWindow, rows: PageRows | None) -> None:
        """Do nothing: no request follows from a warning's text.

        Args:
            window: the subject of the request.
            rows: the rows of a timeline's answer; a text has none.
        """

    def _ask(self, client: Client, requests: deque[Request], may_go_on: Callable[[], bool]) -> Iterator[Result]:
        for result in client.fetch_all(self._take(requests, may_go_on)):
            self._in_flight -= 1
            yield result

    def _take(self, requests: deque[Request], may_go_on: Callable[[], bool]) -> Iterator[Request]:
        while requests and may_go_on():
            self._in_flight += 1
            yield requests.popleft()

    def _find_texts(self) -> None:
        """Decide for each warning whether its text is asked, is read from the tables, or is there already."""
        self._knows_texts = True
        named = self._named.by_id(self._locations)
        if not named:
            return
        with self._open_reader() as reader:
            loaded = loaded_texts(reader, named.keys(), self._now())
        for alert_id, locations in named.items():
            known, answer = loaded.get(alert_id, (frozenset(), None))
            missing = [location for location in locations if location.location_id not in known]
            if not missing:
                continue
            request = text_request(alert_id, missing, is_loaded=answer is not None)
            if answer is None:
                self._texts.append(request)
            else:
                fetched_at, body = answer
                self._copies.append(Answer(request, body, orjson.loads(body), fetched_at))
        self.total += len(self._texts)


def current_request(location: ResolvedLocation) -> Request:
    """Return the request whose answer names a location's warnings."""
    params = {"lat": f"{location.lat:.4f}", "lon": f"{location.lon:.4f}"}
    return Request(ALERTS, CURRENT.path, params, RequestWindow(location))


def text_request(alert_id: str, locations: list[ResolvedLocation], *, is_loaded: bool = False) -> Request:
    """Return the request of a warning's text.

    Args:
        alert_id: the warning.
        locations: the locations that it concerns.
        is_loaded: whether the text is in the tables already, for another location.
    """
    window = RequestWindow(locations[0], alert=Alert(alert_id, tuple(locations[1:]), is_loaded))
    return Request(ALERTS, alert_path(alert_id), {}, window)


def loaded_texts(
    reader: DestinationReader, ids: Iterable[str], now: datetime
) -> dict[str, tuple[frozenset[str], tuple[datetime, bytes] | None]]:
    """Return what the tables have of warnings: the locations that have a row, and an answer with the text.

    Args:
        reader: reads the destination.
        ids: the warnings.
        now: the present moment, UTC.
    """
    recent, *load_id = reader.recently_loaded(OneCallAlerts.table, now - LONGEST_WARNING)
    recent = recent.replace(C_DLT_LOAD_ID, f"a.{C_DLT_LOAD_ID}")
    # an answer may be deleted before the row that was read from it
    sql = (
        "SELECT a.alert_id, a.location_id, r.fetched_at, r.body FROM {alerts} a LEFT JOIN {raw} r"
        " ON r.location_id = a.location_id AND r.endpoint = %s AND r.fetched_at = a.fetched_at"
        f" WHERE {recent} AND a.alert_id IN ("
    )
    rows: list[tuple[str, str, datetime | None, str | None]] = []
    remaining = iter(ids)
    while some := list(islice(remaining, IDS_A_QUERY)):
        query = sql + ", ".join(["%s"] * len(some)) + ")"
        rows += reader.rows(query, ALERTS, *load_id, *some, alerts=OneCallAlerts.table, raw=WeatherRaw.table)
    locations: dict[str, set[str]] = {}
    answers: dict[str, tuple[datetime, bytes]] = {}
    for alert_id, location_id, fetched_at, body in rows:
        locations.setdefault(alert_id, set()).add(location_id)
        if fetched_at is not None and body is not None:
            answers[alert_id] = (utc(fetched_at), body.encode())
    return {alert_id: (frozenset(known), answers.get(alert_id)) for alert_id, known in locations.items()}


def by_location(answer: Answer) -> Iterator[Answer]:
    """Yield an answer once for each location that its request concerns.

    Args:
        answer: an answer; only a warning's text may concern several locations.
    """
    yield answer
    window: RequestWindow = answer.request.about
    for other in window.alert.others if window.alert else ():
        yield replace(answer, request=replace(answer.request, about=replace(window, location=other)))


def with_id(records: list[Any], alert: Alert) -> list[Any]:
    """Return a text's records under the id by which rows name the warning, whatever id the answer gives."""
    return [{**record, "id": alert.alert_id} if isinstance(record, dict) else record for record in records]

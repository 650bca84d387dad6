"""Answers in ``weather_raw``, read by key, a page at a time, so that memory does not grow with the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
import pyarrow as pa

from dlt_sources.weather.api.endpoints import Endpoint
from dlt_sources.weather.api.responses import Answer, Request
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.contracts import WeatherRaw
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.extract.requests import RequestWindow
from dlt_sources.weather.locations.model import ResolvedLocation
from dlt_sources.weather.retention.archive import Archive

# answers that are converted into one package: a forecast is 16 kB and 40 rows
ANSWERS_PER_PACKAGE = 250
# bodies in memory at a time
BODIES_AT_A_TIME = 100
_ABOVE = "AND location_id >= %s AND (location_id > %s OR fetched_at > %s)"
_KEYS = (
    "SELECT location_id, fetched_at FROM {{raw}} WHERE endpoint = %s {above} ORDER BY location_id, fetched_at LIMIT %s"
)
# the first two conditions lead to the rows by the key's index
_BODIES = (
    "SELECT location_id, fetched_at, units, body FROM {raw} WHERE endpoint = %s"
    " AND location_id >= %s AND location_id <= %s AND fetched_at >= %s AND fetched_at <= %s"
    " AND (location_id > %s OR fetched_at >= %s) AND (location_id < %s OR fetched_at <= %s)"
)


class AnswerKey(NamedTuple):
    """Key of an answer of one endpoint."""

    location_id: str
    fetched_at: datetime


class StoredAnswers:
    """The answers of one endpoint in ``weather_raw``, by location and moment, read page by page.

    Args:
        reader: reads the destination.
        endpoint: the endpoint that gave the answers.
        after: the answer to go on after.
    """

    def __init__(self, reader: DestinationReader, endpoint: Endpoint, after: AnswerKey | None = None) -> None:
        self._reader = reader
        self._endpoint = endpoint
        self.last = after
        self._keys: list[AnswerKey] = []
        self.turn()

    @property
    def has_page(self) -> bool:
        """Whether there is another page."""
        return bool(self._keys)

    @property
    def number(self) -> int:
        """Number of answers of the page."""
        return len(self._keys)

    def count(self) -> int:
        """Return the number of all answers of the endpoint."""
        sql = "SELECT count(*) FROM {raw} WHERE endpoint = %s"
        rows = self._reader.rows(sql, self._endpoint.name, raw=WeatherRaw.table)
        return int(rows[0][0]) if rows else 0

    def page(self) -> Iterator[Answer]:
        """Yield the answers of the page."""
        for begin in range(0, len(self._keys), BODIES_AT_A_TIME):
            yield from self._answers(self._keys[begin : begin + BODIES_AT_A_TIME])

    def turn(self) -> None:
        """Go to the next page."""
        if self._keys:
            self.last = self._keys[-1]
        above = _ABOVE if self.last else ""
        parameters = (self.last.location_id, self.last.location_id, self.last.fetched_at) if self.last else ()
        sql = _KEYS.format(above=above)
        rows = self._reader.rows(sql, self._endpoint.name, *parameters, ANSWERS_PER_PACKAGE, raw=WeatherRaw.table)
        self._keys = [AnswerKey(location_id, utc(fetched_at)) for location_id, fetched_at in rows]

    def _answers(self, keys: Sequence[AnswerKey]) -> Iterator[Answer]:
        first, last = keys[0], keys[-1]
        moments = [key.fetched_at for key in keys]
        edges = (first.location_id, first.fetched_at, last.location_id, last.fetched_at)
        between = (first.location_id, last.location_id, min(moments), max(moments))
        rows = self._reader.rows(_BODIES, self._endpoint.name, *between, *edges, raw=WeatherRaw.table)
        for location_id, fetched_at, units, body in sorted(rows, key=lambda row: (row[0], row[1])):
            yield _answer(self._endpoint, location_id, fetched_at, units, body)


class ArchivedAnswers:
    """The answers of one endpoint that ``weather prune`` has archived, oldest first, a page of a file at a time.

    Args:
        archive: the archive.
        endpoint: the endpoint that gave the answers.
    """

    def __init__(self, archive: Archive, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._files = archive.answers(endpoint.name)
        self._rows: pa.Table | None = None
        self.turn()

    @property
    def has_page(self) -> bool:
        """Whether there is another page."""
        return self._rows is not None

    def page(self) -> Iterator[Answer]:
        """Yield the answers of the page."""
        assert self._rows is not None  # noqa: S101 - has_page
        for row in self._rows.slice(0, ANSWERS_PER_PACKAGE).to_batches(max_chunksize=BODIES_AT_A_TIME):
            names = ("location_id", "fetched_at", "units", "body")
            for values in zip(*(row[name].to_pylist() for name in names), strict=True):
                yield _answer(self._endpoint, *values)

    def turn(self) -> None:
        """Go to the next page."""
        rest = self._rows.slice(ANSWERS_PER_PACKAGE) if self._rows is not None else None
        self._rows = rest if rest is not None and rest.num_rows else next(self._files, None)


def _answer(endpoint: Endpoint, location_id: str, fetched_at: datetime, units: str | None, body: str) -> Answer:
    window = RequestWindow(ResolvedLocation(location_id, location_id, 0.0, 0.0))
    request = Request(endpoint.name, endpoint.path, {"units": units} if units else {}, window)
    return Answer(request, body.encode(), orjson.loads(body), utc(fetched_at))

"""Conversion of an endpoint's results into the dlt items of one load package, in which every row is accounted for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from dlt_sources.weather.api.as_asked import doubts_about
from dlt_sources.weather.api.endpoints import Endpoint, Part
from dlt_sources.weather.api.responses import Answer, Failure, Result
from dlt_sources.weather.common.errors import listed
from dlt_sources.weather.contracts import Contract, Reject, WeatherRaw
from dlt_sources.weather.contracts.records import RowErrorClass
from dlt_sources.weather.convert.around_rows import fields_not_kept
from dlt_sources.weather.convert.batch import Batch
from dlt_sources.weather.convert.converter import Converter
from dlt_sources.weather.convert.items import as_table, to_table
from dlt_sources.weather.convert.raw_answers import RawAnswers
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.limits import PackageLimits
from dlt_sources.weather.extract.requests import (
    MarkDone,
    PageRows,
    RequestWindow,
    by_location,
    fruitless,
    page_rows,
    with_id,
)

logger = logging.getLogger(__name__)
# bytes of the bodies that are converted or written at a time: enough for Arrow to be fast (thousands of rows), few
# enough for memory to stay flat (JSON takes ten times its size as Python objects)
BATCH_BYTES = 1_000_000
# bytes of columns that make one dlt item: the hints of each take dlt 4 ms of processor time, whatever its size
ITEM_BYTES = 4_000_000


class Extraction:
    """The rows, raw answers and rejects of one endpoint in one load package.

    Args:
        endpoint: the endpoint that is asked.
        metrics: counts the resource's requests and rows.
        package: counts the rows and bytes of the load package.
        converter: returns the run's converter of a table.
        now: the clock that rejects are stamped with, UTC.
        replaying: whether the answers come from ``weather_raw``: they are not stored in it a second time, and the whole
            package is converted at once, so that a key in several answers counts once.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        metrics: LoadMetrics,
        package: PackageLimits,
        converter: Callable[[type[Contract]], Converter],
        now: Callable[[], datetime],
        *,
        replaying: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._metrics = metrics
        self._package = package
        self._converter = converter
        self._now = now
        self._replaying = replaying
        self._batches = {part.contract.table: Batch() for part in endpoint.parts}
        self._tables: dict[str, list[pa.Table]] = {part.contract.table: [] for part in endpoint.parts}
        self._raw = RawAnswers(endpoint, metrics.run_id)
        self._rejects: list[dict[str, Any]] = []

    def items(self, results: Iterable[Result], mark_done: MarkDone) -> Iterator[object]:
        """Sort results and yield dlt items: rows, raw answers, rejects.

        Args:
            results: answers and failures, in any order.
            mark_done: called with the window of each answer that could be used, and the rows of a timeline's answer.
        """
        for result in results:
            if isinstance(result, Failure):
                self._reject_request(result)
            else:
                yield from self._accept(result, mark_done)
            yield from self._full_batches()
        yield from self._remaining()

    def _reject_request(self, failure: Failure) -> None:
        self._rejects.append(self._metrics.reject_request(failure, failure.request.path, self._now()))

    def _accept(self, answer: Answer, mark_done: MarkDone) -> Iterator[object]:
        """Add an answer's records to the batches of their tables; reject an answer that has not the endpoint's form.

        Yield the batches that are full if the answer, a warning's text, is one for each of many locations.

        The answer of a timeline that brings none of the steps asked for is rejected too, after which the next is asked.
        """
        if answer.request.about.page is None:
            answer = answer.as_whole()
        records_by_part = [(part, part.records(answer.data)) for part in self._endpoint.parts]
        alert = answer.request.about.alert
        if any(records is None or (alert and not records) for _, records in records_by_part):
            text = f"The answer has no list of rows where {self._endpoint.path} has one."
            body = answer.body[:4000].decode("utf-8", "replace")
            self._reject_request(Failure(answer.request, "unexpected_answer", text, 200, body))
            return
        if alert:
            records_by_part = [(part, with_id(records or [], alert)) for part, records in records_by_part]
        rows: PageRows | None = None
        if answer.request.about.page is not None:
            ((part, records),) = records_by_part
            rows = page_rows(self._endpoint, answer.request.about, records or [])
            if answer.is_outline and not rows.are_as_asked:
                yield from self._accept(answer.as_whole(), mark_done)
                return
            records_by_part = [(part, rows.kept)]
        mark_done(answer.request.about, rows)
        if rows is not None and rows.is_fruitless:
            self._reject_request(fruitless(self._endpoint, answer, rows))
            return
        self._metrics.requests += not (alert and alert.is_loaded)
        keeps_raw = self._endpoint.keeps_raw and not self._replaying
        if others := {f"{self._endpoint.name}.{name}" for name in fields_not_kept(self._endpoint, answer.data)}:
            self._announce(others, "stand outside the rows of an answer and are in no table")
        location = answer.request.about.location
        # of a kept answer it was told, and the place may have moved since
        if not self._replaying and (doubts := doubts_about(answer, location.lat, location.lon)):
            self._metrics.note_doubts(doubts, location.name or location.location_id)
        for copy in by_location(answer):
            one = self._raw.at_distinct_moment(copy)
            if keeps_raw:
                self._raw.add(one)
            for part, records in records_by_part:
                self._metrics.rows_fetched += len(records or ())
                usable = rows.kept if rows and rows.are_as_asked else self._usable(records or [], part, one)
                is_whole = len(usable) == len(part.records(one.data) or ())
                self._batches[part.contract.table].add(usable, one, is_whole=is_whole)
                self._package.add_rows(len(usable))
            if alert:
                yield from self._full_batches()

    def _usable(self, records: list[Any], part: Part, answer: Answer) -> list[dict[str, Any]]:
        """Reject records that would break the package: no object, outside the window, or with a key that repeats.

        PostgreSQL's MERGE fails on a key that occurs twice in one package, and would fail with every retry.
        """
        if self._are_distinct(records, part, answer):
            return records
        identify = part.contract.identity
        usable: dict[object, dict[str, Any]] = {}
        is_inside = _within(answer.request.about)
        for record in records:
            if not isinstance(record, dict):
                self._reject_row("wrong_type", "expected an object", record, "", answer)
            elif not is_inside(record):
                self._reject_row("outside_window", "not within the hours asked for", record, "dt", answer)
            else:
                identity = _hashable(identify(record))
                if (earlier := usable.pop(identity, None)) is not None:
                    message = "it comes again in the same answer, and the last counts"
                    self._reject_row("repeated_key", message, earlier, "", answer)
                usable[identity] = record
        return list(usable.values())

    def _are_distinct(self, records: list[Any], part: Part, answer: Answer) -> bool:
        """Return whether all records are usable, for the usual answer: objects with one ``dt`` each, in no window."""
        window = answer.request.about
        if "dt" not in part.contract.key or (window.start is not None and window.page is None):
            return False
        try:
            return len({record["dt"] for record in records}) == len(records)
        except (KeyError, TypeError):
            return False

    def _reject_row(self, error_class: RowErrorClass, message: str, record: object, field: str, answer: Answer) -> None:
        self._rejects.append(
            self._metrics.reject_row(
                error_class,
                message,
                _as_text(record),
                field=field,
                endpoint=self._endpoint.path,
                at=self._now(),
                window=answer.request.about,
            )
        )

    def _full_batches(self) -> Iterator[object]:
        if self._replaying:
            return
        for part in self._endpoint.parts:
            if self._batches[part.contract.table].bytes >= BATCH_BYTES:
                self._convert(part)
                yield from self._rows(part, ITEM_BYTES)
        if self._raw.bytes >= BATCH_BYTES:
            yield from self._raw_answers()

    def _remaining(self) -> Iterator[object]:
        for part in self._endpoint.parts:
            self._convert(part)
            yield from self._rows(part)
        yield from self._raw_answers()
        if self._rejects:
            yield to_table(Reject, self._rejects)
            self._rejects = []

    def _rows(self, part: Part, least_bytes: int = 1) -> Iterator[object]:
        """Yield the converted rows of a part as one item if there are as many bytes of them, or many in one batch."""
        tables = self._tables[part.contract.table]
        sizes = [table.nbytes for table in tables]
        if sizes and (sum(sizes) >= least_bytes or sizes[-1] >= BATCH_BYTES):
            self._tables[part.contract.table] = []
            # columns that the API has added may begin with a later batch
            yield as_table(part.contract, pa.concat_tables(tables, promote_options="default"))

    def _convert(self, part: Part) -> None:
        batch, self._batches[part.contract.table] = self._batches[part.contract.table], Batch()
        if not batch.records:
            return
        converter = self._converter(part.contract)
        known, others = set(converter.new_columns), set(converter.other_fields)
        table, invalid_rows = batch.convert(part, converter)
        for invalid_row in invalid_rows:
            record, answer = batch.records[invalid_row.position], batch.answer_of(invalid_row.position)
            self._reject_row("wrong_type", invalid_row.message, record, invalid_row.field, answer)
        if self._replaying:
            table = self._each_key_once(part, table)
        self._metrics.new_columns |= {f"{part.contract.table}.{name}" for name in converter.new_columns.keys() - known}
        self._announce(
            {f"{part.contract.table}.{name}" for name in converter.other_fields - others},
            "no column can hold; they are in other_fields",
        )
        self._metrics.rows_loaded += table.num_rows
        if table.num_rows:
            self._package.add_bytes(table.nbytes)
            self._tables[part.contract.table].append(table)

    def _announce(self, fields: set[str], outcome: str) -> None:
        """Log and count fields without a column, each once a run."""
        new = fields - self._metrics.other_fields
        if new:
            self._metrics.other_fields |= new
            logger.warning("The API has added fields that %s: %s", outcome, listed(new))

    def _each_key_once(self, part: Part, table: pa.Table) -> pa.Table:
        """Return the last row of every key: the same observation in a later answer is not another row."""
        numbered = table.append_column("_n", pa.array(range(table.num_rows), pa.int64()))
        last = numbered.group_by(list(part.contract.key)).aggregate([("_n", "max")])["_n_max"]
        self._metrics.rows_fetched -= table.num_rows - len(last)
        return table.take(last)

    def _raw_answers(self) -> Iterator[object]:
        self._package.add_bytes(self._raw.bytes)
        if rows := self._raw.take():
            yield to_table(WeatherRaw, rows)


def _within(window: RequestWindow) -> Callable[[dict[str, Any]], bool]:
    """Return a test of whether a record lies in the window; the contract rejects a ``dt`` that is no number."""
    if window.start is None or window.end is None or window.page is not None:
        return lambda _: True
    first, last = window.start.timestamp(), window.end.timestamp()

    def is_inside(record: dict[str, Any]) -> bool:
        moment = record.get("dt")
        return not isinstance(moment, int | float) or first <= moment <= last

    return is_inside


def _as_text(record: object) -> str:
    try:
        return orjson.dumps(record).decode()
    except TypeError:
        return "something nested too deeply to be written"


def _hashable(value: object) -> object:
    return value if isinstance(value, int | float | str) else id(value)

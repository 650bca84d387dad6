"""Extracting one endpoint into one load package: ask, convert, count; nothing that comes is left unaccounted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
import pyarrow as pa

from dlt_sources.weather.api.endpoints import Endpoint, Part
from dlt_sources.weather.api.responses import Answer, Failure, Result
from dlt_sources.weather.common.clock import floor_hour
from dlt_sources.weather.contracts import LoadRun, Reject, WeatherRaw
from dlt_sources.weather.contracts.records import RowErrorClass
from dlt_sources.weather.convert.items import as_table, to_table
from dlt_sources.weather.extract.requests import RequestQueue, RequestWindow
from dlt_sources.weather.extract.run import Run

# answers converted or written at a time, by the size of their bodies: enough for Arrow to be fast (thousands of rows),
# few enough for memory to stay flat (JSON takes ten times its size as Python objects)
BATCH_BYTES = 2_000_000


class Batch:
    """Records of one table that wait to be converted, with the answers they came in."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.bytes = 0

    def add(self, records: list[dict[str, Any]], answer: Answer) -> None:
        """Add the records of one answer."""
        self.records += records
        self.answers += [answer] * len(records)
        self.bytes += len(answer.body)


def ask(run: Run, work: RequestQueue) -> Iterator[Result]:
    """Ask for as long as there is work and the package has room."""
    while not work.finished and run.has_room():
        yield from run.client.fetch_all(work.take(run.has_room), work.most_at_once)
        work.next_round()


class Extraction:
    """What comes of one endpoint in one package.

    Args:
        run: the run.
        endpoint: what to ask.
        replaying: whether the answers come from ``weather_raw``: they are not kept again, and whole packages are
            converted at once, a key that comes again counting once.
    """

    def __init__(self, run: Run, endpoint: Endpoint, *, replaying: bool = False) -> None:
        self._run = run
        self._endpoint = endpoint
        self._replaying = replaying
        self._tally = run.metrics_of(endpoint.name)
        self._batches = {part.contract.table: Batch() for part in endpoint.parts}
        self._raw: list[dict[str, Any]] = []
        self._raw_bytes = 0
        self._rejects: list[dict[str, Any]] = []

    def items(self, results: Iterable[Result], mark_done: Callable[[RequestWindow], None]) -> Iterator[object]:
        """Sort outcomes and yield dlt items: rows, raw answers, rejects, the run's log.

        Args:
            results: answers and failures, as they come.
            mark_done: told about every task whose answer could be used.
        """
        self._tally.resume()
        for result in results:
            if isinstance(result, Failure):
                self._failed(result)
            elif self._answered(result):
                mark_done(result.request.about)
            yield from self._full_batches()
            self._run.on_progress(self._tally)
        yield from self._rest()
        self._tally.calls = self._run.client.calls_for[self._endpoint.name]
        self._tally.pause()
        yield to_table(LoadRun, [self._tally.row(self._run.status(self._endpoint.name), self._run.now())])
        self._run.raise_if_alone()

    def _failed(self, failure: Failure) -> None:
        self._rejects.append(self._tally.reject_request(failure, self._endpoint.path, self._run.now()))
        if failure.ends_the_run:
            self._run.stop_for(failure, self._tally)

    def _answered(self, answer: Answer) -> bool:
        """Sort an answer's records into the batches of their tables, if it has any place for them."""
        found = [(part, _records(part, answer.data)) for part in self._endpoint.parts]
        if any(records is None for _, records in found):
            self._failed(
                Failure(
                    answer.request,
                    "unexpected_answer",
                    f"The answer has no list of rows where {self._endpoint.path} has one.",
                    200,
                    answer.body[:4000].decode("utf-8", "replace"),
                )
            )
            return False
        self._tally.requests += 1
        for part, records in found:
            self._tally.rows_fetched += len(records or ())
            kept = self._usable(records or [], part, answer)
            self._batches[part.contract.table].add(kept, answer)
            self._run.count_rows(len(kept))
        if self._endpoint.keeps_raw and not self._replaying:
            self._raw.append(self._verbatim(answer))
            self._raw_bytes += len(answer.body)
        return True

    def _usable(self, records: list[Any], part: Part, answer: Answer) -> list[dict[str, Any]]:
        """Leave out what would break the package: no object, outside the window, or a key that comes twice.

        PostgreSQL's MERGE fails on a key that stands twice in one package, and would fail for ever.
        """
        identify = part.contract.identity
        kept: dict[object, dict[str, Any]] = {}
        inside = _within(answer.request.about)
        for record in records:
            if not isinstance(record, dict):
                self._reject_row("wrong_type", "expected an object", record, "", answer)
            elif not inside(record):
                self._reject_row("outside_window", "not within the hours asked for", record, "dt", answer)
            else:
                identity = _hashable(identify(record))
                if (before := kept.pop(identity, None)) is not None:
                    said = "it comes again in the same answer, and the last counts"
                    self._reject_row("repeated_key", said, before, "", answer)
                kept[identity] = record
        return list(kept.values())

    def _reject_row(self, error_class: RowErrorClass, message: str, record: object, field: str, answer: Answer) -> None:
        self._rejects.append(
            self._tally.reject_row(
                error_class,
                message,
                _as_text(record),
                field=field,
                endpoint=self._endpoint.path,
                at=self._run.now(),
                task=answer.request.about,
            )
        )

    def _full_batches(self) -> Iterator[object]:
        if self._replaying:
            return
        for part in self._endpoint.parts:
            if self._batches[part.contract.table].bytes >= BATCH_BYTES:
                yield from self._converted(part)
        if self._raw_bytes >= BATCH_BYTES:
            yield from self._raw_answers()

    def _rest(self) -> Iterator[object]:
        for part in self._endpoint.parts:
            yield from self._converted(part)
        yield from self._raw_answers()
        if self._rejects:
            yield to_table(Reject, self._rejects)
            self._rejects = []

    def _converted(self, part: Part) -> Iterator[object]:
        batch, self._batches[part.contract.table] = self._batches[part.contract.table], Batch()
        if not batch.records:
            return
        converter = self._run.converter(part.contract)
        known = set(converter.new_columns)
        table, invalid_rows = converter.convert(batch.records, self._ours(part, batch.answers))
        for invalid_row in invalid_rows:
            record, answer = batch.records[invalid_row.position], batch.answers[invalid_row.position]
            self._reject_row("wrong_type", invalid_row.message, record, invalid_row.field, answer)
        if self._replaying:
            table = self._each_key_once(part, table)
        self._tally.new_columns |= {f"{part.contract.table}.{name}" for name in converter.new_columns.keys() - known}
        self._tally.rows_loaded += table.num_rows
        if table.num_rows:
            self._run.count_bytes(table.nbytes)
            yield as_table(part.contract, table)

    def _each_key_once(self, part: Part, table: pa.Table) -> pa.Table:
        """Keep the last row of every key: the same observation met again in a later answer is not another row."""
        numbered = table.append_column("_n", pa.array(range(table.num_rows), pa.int64()))
        last = numbered.group_by(list(part.contract.key)).aggregate([("_n", "max")])["_n_max"]
        self._tally.rows_fetched -= table.num_rows - len(last)
        return table.take(last)

    def _ours(self, part: Part, answers: list[Answer]) -> dict[str, list[object]]:
        """The columns that no answer holds."""
        columns = part.contract.model_fields
        ours: dict[str, list[object]] = {
            "location_id": [answer.request.about.location.location_id for answer in answers],
            "fetched_at": [answer.fetched_at for answer in answers],
        }
        if "issued_at" in columns:
            ours["issued_at"] = [floor_hour(answer.fetched_at) for answer in answers]
        if "units" in columns:
            ours["units"] = [answer.request.params["units"] for answer in answers]
        return ours

    def _verbatim(self, answer: Answer) -> dict[str, Any]:
        return {
            "location_id": answer.request.about.location.location_id,
            "endpoint": self._endpoint.name,
            "fetched_at": answer.fetched_at,
            "units": answer.request.params.get("units"),
            "run_id": self._run.run_id,
            "body": answer.body.decode(),
        }

    def _raw_answers(self) -> Iterator[object]:
        rows, size, self._raw, self._raw_bytes = self._raw, self._raw_bytes, [], 0
        if rows:
            self._run.count_bytes(size)
            yield to_table(WeatherRaw, rows)


def _records(part: Part, data: object) -> list[Any] | None:
    """The rows an answer holds for a part; None where it is no such answer."""
    if not part.member:
        return [data] if isinstance(data, dict) else None
    rows = data.get(part.member) if isinstance(data, dict) else None
    if rows is None and part.optional and isinstance(data, dict):
        return []
    return rows if isinstance(rows, list) else None


def _within(task: RequestWindow) -> Callable[[dict[str, Any]], bool]:
    """Whether a record lies in the hours asked for; what is no time is for the contract to reject."""
    if task.start is None or task.end is None:
        return lambda _: True
    first, last = task.start.timestamp(), task.end.timestamp()

    def inside(record: dict[str, Any]) -> bool:
        moment = record.get("dt")
        return not isinstance(moment, int | float) or first <= moment <= last

    return inside


def _as_text(record: object) -> str:
    try:
        return orjson.dumps(record).decode()
    except TypeError:
        return "something nested too deeply to be written"


def _hashable(value: object) -> object:
    return value if isinstance(value, int | float | str) else id(value)

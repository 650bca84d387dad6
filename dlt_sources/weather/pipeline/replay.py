"""Replaying: the bronze tables rebuilt from the answers in ``weather_raw``, without a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dlt
import orjson
from dlt.extract import DltResource, DltSource

from dlt_sources.weather.api.endpoints import ENDPOINTS, Endpoint
from dlt_sources.weather.api.responses import Answer, Request
from dlt_sources.weather.common.clock import utc
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import WeatherRaw
from dlt_sources.weather.destination.capabilities.load_options import MERGE
from dlt_sources.weather.destination.reader import DestinationReader, destination_reader
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.requests import RequestWindow
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.locations.model import ResolvedLocation
from dlt_sources.weather.pipeline.writer import Report, writing
from dlt_sources.weather.retention.archive import Archive

# answers that are read at a time and converted into one package: a forecast is 16 kB and 40 rows
ANSWERS_PER_PACKAGE = 1000


class StoredAnswers:
    """The answers of one endpoint in ``weather_raw``, oldest first, read page by page.

    Args:
        reader: reads the destination.
        endpoint: the endpoint that gave the answers.
    """

    def __init__(self, reader: DestinationReader, endpoint: Endpoint) -> None:
        self._reader = reader
        self._endpoint = endpoint
        self._after: tuple[object, ...] | None = None
        self._rows: list[tuple[Any, ...]] = []
        self._read()

    @property
    def has_page(self) -> bool:
        """Whether there is another page."""
        return bool(self._rows)

    def page(self) -> Iterator[Answer]:
        """Yield the answers of the next page."""
        for fetched_at, location_id, units, body in self._rows:
            params = {"units": units} if units else {}
            window = RequestWindow(ResolvedLocation(location_id, location_id, 0.0, 0.0))
            request = Request(self._endpoint.name, self._endpoint.path, params, window)
            yield Answer(request, body.encode(), orjson.loads(body), utc(fetched_at))
        self._read()

    def _read(self) -> None:
        condition = "AND (fetched_at, location_id) > (%s, %s)" if self._after else ""
        sql = (
            "SELECT fetched_at, location_id, units, body FROM {raw} WHERE endpoint = %s "
            + condition
            + " ORDER BY fetched_at, location_id LIMIT %s"
        )
        parameters = (self._endpoint.name, *(self._after or ()), ANSWERS_PER_PACKAGE)
        self._rows = self._reader.rows(sql, *parameters, raw=WeatherRaw.table)
        if self._rows:
            self._after = self._rows[-1][:2]


class ArchivedAnswers(StoredAnswers):
    """The answers of one endpoint that ``weather prune`` has archived, oldest first, a file at a time.

    Args:
        archive: the archive.
        endpoint: the endpoint that gave the answers.
    """

    def __init__(self, archive: Archive, endpoint: Endpoint) -> None:
        self._files = archive.answers(endpoint.name)
        super().__init__(DestinationReader(None), endpoint)

    def _read(self) -> None:
        columns = ("fetched_at", "location_id", "units", "body")
        rows = next(self._files, None)
        self._rows = [] if rows is None else list(zip(*(rows[name].to_pylist() for name in columns), strict=True))


def replay(
    target: Target,
    settings: WeatherSettings,
    resources: Sequence[str] | None = None,
    *,
    archived: bool = False,
    on_progress: Callable[[LoadMetrics], None] = lambda _: None,
) -> Report:
    """Rebuild tables from the stored answers.

    Args:
        target: the destination and dataset.
        settings: the limits of packages and of waiting; its resources are those of a load, and do not count here.
        resources: the resources to rebuild; by default all whose answers are stored.
        archived: whether to read the answers in the archive first, which are older.
        on_progress: called with a resource's counts after each answer.

    Returns:
        The report.

    Raises:
        ConfigurationError: the answers of a resource are not stored, or there is no archive to read.
        WriterBusyError: another run holds the dataset.
        DestinationError: the destination did not take the rows; they are kept for the next run.
    """
    endpoints = _endpoints(resources)
    archive = _archive(target, settings) if archived else None
    with (
        Run(settings, command="replay", many_packages=True, on_progress=on_progress) as run,
        writing(target, run) as writer,
    ):
        for endpoint in endpoints:
            if archive is not None:
                older = ArchivedAnswers(archive, endpoint)
                while older.has_page:
                    writer.load(_source(run, endpoint, older))
            with destination_reader(writer.pipeline) as reader:
                answers = StoredAnswers(reader, endpoint)
                while answers.has_page:
                    writer.load(_source(run, endpoint, answers))
    return writer.report


def _archive(target: Target, settings: WeatherSettings) -> Archive:
    if not settings.retention.archive:
        raise ConfigurationError("There is no archive to replay: set archive under [sources.weather.retention].")
    return Archive(settings.retention.archive, target.dataset_name)


def _source(run: Run, endpoint: Endpoint, answers: StoredAnswers) -> DltSource:
    def replayed() -> Iterator[object]:
        yield from run.answer_items(endpoint, answers.page(), replaying=True)

    main = endpoint.parts[0].contract
    resource: DltResource = dlt.resource(
        replayed, name=endpoint.name, table_name=main.table, write_disposition=MERGE, primary_key=main.key
    )
    return DltSource(dlt.Schema("weather"), "weather", [resource])


def _endpoints(names: Sequence[str] | None) -> list[Endpoint]:
    stored = [endpoint for endpoint in ENDPOINTS if endpoint.keeps_raw]
    if not names:
        return stored
    if missing := set(names) - {endpoint.name for endpoint in stored}:
        kept = ", ".join(endpoint.name for endpoint in stored)
        raise ConfigurationError(f"No answers are kept for {', '.join(sorted(missing))}; there are {kept}.")
    return [endpoint for endpoint in stored if endpoint.name in names]

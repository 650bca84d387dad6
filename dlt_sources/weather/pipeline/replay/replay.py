"""A replay, from its place to its last package."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence

import dlt
from dlt.extract import DltResource, DltSource

from dlt_sources.weather.api.endpoints import ENDPOINTS, Endpoint
from dlt_sources.weather.common.configuration.names import WEATHER, how_to_set
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.destination.capabilities.load_options import MERGE
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.extract.conversion import Origin
from dlt_sources.weather.extract.counts import LoadMetrics
from dlt_sources.weather.extract.resources import closing_source
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.pipeline.replay.answers import AnswerKey, ArchivedAnswers, StoredAnswers
from dlt_sources.weather.pipeline.replay.place import Place, PlaceFile
from dlt_sources.weather.pipeline.writer import Report, Writer, writing
from dlt_sources.weather.retention.archive import Archive

logger = logging.getLogger(__name__)


def replay(
    target: Target,
    settings: WeatherSettings,
    resources: Sequence[str] | None = None,
    *,
    archived: bool = False,
    restart: bool = False,
    on_start: Callable[[Run], None] = lambda _: None,
    on_progress: Callable[[LoadMetrics], None] = lambda _: None,
) -> Report:
    """Rebuild tables from the stored answers; go on where an interrupted replay of the same resources ended.

    Args:
        target: the destination and dataset.
        settings: the limits of packages and of waiting; its resources are those of a load, and do not count here.
        resources: the resources to rebuild; by default all whose answers are stored.
        archived: whether to read the answers in the archive first, which are older.
        restart: whether to begin at the first answer anyway.
        on_start: called with the run before it reads anything, so that a signal handler may interrupt it.
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
    places = PlaceFile(target, endpoints, archived=archived)
    with (
        Run(settings, origin=Origin("replay"), many_packages=True, on_progress=on_progress) as run,
        writing(target, run) as writer,
    ):
        on_start(run)
        place = None if restart else _place(places, writer, endpoints)
        for endpoint in _left(endpoints, place):
            after = place if place and place.endpoint == endpoint.name else None
            if archive is not None and after is None:
                _replay_archive(run, writer, archive, endpoint)
            if not _replay_table(run, writer, places, endpoint, after):
                # the lock is not held any more; the next run closes this one's rows of load_runs
                return writer.report
        _close(run, writer, places)
    return writer.report


def _close(run: Run, writer: Writer, places: PlaceFile) -> None:
    """Forget the place of a replay that has ended, and write the last rows of ``load_runs``."""
    if not run.interrupted:
        places.delete()
        for metrics in run.metrics_by_resource.values():
            # answers may have been deleted since they were counted
            metrics.expected = metrics.requests
    if items := run.closing_items([*run.metrics_by_resource]):
        writer.load(closing_source(items))


def _replay_archive(run: Run, writer: Writer, archive: Archive, endpoint: Endpoint) -> None:
    """Replay the archived answers of an endpoint; a replay that is interrupted meanwhile begins with them again."""
    older = ArchivedAnswers(archive, endpoint)
    while older.has_page and not run.interrupted:
        writer.load(_source(run, endpoint, older))
        older.turn()


def _archive(target: Target, settings: WeatherSettings) -> Archive:
    if not settings.retention.archive:
        raise ConfigurationError(f"There is no archive to replay: set {how_to_set(*WEATHER, 'retention', 'archive')}.")
    return Archive(settings.retention.archive, target.dataset_name)


def _replay_table(run: Run, writer: Writer, places: PlaceFile, endpoint: Endpoint, after: Place | None) -> bool:
    """Replay the answers of an endpoint until none is left, or the run is interrupted.

    Returns:
        Whether the dataset is still locked.
    """
    while not run.interrupted:
        after = _replay_until_others_wait(run, writer, places, endpoint, after)
        if after is None:
            break
        if writer.let_others_go(lambda: run.interrupted) and run.interrupted:
            return False
    return True


def _replay_until_others_wait(
    run: Run, writer: Writer, places: PlaceFile, endpoint: Endpoint, after: Place | None
) -> Place | None:
    """Replay packages of an endpoint until the run is interrupted or another one waits for the dataset.

    Returns:
        The place that is reached; None if no answer is left.
    """
    with writer.reader() as reader:
        answers = StoredAnswers(reader, endpoint, AnswerKey(after.location_id, after.fetched_at) if after else None)
        done = after.answers if after else 0
        metrics = run.metrics_of(endpoint.name) if answers.has_page else None
        if metrics and metrics.left == 0:
            metrics.expected = metrics.requests + max(0, answers.count() - done)
        while answers.has_page and not run.interrupted:
            number = answers.number
            writer.load(_source(run, endpoint, answers))
            answers.turn()
            done += number
            assert answers.last is not None  # noqa: S101 - the page had answers
            after = Place(endpoint.name, answers.last.location_id, answers.last.fetched_at, done)
            places.write(after)
            if answers.has_page and writer.lock.others_wait:
                return after
        return after if answers.has_page else None


def _source(run: Run, endpoint: Endpoint, answers: StoredAnswers | ArchivedAnswers) -> DltSource:
    def replayed() -> Iterator[object]:
        yield from run.answer_items(endpoint, answers.page(), replaying=True)

    main = endpoint.parts[0].contract
    resource: DltResource = dlt.resource(
        replayed, name=endpoint.name, table_name=main.table, write_disposition=MERGE, primary_key=main.key
    )
    return DltSource(dlt.Schema("weather"), "weather", [resource])


def _place(places: PlaceFile, writer: Writer, endpoints: Sequence[Endpoint]) -> Place | None:
    """Return the place that an interrupted replay reached; None if a table that it filled is gone."""
    place = places.read()
    if place is None:
        return None
    names: list[str] = [endpoint.name for endpoint in endpoints]
    begun = endpoints[: names.index(place.endpoint) + 1]
    with writer.reader() as reader:
        if not all(reader.columns(endpoint.parts[0].contract.table) for endpoint in begun):
            return None
    logger.warning(
        "An earlier replay ended after %s answers of %s, at %s of %s; this one goes on from there. --restart begins "
        "at the first answer.",
        f"{place.answers:,}",
        place.endpoint,
        f"{place.fetched_at:%Y-%m-%d %H:%MZ}",
        place.location_id,
    )
    return place


def _left(endpoints: Sequence[Endpoint], place: Place | None) -> Sequence[Endpoint]:
    """Return the endpoints that are not replayed completely."""
    names: list[str] = [endpoint.name for endpoint in endpoints]
    return endpoints[names.index(place.endpoint) :] if place else endpoints


def _endpoints(names: Sequence[str] | None) -> list[Endpoint]:
    stored = [endpoint for endpoint in ENDPOINTS if endpoint.keeps_raw]
    if not names:
        return stored
    if missing := set(names) - {endpoint.name for endpoint in stored}:
        kept = ", ".join(endpoint.name for endpoint in stored)
        raise ConfigurationError(f"No answers are kept for {', '.join(sorted(missing))}; there are {kept}.")
    return [endpoint for endpoint in stored if endpoint.name in names]

"""The queues of a run: one per resource, made when all locations are looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dlt_sources.weather.api.endpoints import ALERTS, BY_NAME, DEFAULT_RESOURCES, LOCATIONS, Endpoint
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.extract.requests.alerts import AlertQueue, OpenReader
from dlt_sources.weather.extract.requests.loaded import LoadedState
from dlt_sources.weather.extract.requests.queue import RequestQueue


class Queues:
    """The requests of a run's resources.

    Args:
        loaded: the state of the destination.
        settings: the resources, and what their requests ask for.
        open_reader: opens a reader of the destination, for texts of warnings.
        now: the clock, UTC.
        expect: announces the number of requests of a resource, before the first is made.
    """

    def __init__(
        self,
        loaded: LoadedState,
        settings: WeatherSettings,
        open_reader: OpenReader,
        now: Callable[[], datetime],
        expect: Callable[[str, int], None],
    ) -> None:
        self._loaded = loaded
        self._settings = settings
        self._open_reader = open_reader
        self._now = now
        self._expect = expect
        self._queues: dict[str, RequestQueue | AlertQueue] = {}

    def of(self, endpoint: Endpoint) -> RequestQueue | AlertQueue:
        """Return the queue of an endpoint.

        Before a queue of history, those of all answers that cannot be asked for again are made: history leaves them
        their part of the budget, though the resources of a package are asked in turns. Warnings have to wait for the
        answers that name them.
        """
        if endpoint.name not in self._queues:
            chosen = [BY_NAME[name] for name in self._settings.resources or DEFAULT_RESOURCES if name != LOCATIONS]
            for other in chosen if endpoint.incremental else ():
                if not other.incremental and other.name != ALERTS:
                    self._make(other)
            self._make(endpoint)
        return self._queues[endpoint.name]

    def made(self, resource: str) -> RequestQueue | AlertQueue | None:
        """Return the queue of a resource; None if nothing was asked for it."""
        return self._queues.get(resource)

    def have_more(self, resources: Iterable[str]) -> bool:
        """Return whether any of the resources has something left to ask."""
        return any(name not in self._queues or not self._queues[name].finished for name in resources)

    def _make(self, endpoint: Endpoint) -> None:
        if endpoint.name not in self._queues:
            queue = self._loaded.queue(endpoint, self._settings, self._open_reader, self._now)
            self._queues[endpoint.name] = queue
            self._expect(endpoint.name, queue.total)

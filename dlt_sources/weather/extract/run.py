"""One run: its identity, client, counts and locations, shared by the resources of all its load packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.endpoints import DEFAULT_RESOURCES, JOURNALED_RESOURCES, LOCATIONS, Endpoint
from dlt_sources.weather.api.rate_limit import RateLimiter
from dlt_sources.weather.api.responses import Failure, Result
from dlt_sources.weather.budget.opening import run_rate_limiter
from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.common.errors import BudgetSpentError, WeatherError
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.extract.conversion import Identity, Origin, RunConversion
from dlt_sources.weather.extract.counts import LoadMetrics, Status
from dlt_sources.weather.extract.limits import PackageLimits, Refusals, error_of
from dlt_sources.weather.extract.locations import LocationStep
from dlt_sources.weather.extract.requests import MarkDone
from dlt_sources.weather.extract.requests.alerts import OpenReader
from dlt_sources.weather.extract.requests.loaded import Queues, active_reader, read_loaded_state
from dlt_sources.weather.journal import Journal

T = TypeVar("T")


class Run(Identity):
    """State that the resources of one run share. Close it, or use it as a context manager, to close its connections.

    Args:
        settings: the source's settings.
        now: the clock, UTC; tests make it stand still.
        origin: who made the run, for ``load_runs``.
        many_packages: whether the caller loads the run in several packages and reads ``stopped_by``; otherwise a
            resource raises the error that stopped the run, as a dlt user expects.
        on_progress: called with a resource's counts after each result.
        rate_limiter: delays calls, and is closed with the run; by default, its ledger is in dlt's folder.
    """

    def __init__(
        self,
        settings: WeatherSettings,
        *,
        now: Callable[[], datetime] = utc_now,
        origin: Origin = Origin(),  # noqa: B008
        many_packages: bool = False,
        on_progress: Callable[[LoadMetrics], None] = lambda _: None,
        rate_limiter: RateLimiter | None = None,
    ) -> None:
        super().__init__(settings, now)
        self._many_packages = many_packages
        self._on_progress = on_progress
        self._refusals = Refusals(settings.resources or DEFAULT_RESOURCES, alone=not many_packages)
        self._limiter = rate_limiter or run_rate_limiter(None, settings)
        # a plain dlt pipeline may leave its run open
        unasked = self._refusals.add_unasked
        self._client = Client(settings, now, self._limiter, self._keep, unasked, keeps_connections=many_packages)
        self._package = PackageLimits(settings, lambda: self._client.calls, bounded=many_packages)
        self._open_reader: OpenReader = active_reader
        asked = (settings.since, settings.until)
        self._conversion = RunConversion(self._run_id, origin, self._package, now, asked, shard=settings.shard)
        self._journal = Journal(None)
        self._location_step: LocationStep | None = None
        self._queues: Queues | None = None
        self._interrupted = self._is_ahead = False

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the client, its limiter, and the journal, which keeps the answers of a package that is not loaded."""
        self._client.close()
        self._journal.close()
        self._limiter.close()

    @property
    def metrics_by_resource(self) -> dict[str, LoadMetrics]:
        """The counts of each resource that was reached."""
        return self._conversion.metrics_by_resource

    @property
    def interrupted(self) -> bool:
        """Whether a person or the system ended the run."""
        return self._interrupted

    @property
    def is_ahead(self) -> bool:
        """Whether the next package has begun while another one is loaded."""
        return self._is_ahead

    @property
    def stopped_by(self) -> WeatherError | None:
        """The error that ended the run early, if one did."""
        return self._refusals.stopped_by

    @property
    def postponed(self) -> dict[str, BudgetSpentError]:
        """The error of each resource whose budget is spent; it is no error of the run."""
        return self._refusals.postponed

    @property
    def refused(self) -> Mapping[str, WeatherError]:
        """The error of each resource that the API refuses, or whose endpoint does not answer."""
        return self._refusals.by_resource

    @property
    def error(self) -> WeatherError | None:
        """The error that its user should know of: what ended it early, was refused, or failed for most locations."""
        return error_of(self._refusals, self.metrics_by_resource, self.known_locations)

    @property
    def known_locations(self) -> int:
        """The number of locations with coordinates, those of the list that are not chosen included."""
        return self._location_step.known if self._location_step else 0

    def use(self, open_reader: OpenReader, journal: Journal) -> None:
        """Read the destination through a reader, and keep answers that cannot be asked for again in a journal.

        Without them, the run opens connections of the active pipeline, and answers are in memory until in a package.
        """
        self._open_reader, self._journal = open_reader, journal

    def interrupt(self) -> None:
        """Ask nothing more; answers that are there are still loaded. A signal handler may call it."""
        self._interrupted = True
        self._client.interrupt()

    def metrics_of(self, resource: str) -> LoadMetrics:
        """Return the counts of a resource."""
        return self._conversion.metrics_of(resource)

    def begin_package(self) -> None:
        """Begin a new load package, with all its room, unless ``ask_ahead`` has begun it."""
        if not self._is_ahead:
            self._package.begin()
            self._journal.begin(self._conversion.rows_so_far(JOURNALED_RESOURCES))
        self._is_ahead = False

    def ask_ahead(self, resources: list[str]) -> None:
        """Begin the next package while the present one, whose extraction has ended, is loaded: ask for its answers.

        They are in the next package's journal when they arrive, and the package takes them before any other.
        """
        if self._queues is None or not self.locations_resolved or self._interrupted:
            return
        if queue := self._queues.next_ahead(self._askable(resources)):
            self.begin_package()
            self._is_ahead = True
            queue.ask_ahead(self._client, lambda: self.has_room(queue.resource))

    def end_package(self) -> None:
        """Forget the journal of the oldest package that is not forgotten yet: its rows are in the tables."""
        self._journal.end()

    def has_room(self, resource: str) -> bool:
        """Return whether another request of a resource may be made for the current package."""
        under_way = self._queues.rows_under_way(resource) if self._queues else 0
        return not self._interrupted and self._refusals.may_ask(resource) and self._package.has_room(under_way)

    def has_more(self, resources: list[str]) -> bool:
        """Return whether any of the resources has something left to ask, or to take of what was asked ahead."""
        if self._queues is None or not self.locations_resolved:
            return not (self.stopped_by or self._interrupted)
        if self._queues.are_ahead(resources):
            return True
        return not self._interrupted and self._queues.have_more(self._askable(resources))

    def _askable(self, resources: list[str]) -> list[str]:
        return [name for name in resources if name != LOCATIONS and self._refusals.may_ask(name)]

    @property
    def locations_resolved(self) -> bool:
        """Whether every location is looked up, so that the endpoints may be asked."""
        return self._location_step is not None and self._location_step.is_finished

    def leave_out_loaded(self) -> None:
        """Ask no more for what another run has loaded meanwhile, and follow the columns that it has added."""
        if self._queues is not None:
            self._queues.leave_out_loaded(self._started_at)
        self._conversion.forget_columns()

    @property
    def has_location_items(self) -> bool:
        """Whether the ``locations`` resource has a look-up to report."""
        return self._location_step is not None and self._location_step.has_items

    def resolve_locations(self, *, unknown: bool = True) -> None:
        """Look locations up until all are resolved or the package is full: the step before the endpoints are asked.

        Before the first call, everything that the run must know of the destination is read. Afterwards it is not needed
        until a package is loaded: a connection that is cut while answers arrive loses none of them. Its rows, rejects
        and counts wait for the ``locations`` resource of the same package.

        Args:
            unknown: whether to look up unknown locations and to reject invalid entries; otherwise both are left out,
                because another load reports them.

        Raises:
            ConfigurationError: the file of locations cannot be read.
            KeyRefusedError: no key is set, and a location must be looked up.
        """
        if self.locations_resolved:
            return
        metrics = self.metrics_of(LOCATIONS)
        metrics.resume()
        step = self._location_step = self._location_step or self._read_destination(unknown=unknown)
        results = step.results(self._client, lambda: self.has_room(LOCATIONS))
        self._package.add_bytes(step.collect(self._observe(results, metrics)))
        if self._refusals.has_ended(LOCATIONS):
            step.give_up()
        metrics.pause()
        self._conversion.forget_if_idle(LOCATIONS)

    def location_items(self) -> Iterator[object]:
        """Yield the dlt items of the look-up that are not yielded yet."""
        if self._location_step is not None and self._location_step.has_items:
            yield from self._record(LOCATIONS, self._location_step.items())

    def endpoint_items(self, endpoint: Endpoint) -> Iterator[object]:
        """Ask an endpoint for as long as the package has room, and yield the dlt items of its answers.

        Raises:
            WeatherError: the run was stopped, and its caller does not read ``stopped_by``.
        """
        if self._queues is None or not self.locations_resolved:
            self._raise_if_alone()
            return
        queue = self._queues.of(endpoint)
        metrics = self.metrics_of(endpoint.name)
        metrics.expected, metrics.up_to_date = queue.total, queue.up_to_date
        asked = queue.results(self._client, lambda: self.has_room(endpoint.name))
        yield from self.answer_items(endpoint, asked, queue.mark_done)

    def answer_items(
        self,
        endpoint: Endpoint,
        results: Iterator[Result],
        mark_done: MarkDone = lambda *_: None,
        *,
        replaying: bool = False,
    ) -> Iterator[object]:
        """Yield the dlt items of an endpoint's results, see ``RunConversion.items``, and its row of ``load_runs``."""
        observed = self._observe(results, self.metrics_of(endpoint.name))
        items = self._conversion.items(endpoint, observed, mark_done, replaying=replaying)
        yield from self._record(endpoint.name, items)

    def status(self, resource: str) -> Status:
        """Return the state of a resource for ``load_runs``."""
        queue = self._queues.made(resource) if self._queues else None
        ended, known = self._interrupted or self.stopped_by is not None, self.known_locations
        return self._conversion.status(resource, queue, known, ended=ended, resolved=self.locations_resolved)

    def closing_items(self, resources: list[str]) -> list[object]:
        """Return the last rows of ``load_runs`` of the run's resources that it did not finish, as dlt items."""
        unfinished = self._conversion.unfinished(resources)
        for name in unfinished:
            # calls without a result, such as those that were refused until the interrupt, are calls too
            metrics = self.metrics_of(name)
            metrics.calls = max(metrics.calls, self._client.calls_for[name])
        return [self._conversion.load_run(name, self.status(name), self.stopped_by) for name in unfinished]

    def _read_destination(self, *, unknown: bool) -> LocationStep:
        with self._open_reader() as reader:
            loaded = read_loaded_state(self._settings, reader, self._started_at, unknown=unknown)
        self._conversion.database_bytes = loaded.database_bytes
        self._queues = Queues(loaded, self._settings, self._open_reader, self._now, self._client.expect)
        return LocationStep(loaded.lookup, self.metrics_of(LOCATIONS), self._now)

    def _keep(self, result: Result) -> None:
        """Keep a result in the journal before it counts as arrived; called in the client's thread."""
        self._journal.append(result, self._client.calls_for[result.request.resource], self._now())

    def _observe(self, results: Iterator[T], metrics: LoadMetrics) -> Iterator[T]:
        """Pass results on; ask no more of what a failure would meet as well, and report progress."""
        for result in results:
            if isinstance(result, Failure) and result.scope:
                error = self._refusals.add(result)
                metrics.error = metrics.error or str(error)
            yield result
            self._on_progress(metrics)

    def _record(self, resource: str, items: Iterator[object]) -> Iterator[object]:
        """Yield a resource's items of one package, then its row of ``load_runs``."""
        metrics = self.metrics_of(resource)
        metrics.resume()
        yield from items
        metrics.calls = self._client.calls_for[resource]
        metrics.pause()
        self._refusals.explain(metrics)
        yield self._conversion.load_run(resource, self.status(resource), self.stopped_by)
        self._raise_if_alone()

    def _raise_if_alone(self) -> None:
        if self.stopped_by and not self._many_packages:
            raise self.stopped_by

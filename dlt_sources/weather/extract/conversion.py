"""Identity of a run, and the conversion of its results into dlt items with its counts: of new answers, or kept ones."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from dlt_sources.weather.api.client import Client
from dlt_sources.weather.api.endpoints import BY_NAME, LOCATIONS, Endpoint
from dlt_sources.weather.api.responses import Result
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import Contract, LoadRun
from dlt_sources.weather.convert.converter import Converter
from dlt_sources.weather.convert.items import to_table
from dlt_sources.weather.convert.new_columns import columns_beyond, fields_beyond
from dlt_sources.weather.extract.counts import LoadMetrics, Status
from dlt_sources.weather.extract.endpoint import Extraction
from dlt_sources.weather.extract.limits import PackageLimits
from dlt_sources.weather.extract.requests import MarkDone, RequestQueue
from dlt_sources.weather.extract.requests.alerts import AlertQueue

# of a row of load_runs, with its counts; a journal keeps them
ORIGINS = ("since", "until", "shard", "orchestrator_run")
COUNTS = ("seconds", "calls", "requests", "requests_failed", "rows_fetched", "rows_loaded", "rows_rejected")


def new_run_id(now: datetime) -> str:
    """Return a unique id that sorts by time."""
    return f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


class Origin(NamedTuple):
    """Origin of a run, for ``load_runs``: its command, load or replay, and the orchestrator's run that made it."""

    command: str = "load"
    orchestrator_run: str | None = None


class Identity:
    """The settings, clock, id and client of a run.

    Args:
        settings: the source's settings.
        now: the clock, UTC.
    """

    _client: Client

    def __init__(self, settings: WeatherSettings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now, self._started_at = now, now()
        self._run_id = new_run_id(self._started_at)

    @property
    def settings(self) -> WeatherSettings:
        """The source's settings."""
        return self._settings

    @property
    def run_id(self) -> str:
        """The id of the run in ``load_runs``, ``rejects`` and logs."""
        return self._run_id

    @property
    def client(self) -> Client:
        """The client that asks OpenWeather."""
        return self._client

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock, UTC."""
        return self._now


class RunConversion:
    """The counts of one run, and the converters of its tables.

    Args:
        run_id: the run.
        origin: who made the run, for ``load_runs``.
        package: counts the rows and bytes of the present load package.
        now: the clock, UTC.
        range_of_user: the settings ``since`` and ``until``.
        shard: the setting ``shard``.
    """

    def __init__(
        self,
        run_id: str,
        origin: Origin,
        package: PackageLimits,
        now: Callable[[], datetime],
        range_of_user: tuple[str | None, str | None] = (None, None),
        *,
        shard: str | None = None,
    ) -> None:
        self._run_id = run_id
        self._origin = origin
        self._package = package
        self._now = now
        self._range_of_user = range_of_user
        self._shard = shard
        self._metrics: dict[str, LoadMetrics] = {}
        self._converters: dict[str, Converter] = {}
        self._closed: set[str] = set()
        # the destination's, when the run began
        self.database_bytes: int | None = None

    @property
    def metrics_by_resource(self) -> dict[str, LoadMetrics]:
        """The counts of each resource that was reached."""
        return self._metrics

    def metrics_of(self, resource: str) -> LoadMetrics:
        """Return the counts of a resource."""
        if resource not in self._metrics:
            self._metrics[resource] = self._new_metrics(resource)
        return self._metrics[resource]

    def _new_metrics(self, resource: str) -> LoadMetrics:
        is_history = resource in BY_NAME and BY_NAME[resource].incremental
        since, until = self._range_of_user if is_history else (None, None)
        return LoadMetrics(
            resource,
            self._run_id,
            self._origin.command,
            self._now(),
            since,
            until,
            self._shard,
            self._origin.orchestrator_run,
        )

    def restored(self, row: Mapping[str, Any]) -> LoadMetrics:
        """Return the counts of a resource, which begin with those of a row of ``load_runs``."""
        if row["resource"] not in self._metrics:
            counts = {name: row[name] for name in COUNTS}
            counts |= {name: row.get(name) for name in ORIGINS}
            metrics = LoadMetrics(row["resource"], self._run_id, self._origin.command, row["started_at"], **counts)
            metrics.new_columns |= set(filter(None, (row["new_columns"] or "").split(",")))
            metrics.other_fields |= set(filter(None, (row.get("other_fields") or "").split(", ")))
            self._metrics[metrics.resource] = metrics
        return self._metrics[row["resource"]]

    def rows_so_far(self, resources: Iterable[str]) -> list[dict[str, Any]]:
        """Return the present row of ``load_runs`` of each resource, with zeros for those that were not reached."""
        now = self._now()
        return [(self._metrics.get(name) or self._new_metrics(name)).row("interrupted", now) for name in resources]

    def items(
        self,
        endpoint: Endpoint,
        results: Iterable[Result],
        mark_done: MarkDone,
        *,
        replaying: bool,
    ) -> Iterator[object]:
        """Yield the dlt items of an endpoint's results in one load package: rows, raw answers, rejects.

        Args:
            endpoint: the endpoint that was asked.
            results: answers and failures, in any order.
            mark_done: called with the window of each answer that could be used, and the rows of a timeline's answer.
            replaying: whether the answers come from ``weather_raw``, see ``Extraction``.
        """
        metrics = self.metrics_of(endpoint.name)
        extraction = Extraction(endpoint, metrics, self._package, self._converter, self._now, replaying=replaying)
        yield from extraction.items(results, mark_done)

    def status(
        self, resource: str, queue: RequestQueue | AlertQueue | None, known: int, *, ended: bool, resolved: bool
    ) -> Status:
        """Return the state of a resource for ``load_runs``.

        Args:
            resource: the resource.
            queue: its requests; None if there is nothing to ask, or the run is a replay.
            known: number of locations with coordinates.
            ended: whether the run was ended early.
            resolved: whether every location is looked up.
        """
        metrics, lookups = self.metrics_of(resource), self._metrics.get(LOCATIONS)
        ended = ended or (known == 0 and lookups is not None and lookups.rows_rejected > 0)
        if resource == LOCATIONS:
            finished = resolved and metrics.requests >= metrics.expected
        elif queue:
            # a queue without requests is that of a run that has no locations
            finished = queue.answered and (queue.total > 0 or not ended)
        else:
            finished = not (ended or metrics.left)
        return metrics.status(finished=finished, ended=ended)

    def load_run(self, resource: str, status: Status, error: object = None) -> object:
        """Return the dlt item of a resource's row of ``load_runs``, which replaces the row of the package before.

        Args:
            resource: the resource.
            status: its state.
            error: the error that ended the run, if the resource has none itself.
        """
        if status != "running":
            self._closed.add(resource)
        row = self.metrics_of(resource).row(status, self._now())
        row["database_bytes"] = self.database_bytes
        if row["error"] is None and error is not None and status in ("interrupted", "not_reached"):
            row["error"] = str(error)
        return to_table(LoadRun, [row])

    def unfinished(self, resources: Iterable[str]) -> list[str]:
        """Return those of a run's resources whose last row of ``load_runs`` is not written.

        Args:
            resources: the resources of the run; ``locations`` counts only if it has something to report.
        """
        return [name for name in resources if name not in self._closed and (name != LOCATIONS or name in self._metrics)]

    def forget_if_idle(self, resource: str) -> None:
        """Forget a resource that has nothing to do, so that a row of zeros does not hide the figures of another run."""
        metrics = self._metrics[resource]
        if not (metrics.requests or metrics.rows_fetched or metrics.expected):
            del self._metrics[resource]

    def forget_columns(self) -> None:
        """Forget the columns that the API has added to the tables, since another run may have added some."""
        self._converters.clear()

    def _converter(self, contract: type[Contract]) -> Converter:
        """Return the run's converter of a table: it remembers the columns that the API has added to the table."""
        if contract.table not in self._converters:
            self._converters[contract.table] = Converter(contract, columns_beyond(contract), fields_beyond(contract))
        return self._converters[contract.table]

"""The dlt resources: ``locations`` and one per endpoint, each with its rejects and its row of ``load_runs``.

    locations ─▶ requests ─▶ client ─▶ answers ─▶ contracts ─▶ Arrow ─▶ bronze.<table>
                                │          └──────────────────────────▶ bronze.weather_raw
                                └─ failures, rows of the wrong type ──▶ bronze.rejects, counted in bronze.load_runs

Locations are looked up in a step before any endpoint is asked (``Run.resolve_locations``). A load takes the step before
it builds the source of a package. In a plain dlt pipeline the first resource takes it, and ``resources_of`` puts
``locations`` first. The resource ``locations`` yields the rows and rejects of the step. If a dlt user deselects it
(``with_resources("forecast")``), the first endpoint yields them: without them rejects would be lost, and locations and
their watermarks forgotten.

Every table is merged by its key, so a load that is repeated after a kill changes nothing; the strategy is on each item,
by what the destination can do (``destination/capabilities``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.extract import DltResource, DltSource

from dlt_sources.weather.api.endpoints import ALERTS, BY_NAME, DEFAULT_RESOURCES, LOCATIONS, Endpoint
from dlt_sources.weather.common.logs import leave_out_expected_warnings
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.contracts import LoadRun, Location
from dlt_sources.weather.destination.capabilities.load_options import MERGE
from dlt_sources.weather.extract.run import Run

STAGES = 4


def source_of(run: Run, names: Iterable[str]) -> DltSource:
    """Return a source of the named resources."""
    asked: set[str] = set()
    return DltSource(dlt.Schema("weather"), "weather", [_resource(lambda _: run, name, asked) for name in names])


def next_source(run: Run, names: Iterable[str]) -> DltSource:
    """Return the source of a run's next load package, whose locations the run has resolved as far as it has room.

    It has the resource ``locations`` if there is a look-up to report, and endpoints only after all locations are
    resolved, stage by stage.
    """
    reported = [LOCATIONS] if run.has_location_items else []
    endpoints = [name for name in names if name != LOCATIONS] if run.locations_resolved else []
    for last in range(STAGES):
        reached = [name for name in endpoints if stage_of(name) <= last]
        if run.has_more(reached):
            break
    return source_of(run, reported + reached)


def closing_source(items: list[object]) -> DltSource:
    """Return a source of the last rows of ``load_runs`` that an ended run writes."""
    return DltSource(dlt.Schema("weather"), "weather", [dlt.resource(items, name=LoadRun.table)])


def resources_of(settings: WeatherSettings) -> list[DltResource]:
    """Return the resources of a source that a plain dlt pipeline runs, ``locations`` always and first.

    Args:
        settings: the source's settings.
    """
    leave_out_expected_warnings()
    names = (LOCATIONS, *(name for name in resource_names(settings.resources) if name != LOCATIONS))
    runs = PackageRuns(lambda: Run(settings))
    asked: set[str] = set()
    return [_resource(runs, name, asked) for name in names]


class PackageRuns:
    """The runs of one source object: each extraction of it is another run, so that none is taken for done already.

    Args:
        make: makes a run.
    """

    def __init__(self, make: Callable[[], Run]) -> None:
        self._make = make
        self._run: Run | None = None
        self._package: str | None = None
        self._reached: set[str] = set()

    def __call__(self, resource: str) -> Run:
        """Return the run of the load package that is being extracted, to which a resource belongs."""
        package = _load_id()
        # resources that are iterated without a pipeline have no package
        if self._run is None or package != self._package or resource in self._reached:
            if self._run is not None:
                self._run.close()
            self._run, self._package, self._reached = self._make(), package, set()
        self._reached.add(resource)
        return self._run


def _load_id() -> str | None:
    try:
        return dlt.current.load_package_state()["load_id"]
    except CurrentLoadPackageStateNotAvailable:
        return None


def resource_names(names: Iterable[str] | None) -> list[str]:
    """Return the names of the resources to load, the default ones if none are given."""
    return sorted(names or DEFAULT_RESOURCES, key=stage_of)


def stage_of(name: str) -> int:
    """Return the stage of a run in which a resource is asked; the packages of a stage come after those before it.

    Calls of One Call that are refused for a while keep no rows of the free product waiting. Warnings are known by the
    answers that name them. History of One Call, which costs most, can be asked for later.

    Args:
        name: the resource.
    """
    endpoint = BY_NAME.get(name)
    if endpoint is None or endpoint.product == "free":
        return 0
    if endpoint.incremental:
        return STAGES - 1
    return 2 if name == ALERTS else 1


def _resource(run_of: Callable[[str], Run], name: str, asked: set[str]) -> DltResource:
    return _locations(run_of) if name == LOCATIONS else _endpoint(run_of, BY_NAME[name], asked)


def _locations(run_of: Callable[[str], Run]) -> DltResource:
    def locations() -> Iterator[object]:
        """Yield the locations that the user asked for and the destination does not have, each looked up once."""
        run = run_of(LOCATIONS)
        if not run.has_location_items:
            run.resolve_locations()
        yield from run.location_items()

    return dlt.resource(
        locations,
        name=LOCATIONS,
        write_disposition=MERGE,
        primary_key=Location.key,
    )


def _endpoint(run_of: Callable[[str], Run], endpoint: Endpoint, asked: set[str]) -> DltResource:
    """Return the resource of an endpoint.

    Args:
        run_of: returns the run of the present package.
        endpoint: the endpoint.
        asked: the endpoints of the source that are being asked.
    """
    main = endpoint.parts[0].contract

    def extract() -> Iterator[object]:
        run = run_of(endpoint.name)
        run.resolve_locations()
        # nothing is left of them unless the resource `locations`, which comes first, was deselected
        yield from run.location_items()
        if endpoint.name == ALERTS:
            # to dlt, None is "nothing yet": the package's other resources, whose answers name warnings, come first
            yield None
            while asked:
                yield None
        asked.add(endpoint.name)
        try:
            yield from run.endpoint_items(endpoint)
        finally:
            asked.discard(endpoint.name)

    return dlt.resource(
        extract,
        name=endpoint.name,
        table_name=main.table,
        write_disposition=MERGE,
        primary_key=main.key,
    )

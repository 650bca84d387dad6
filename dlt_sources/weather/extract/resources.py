"""The dlt resources: one an endpoint, each with its own rejects, raw answers and line in the run log.

locations ─▶ requests ─▶ client ─▶ answers ─▶ contracts ─▶ Arrow ─▶ bronze.<table>
                            │          └──────────────────────────▶ bronze.weather_raw
                            └─ failures, rows of the wrong type ──▶ bronze.rejects, counted in bronze.load_runs

Every table is merged by its key with dlt's ``upsert`` strategy: a load that is repeated after a kill changes nothing.
(dlt's default, delete-insert, doubles rows when two writers share a dataset.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import dlt
from dlt.extract import DltResource, DltSource

from dlt_sources.weather.api.endpoints import BY_NAME, DEFAULT_RESOURCES, LOCATIONS, RESOURCES, Endpoint
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.contracts import Location
from dlt_sources.weather.convert.items import UPSERT
from dlt_sources.weather.extract.endpoint import Extraction, ask
from dlt_sources.weather.extract.locations import look_up
from dlt_sources.weather.extract.run import Run


def source_of(run: Run, names: Iterable[str] | None = None) -> DltSource:
    """The source of one load package of a run."""
    return DltSource(dlt.Schema("weather"), "weather", resources_of(run, names))


def resources_of(run: Run, names: Iterable[str] | None = None) -> list[DltResource]:
    """The dlt resources of a run.

    Raises:
        ConfigurationError: a name is no resource.
    """
    names = list(names or DEFAULT_RESOURCES)
    if unknown := [name for name in names if name not in RESOURCES]:
        raise ConfigurationError(f"No such resource: {', '.join(unknown)}. There are {', '.join(RESOURCES)}.")
    return [_locations(run) if name == LOCATIONS else _endpoint(run, BY_NAME[name]) for name in names]


def _locations(run: Run) -> DltResource:
    def locations() -> Iterator[object]:
        """Places the user asked for, looked up once."""
        yield from look_up(run)

    return dlt.resource(
        locations,
        name=LOCATIONS,
        write_disposition=UPSERT,
        primary_key=Location.key,
    )


def _endpoint(run: Run, endpoint: Endpoint) -> DltResource:
    main = endpoint.parts[0].contract

    def extract() -> Iterator[object]:
        yield from look_up(run)
        if not run.locations_known:
            return
        work = run.work(endpoint)
        run.metrics_of(endpoint.name).expected = work.total
        yield from Extraction(run, endpoint).items(ask(run, work), work.mark_done)

    return dlt.resource(
        extract,
        name=endpoint.name,
        table_name=main.table,
        write_disposition=UPSERT,
        primary_key=main.key,
    )

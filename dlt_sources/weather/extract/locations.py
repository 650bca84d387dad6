"""Extracting the places: whichever resource runs first looks them up, and loads them with its own rows."""

from __future__ import annotations

from collections.abc import Iterator

from dlt_sources.weather.api.endpoints import LOCATIONS
from dlt_sources.weather.api.responses import Failure
from dlt_sources.weather.contracts import LoadRun, Location, Reject
from dlt_sources.weather.convert.items import as_table, to_table
from dlt_sources.weather.extract.run import Run
from dlt_sources.weather.locations.geocoding import resolve


def look_up(run: Run) -> Iterator[object]:
    """Look places up while the package has room, and yield dlt items: new places, what was no place, the run's log."""
    if run.looked_up or run.locations_known:
        return
    run.looked_up = True
    first_time = LOCATIONS not in run.metrics_by_resource
    metrics = run.metrics_of(LOCATIONS)
    metrics.resume()
    rejects = []
    if first_time:
        metrics.expected = len(run.lookup.to_resolve)
        rejects = [metrics.reject_location(bad.where, bad.text, bad.message, run.now()) for bad in run.lookup.bad]
    for found in resolve(run.lookup, run.client, run.has_room):
        if isinstance(found, Failure):
            rejects.append(metrics.reject_request(found, found.request.path, run.now()))
            if found.ends_the_run:
                run.stop_for(found, metrics)
        else:
            metrics.requests += 1
        run.on_progress(metrics)
    tables = run.lookup.rows.take()
    rows = sum(table.num_rows for table in tables)
    metrics.rows_fetched += rows
    metrics.rows_loaded += rows
    metrics.calls = run.client.calls_for[LOCATIONS]
    metrics.pause()
    for table in tables:
        run.count_bytes(table.nbytes)
        yield as_table(Location, table)
    if rejects:
        yield to_table(Reject, rejects)
    yield to_table(LoadRun, [metrics.row(run.status(LOCATIONS), run.now())])
    run.raise_if_alone()

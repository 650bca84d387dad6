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
    if run.looked_up or run.places_known:
        return
    run.looked_up = True
    first_time = LOCATIONS not in run.tallies
    tally = run.tally(LOCATIONS)
    tally.resume()
    rejects = []
    if first_time:
        tally.expected = len(run.lookup.to_resolve)
        rejects = [tally.reject_place(bad.where, bad.text, bad.message, run.now()) for bad in run.lookup.bad]
    for found in resolve(run.lookup, run.client, run.has_room):
        if isinstance(found, Failure):
            rejects.append(tally.reject_request(found, found.request.path, run.now()))
            if found.ends_the_run:
                run.stop_for(found, tally)
        else:
            tally.requests += 1
        run.on_progress(tally)
    tables = run.lookup.rows.take()
    rows = sum(table.num_rows for table in tables)
    tally.rows_fetched += rows
    tally.rows_loaded += rows
    tally.calls = run.client.calls_for[LOCATIONS]
    tally.pause()
    for table in tables:
        run.count_bytes(table.nbytes)
        yield as_table(Location, table)
    if rejects:
        yield to_table(Reject, rejects)
    yield to_table(LoadRun, [tally.row(run.status(LOCATIONS), run.now())])
    run.raise_if_alone()

"""Queries of the loaded steps of a timeline: runs of steps without a gap, recent rows, rows that may be revised."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from dlt_sources.weather.common.clock import DAY, HOUR, utc
from dlt_sources.weather.common.errors import counted
from dlt_sources.weather.contracts import Contract, Location
from dlt_sources.weather.destination.reader import ON_THE_HOUR, DestinationReader
from dlt_sources.weather.extract.requests.pages import Span
from dlt_sources.weather.extract.requests.steps import DAY_SECONDS, HOUR_SECONDS, SECONDS_PER_DEGREE
from dlt_sources.weather.extract.requests.windows import LoadedSteps
from dlt_sources.weather.locations.model import ResolvedLocation

logger = logging.getLogger(__name__)
# the longest time for which history has an hour's UV index, which a later answer would replace by null, and for which
# it is taken to be revised (openweathermap.org/api/one-call-4)
REVISED_FOR = timedelta(days=5)
# a row fetched so long after its hour is final: early enough that a page of rows becomes full before REVISED_FOR ends,
# even if a load an hour or two is missed
FINAL_AFTER = timedelta(days=4)

# the number of a step, as Steps has it
_HOUR_NUMBER = f"floor(extract(epoch FROM t.dt) / {HOUR_SECONDS})"
_DAY_NUMBER = f"floor((extract(epoch FROM t.dt) + l.lon * {SECONDS_PER_DEGREE}) / {DAY_SECONDS})"
_SPANS = (
    "SELECT location_id, min(step), max(step) FROM (SELECT location_id, step,"
    " step - row_number() OVER (PARTITION BY location_id ORDER BY step) AS span FROM (SELECT DISTINCT t.location_id,"
    " CAST({number} AS BIGINT) AS step FROM ({known}) AS l JOIN {{table}} t ON t.location_id = l.location_id"
    " WHERE t.dt >= %s AND t.dt < %s AND {condition}) AS steps) AS numbered"
    " GROUP BY location_id, span ORDER BY 1, 2"
)
_RECENT = (
    f"SELECT t.location_id, CAST({_DAY_NUMBER} AS BIGINT), t.dt FROM {{locations}} l"
    " JOIN {table} t ON t.location_id = l.location_id WHERE t.dt >= %s"
)
_UNSETTLED = (
    "SELECT l.location_id, (SELECT min(t.dt) FROM {table} t WHERE t.location_id = l.location_id AND t.dt >= %s"
    f" AND t.dt <= %s AND t.fetched_at < t.dt + INTERVAL '{FINAL_AFTER.days} days') FROM {{locations}} l"
)


def loaded_spans(
    reader: DestinationReader,
    contract: type[Contract],
    step: timedelta,
    first: datetime,
    last: datetime,
    *,
    new: Sequence[ResolvedLocation] = (),
) -> dict[str, list[Span]]:
    """Return the first and last step of each run of loaded steps in a range, ascending, by location_id.

    Args:
        reader: reads the destination.
        contract: contract of the table.
        step: length of a step: an hour or a day.
        first: beginning of the range, UTC.
        last: end of the range, UTC, included.
        new: locations that may have rows though they are not in ``locations``: those of a first run that was killed.
    """
    known = ["SELECT location_id, lon FROM {locations}"] if reader.columns(Location.table) else []
    known += ["SELECT CAST(%s AS TEXT) AS location_id, CAST(%s AS DOUBLE PRECISION) AS lon"] * len(new)
    if not known:
        return {}
    if step < DAY:
        number, condition = _HOUR_NUMBER, ON_THE_HOUR.replace("dt", "t.dt")
    else:
        # a day has its noon up to a day from the date's beginning at UTC
        first, last = first - DAY, last + DAY
        number, condition = _DAY_NUMBER, "l.lon IS NOT NULL"
    sql = _SPANS.format(number=number, condition=condition, known="{known}")
    names = [part for location in new for part in (location.location_id, location.lon)]
    tables = {"table": contract.table} | ({"locations": Location.table} if known[0].endswith("}") else {})
    rows = reader.rows(sql.replace("{known}", " UNION ".join(known)), *names, first, last + step, **tables)
    spans: dict[str, list[Span]] = {}
    for location_id, span_first, span_last in rows:
        spans.setdefault(location_id, []).append((int(span_first), int(span_last)))
    return spans


def newest_steps(
    reader: DestinationReader, contract: type[Contract], step: timedelta, now: datetime, first: datetime, *, renew: bool
) -> dict[str, LoadedSteps]:
    """Return what is loaded of the locations whose series goes on from its newest row, by location_id.

    Args:
        reader: reads the destination.
        contract: contract of the table.
        step: length of a step: an hour or a day.
        now: the moment of the run, UTC.
        first: moment from which a location without a series is loaded, UTC.
        renew: whether loaded rows may be replaced.
    """
    newest = _series_to_go_on(reader, contract, first)
    if not newest:
        return {}
    recent: dict[str, dict[int, int]] = {}
    unsettled: dict[str, datetime] = {}
    tables = {"table": contract.table, "locations": Location.table}
    if renew and step < DAY:
        # the first of a whole page of hours that are final once they are fetched again
        youngest = now - FINAL_AFTER - 19 * HOUR
        rows = reader.rows(_UNSETTLED, now - REVISED_FOR, youngest, **tables)
        unsettled = {location_id: utc(dt) for location_id, dt in rows if dt is not None}
    elif renew:
        for location_id, number, dt in reader.rows(_RECENT, now - REVISED_FOR, **tables):
            recent.setdefault(location_id, {})[int(number)] = int(utc(dt).timestamp())
    return {
        location_id: LoadedSteps(moment, recent.get(location_id, {}), unsettled.get(location_id))
        for location_id, moment in newest.items()
    }


def _series_to_go_on(reader: DestinationReader, contract: type[Contract], first: datetime) -> dict[str, datetime]:
    """Return the newest ``dt`` (UTC) of the locations whose series goes on from there, by location_id.

    A row fetched long after its ``dt`` is of a backfill. If it is the newest of a location, the hours from then to
    now were never asked for, and an hourly load must not pay for years of them.
    """
    newest = reader.newest_moments(contract)
    old = {location_id for location_id, moment in newest.items() if moment < first}
    if not old:
        return newest
    sql = f"SELECT l.location_id, {reader.newest_of_location(contract, 'fetched_at')} FROM {{locations}} l"
    rows = reader.rows(sql, table=contract.table, locations=Location.table)
    fetched = {location_id: utc(moment) for location_id, moment in rows if location_id in old and moment is not None}
    ended = {location_id for location_id in old if fetched[location_id] - newest[location_id] > REVISED_FOR}
    if ended:
        logger.warning(
            "%s of %s ends before %s: the gap is not loaded automatically; to load it, use --since.",
            contract.table,
            counted(len(ended), "place"),
            f"{first:%Y-%m-%dT%H:%MZ}",
        )
    return {location_id: moment for location_id, moment in newest.items() if location_id not in ended}

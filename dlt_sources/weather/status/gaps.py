"""Gaps in the series of history: hours of air pollution and of weather, and days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from dlt_sources.weather.common.clock import DAY, HOUR, utc
from dlt_sources.weather.contracts import AirPollution, Contract, Reject, WeatherHistory, WeatherHistoryDaily
from dlt_sources.weather.destination.reader import ON_THE_HOUR, DestinationReader

# one row a step; of hours, only rows on the hour, and of days, rows at the noon of the place
_MONTHS = (
    "SELECT location_id, extract(year FROM dt AT TIME ZONE 'UTC') * 12 + extract(month FROM dt AT TIME ZONE 'UTC')"
    " AS month, count(*) AS steps, min(dt) AS first, max(dt) AS last"
    " FROM {{table}} {where} GROUP BY 1, 2"
)
# between two months in a row no step may be missing; before and after a month that stands alone, nothing was asked for
_STRETCHES = (
    "SELECT location_id, steps, first, last,"
    " CASE WHEN lag(month) OVER series = month - 1 THEN lag(last) OVER series END AS before"
    f" FROM ({_MONTHS}) AS months WINDOW series AS (PARTITION BY location_id ORDER BY month)"
)
# rounded, because the noon of a place moves where its clocks change
_MISSING = (
    "SELECT location_id, first, last, before,"
    " round((extract(epoch FROM last) - extract(epoch FROM coalesce(before, first))) / {seconds})"
    " + (CASE WHEN before IS NULL THEN 1 ELSE 0 END) - steps"
    f" AS missing FROM ({_STRETCHES}) AS stretches"
)
_SQL = (
    "SELECT location_id, sum(missing), min(coalesce(before, first)), max(last)"
    f" FROM ({_MISSING}) AS m WHERE missing > 0 GROUP BY location_id ORDER BY location_id"
)
# whole months count where a request for them failed, and none has brought them since
_FAILED_WINDOWS = (
    "SELECT location_id, window_start, window_end, before, after FROM (SELECT w.location_id, window_start, window_end,"
    " (SELECT max(a.dt) FROM {table} a WHERE a.location_id = w.location_id AND a.dt < w.window_start) AS before,"
    " (SELECT min(a.dt) FROM {table} a WHERE a.location_id = w.location_id AND a.dt >= w.window_start) AS after"
    " FROM (SELECT DISTINCT location_id, window_start, window_end FROM {rejects}"
    " WHERE resource = %s AND kind = 'request' AND window_start IS NOT NULL) AS w) AS f"
    " WHERE before IS NOT NULL AND after > window_end ORDER BY location_id, window_start"
)

# tables with a series that has no gap where it was asked for
SERIES: tuple[type[Contract], ...] = (AirPollution, WeatherHistory, WeatherHistoryDaily)


class Gap(NamedTuple):
    """The number of rows that one location misses, and the first and last row around them, UTC."""

    rows: int
    first: datetime
    last: datetime


def step_of(contract: type[Contract]) -> timedelta:
    """Return the time between two rows of a series.

    Args:
        contract: contract of the table.
    """
    return DAY if contract is WeatherHistoryDaily else HOUR


def read_gaps(reader: DestinationReader, contract: type[Contract] = AirPollution) -> dict[str, Gap]:
    """Return the locations that miss rows inside a series, by location_id.

    Whole months without any row are no gap, unless a request for them failed: a backfill of chosen months leaves the
    months between them out.

    Args:
        reader: reads the destination.
        contract: contract of a table of ``SERIES``; its resource has the table's name.
    """
    step = step_of(contract)
    sql = _SQL.format(where=f"WHERE {ON_THE_HOUR}" if step == HOUR else "", seconds=round(step.total_seconds()))
    found = {
        location_id: Gap(int(missing), utc(first), utc(last))
        for location_id, missing, first, last in reader.rows(sql, table=contract.table)
    }
    counted: dict[str, datetime] = {}
    tables = {"table": contract.table, "rejects": Reject.table}
    for location_id, *moments in reader.rows(_FAILED_WINDOWS, contract.table, **tables):
        start, end, before, after = map(utc, moments)
        if _month(after) - _month(before) <= 1:
            # counted above
            continue
        # windows of several tries overlap; each ends with its last hour, of days too
        start = max(start, counted.get(location_id, start))
        counted[location_id] = max(end + HOUR, start)
        missing, first, last = found.get(location_id, Gap(0, before, after))
        rows = max(round((end + HOUR - start) / step), 0)
        found[location_id] = Gap(missing + rows, min(first, before), max(last, after))
    return {location_id: gap for location_id, gap in sorted(found.items()) if gap.rows}


def _month(moment: datetime) -> int:
    return moment.year * 12 + moment.month

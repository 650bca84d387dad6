"""Gaps in the hourly series of air pollution."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from dlt_sources.weather.common.clock import HOUR, utc
from dlt_sources.weather.contracts import AirPollution, Reject
from dlt_sources.weather.destination.reader import ON_THE_HOUR, DestinationReader

_HOURS = (
    "SELECT location_id, extract(year FROM dt AT TIME ZONE 'UTC') * 12 + extract(month FROM dt AT TIME ZONE 'UTC')"
    " AS month, count(*) AS hours, min(dt) AS first, max(dt) AS last"
    f" FROM {{air}} WHERE {ON_THE_HOUR} GROUP BY 1, 2"
)
# between two months in a row no hour may be missing; before and after a month that stands alone, nothing was asked for
_STRETCHES = (
    "SELECT location_id, hours, first, last,"
    " CASE WHEN lag(month) OVER series = month - 1 THEN lag(last) OVER series END AS before"
    f" FROM ({_HOURS}) AS months WINDOW series AS (PARTITION BY location_id ORDER BY month)"
)
_MISSING = (
    "SELECT location_id, first, last, before, round(extract(epoch FROM last) / 3600) -"
    " round(extract(epoch FROM coalesce(before, first)) / 3600) + (CASE WHEN before IS NULL THEN 1 ELSE 0 END) - hours"
    f" AS missing FROM ({_STRETCHES}) AS stretches"
)
SQL = (
    "SELECT location_id, sum(missing), min(coalesce(before, first)), max(last)"
    f" FROM ({_MISSING}) AS m WHERE missing > 0 GROUP BY location_id ORDER BY location_id"
)


# whole months count where a request for them failed, and none has brought them since
FAILED_WINDOWS = (
    "SELECT location_id, window_start, window_end, before, after FROM (SELECT w.location_id, window_start, window_end,"
    " (SELECT max(a.dt) FROM {air} a WHERE a.location_id = w.location_id AND a.dt < w.window_start) AS before,"
    " (SELECT min(a.dt) FROM {air} a WHERE a.location_id = w.location_id AND a.dt >= w.window_start) AS after"
    " FROM (SELECT DISTINCT location_id, window_start, window_end FROM {rejects}"
    " WHERE resource = %s AND kind = 'request' AND window_start IS NOT NULL) AS w) AS f"
    " WHERE before IS NOT NULL AND after > window_end ORDER BY location_id, window_start"
)


class Gap(NamedTuple):
    """The hours that one location misses, and the first and last hour around them, UTC."""

    hours: int
    first: datetime
    last: datetime


def read_gaps(reader: DestinationReader) -> dict[str, Gap]:
    """Return the locations that miss hours of air pollution, by location_id.

    Whole months without any row are no gap, unless a request for them failed: a backfill of chosen months leaves the
    months between them out.

    Args:
        reader: reads the destination.
    """
    found = {
        location_id: Gap(int(missing), utc(first), utc(last))
        for location_id, missing, first, last in reader.rows(SQL, air=AirPollution.table)
    }
    tables = {"air": AirPollution.table, "rejects": Reject.table}
    counted: dict[str, datetime] = {}
    for location_id, *moments in reader.rows(FAILED_WINDOWS, AirPollution.table, **tables):
        start, end, before, after = map(utc, moments)
        if _month(after) - _month(before) <= 1:
            # counted above
            continue
        # windows of several tries overlap
        start = max(start, counted.get(location_id, start))
        counted[location_id] = max(end + HOUR, start)
        missing, first, last = found.get(location_id, Gap(0, before, after))
        hours = max(round((end + HOUR - start) / HOUR), 0)
        found[location_id] = Gap(missing + hours, min(first, before), max(last, after))
    return {location_id: gap for location_id, gap in sorted(found.items()) if gap.hours}


def _month(moment: datetime) -> int:
    return moment.year * 12 + moment.month

"""Grafana's dashboard on a loaded PostgreSQL: every query of every panel gives rows of the columns that it draws."""

from datetime import datetime, timedelta, timezone

import pytest

from dlt_sources.weather.pipeline.load import load
from tests.helpers.clock import Clock
from tests.helpers.support import query
from tests.infra.panels import Range, dashboard, expand, panels


@pytest.fixture
def clock():
    """A clock near the database's, which the panels ask for the present."""
    return Clock(datetime.now(timezone.utc).replace(minute=5))


@pytest.fixture
def loaded(postgres, settings, clock):
    """Two days of loads: a forecast, the hours that it speaks of, the present; one place that the API does not know."""
    now = clock.moment
    last = now.replace(hour=now.hour // 3 * 3)  # the forecast's steps are hours that 3 divides
    for moment in (last - timedelta(hours=30), last, now):
        clock.moment = moment
        load(postgres, settings(locations=["Madrid,ES", "59.9139,10.7522", "Nowhereville,ES"], views=True), now=clock)
    return postgres


def run(target, sql):
    """The rows of a panel's query, for all locations and the dashboard's range."""
    now = datetime.now(timezone.utc)
    locations = [one for (one,) in query(target, "SELECT location_id FROM locations")]
    shown = Range(now - timedelta(days=7), now + timedelta(days=2))
    return query(target, expand(sql, shown, {"location": locations, "calls_per_month": "1000000"}))


def test_every_query_gives_rows_and_series_have_time_name_and_number(loaded):
    found = {
        (panel["title"], one["refId"], one["format"]): run(loaded, one["rawSql"])
        for panel in panels()
        for one in panel["targets"]
    }
    assert [name for name, rows in found.items() if not rows] == []
    series = [row for (_, _, form), rows in found.items() if form == "time_series" for row in rows]
    assert [
        row
        for row in series
        if not (isinstance(row[0], datetime) and isinstance(row[1], str) and float(row[2]) == row[2])
    ] == []
    by_title = {title: rows for (title, _, _), rows in found.items()}
    used = sum(number for _, number in by_title["Calls used this month"])
    # the first load may be of the month before
    assert 0 < used <= query(loaded, "SELECT sum(calls) FROM load_runs")[0][0]
    assert by_title["Calls left this month"] == [(1_000_000 - used,)]
    assert {"air_pollution", "forecast", "load_runs"} <= {table for table, _ in by_title["Storage, by table"]}
    assert by_title["Locations"] == [(2,)]
    (location,) = (one for one in dashboard()["templating"]["list"] if one["name"] == "location")
    listed = run(loaded, location["query"])
    assert len(listed) == 2
    assert ("Madrid, ES", "madrid,es") in listed

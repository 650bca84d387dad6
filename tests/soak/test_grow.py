"""A dataset that was grown looks like one that hourly loads filled: `status` finds nothing wrong in it."""

from __future__ import annotations

import pytest

from dlt_sources.weather.common.clock import utc_now
from dlt_sources.weather.contracts import AirPollutionForecast
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.status.gaps import read_gaps
from dlt_sources.weather.status.rejects import open_rejects
from tests.soak.grow import first_load, grow


@pytest.mark.slow
def test_a_grown_dataset_has_the_rows_of_hourly_loads(duckdb: Target) -> None:
    first_load(duckdb, locations=2)

    grown = grow(duckdb, months=1)

    assert grown.rows["air_pollution"] == 2 * (grown.hours + 169)
    assert grown.rows["air_pollution_forecast"] == 2 * 96 * (grown.hours + 1)
    assert grown.rows["weather_raw"] == 2 * 3 * (grown.hours + 1)
    with duckdb.reader() as reader:
        known = {one: place.query for one, place in reader.locations().items()}
        assert not read_gaps(reader)
        assert not open_rejects(reader, known, utc_now())
        sql = (
            "SELECT count(*) FROM {table} t JOIN {runs} r ON r._dlt_load_id = t._dlt_load_id"
            " WHERE r.resource = %s AND abs(extract(epoch FROM t.fetched_at) - extract(epoch FROM r.started_at)) < 60"
        )
        rows = reader.rows(sql, "air_pollution_forecast", table=AirPollutionForecast.table, runs="load_runs")
    assert rows[0][0] >= grown.rows["air_pollution_forecast"]

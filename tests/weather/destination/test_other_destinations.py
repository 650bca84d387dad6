"""Destinations beyond DuckDB and PostgreSQL: whatever dlt can write to, with the key's promise where it can merge."""

import pyarrow.dataset as ds

from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load


def test_a_folder_of_parquet_files_is_a_destination(settings, clock, simulator, tmp_path, monkeypatch):
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", (tmp_path / "lake").as_uri())
    target = Target("filesystem")
    report = load(target, settings(history_days=1), now=clock)
    assert report.error is None
    assert report.rows_rejected == 0

    def rows(table):
        files = [str(file) for file in (tmp_path / "lake" / "bronze" / table).rglob("*.parquet")]
        assert files, table
        return ds.dataset(files).to_table()

    assert rows("air_pollution").num_rows == 2 * 25
    assert rows("current_weather").num_rows == 2
    assert rows("forecast").num_rows == 2 * 40
    # hours that a destination cannot replace are not fetched again
    clock.pass_time(hours=2)
    load(target, settings(history_days=1), now=clock)
    air = rows("air_pollution").select(["location_id", "dt"])
    assert air.num_rows == 2 * 27
    assert len(set(map(tuple, (row.values() for row in air.to_pylist())))) == 2 * 27
    # nor are locations looked up twice
    assert rows("locations").num_rows == 2
    assert [request.path for request in simulator.requests].count("/geo/1.0/direct") == 1

"""The source in a dlt user's own pipeline: refreshed, run again from one object, without a warning."""

import time

import dlt
import pytest

from dlt_sources.weather import weather_source
from dlt_sources.weather.pipeline.load import load
from tests.helpers.clock import SENTINEL_KEY
from tests.weather.destination.published.dataset import publish, views

OSLO = "59.9139,10.7522"
TABLES = {"locations": 2, "current_weather": 2, "air_pollution": 2 * (7 * 24 + 1)}


@pytest.fixture
def source(api, simulator):
    simulator.set_clock(now=time.time())  # a plain source goes by the real clock
    return weather_source(
        resources=["current_weather", "air_pollution"],
        locations=["Madrid,ES", OSLO],
        base_url=api,
        api_key=SENTINEL_KEY,
        calls_per_minute=30_000,
    )


@pytest.fixture
def pipeline(tmp_path):
    return dlt.pipeline("own", destination=dlt.destinations.duckdb(str(tmp_path / "own.duckdb")), dataset_name="bronze")


def counts(pipeline):
    with pipeline.sql_client() as client:
        return {table: client.execute_sql(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def test_a_refresh_loads_again_what_dlt_empties_or_drops(pipeline, source, caplog):
    for refresh in (None, "drop_data", "drop_sources"):
        pipeline.run(source, loader_file_format="parquet", refresh=refresh)
        assert counts(pipeline) == TABLES, refresh
    assert [record.getMessage() for record in caplog.records if record.name == "dlt"] == []


def test_a_refresh_drops_tables_that_views_read(postgres, source):
    pipeline = dlt.pipeline("own", destination="postgres", dataset_name=postgres.dataset_name)
    pipeline.run(source, loader_file_format="parquet")
    publish(postgres)
    assert "latest_weather" in views(postgres)
    pipeline.run(source, loader_file_format="parquet", refresh="drop_sources")
    assert counts(pipeline) == TABLES
    publish(postgres)
    assert "latest_weather" in views(postgres)


def test_one_source_object_loads_as_often_as_it_is_run(pipeline, source, simulator):
    for number in (1, 2):
        pipeline.run(source, loader_file_format="parquet")
        asked = [request.path for request in simulator.requests]
        assert asked.count("/data/2.5/weather") == 2 * number
    assert counts(pipeline) == TABLES
    with pipeline.sql_client() as client:
        runs = client.execute_sql("SELECT count(DISTINCT run_id) FROM load_runs WHERE resource = 'current_weather'")
    assert runs == [(2,)]


def test_a_source_object_without_a_pipeline_yields_its_items_each_time(source):
    for _ in (1, 2):
        tables = list(source.resources["current_weather"])
        assert sum(len(table) for table in tables if "temp" in table.schema.names) == 2


def test_a_plain_pipeline_goes_on_in_the_dataset_of_the_command_with_load_ids(target, settings, source, monkeypatch):
    load(target, settings(resources=["current_weather", "air_pollution"], locations=["Madrid,ES"]))
    # as in another process, with the setting that docs/operations.md names
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = False
    monkeypatch.setenv("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID", "true")
    plain = dlt.pipeline("plain", destination=target.destination, dataset_name=target.dataset_name)
    if target.is_duckdb:
        plain.destination = dlt.destinations.duckdb(str(target.file_path))
    plain.run(source, loader_file_format="parquet")
    assert counts(plain)["locations"] == TABLES["locations"]

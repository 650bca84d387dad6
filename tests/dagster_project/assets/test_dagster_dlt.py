"""Loads are safe from dagster-dlt's side effects: dropped packages, a damaged live schema, a lost rate limit."""

from datetime import timedelta

import dlt
import pytest

from dagster_project.assets import materialize as step
from dagster_project.assets.dagster_dlt import BronzeDltResource, dagster_package_loader
from dagster_project.assets.translator import BronzeTranslator
from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.extract.resources import source_of
from dlt_sources.weather.extract.run import Run
from tests.dagster_project.conftest import PLACES
from tests.helpers.processes import load_and_die
from tests.helpers.support import count, query


@pytest.mark.process
@pytest.mark.parametrize(
    ("target", "point"),
    [
        *(pytest.param(name, "normalize:1", marks=pytest.mark.slow) for name in ("duckdb", "postgres")),
        ("duckdb", "convert:1"),
        pytest.param("postgres", "convert:1", marks=pytest.mark.slow),
        *((name, "load:1") for name in ("duckdb", "postgres")),
    ],
    indirect=["target"],
)
def test_what_a_killed_run_left_behind_is_loaded_before_anything_new(run_job, target, settings, clock, point):
    killed_at = clock()
    load_and_die(target, point, dict(settings(locations=PLACES, resources=["current_weather"])), killed_at)
    assert count(target, "current_weather") == 0
    clock.pass_time(hours=1)
    # the first asset that runs recovers it
    outcome = run_job(target, "air_pollution")
    assert outcome.success, outcome.failures
    assert outcome.metadata["air_pollution"]["loads_finished_before"] == 1
    assert query(target, "SELECT count(*) FROM current_weather WHERE fetched_at = %s", killed_at) == [(len(PLACES),)]
    assert run_job(target, "current_weather").metadata["current_weather"]["rows_new"] == len(PLACES)
    assert count(target, "current_weather") == 2 * len(PLACES)


def test_a_pipeline_with_a_package_that_is_not_loaded_is_never_handed_to_dagster_dlt(duckdb, settings, clock):
    pipeline = duckdb.pipeline(duckdb.root / "a-run")
    with Run(settings(locations=PLACES), now=clock) as run:
        pipeline.extract(source_of(run, ["current_weather"]))
        load_package = dagster_package_loader(None, BronzeDltResource(), BronzeTranslator("duckdb"), lambda _: None)
        with pytest.raises(RuntimeError, match="would be lost"):
            load_package(pipeline, source_of(run, ["forecast"]))
    assert pipeline.has_pending_data


def test_the_live_schema_keeps_its_columns(run_job, duckdb, monkeypatch):
    seen: list[dlt.Schema] = []
    make = step.dagster_package_loader

    def spying(*given):
        load_package = make(*given)

        def load_and_look(pipeline, source):
            counted = load_package(pipeline, source)
            seen.append(pipeline.default_schema.clone())
            return counted

        return load_and_look

    monkeypatch.setattr("dagster_project.assets.materialize.dagster_package_loader", spying)
    outcome = run_job(duckdb, "current_weather")
    assert outcome.success, outcome.failures
    (schema,) = seen
    columns = schema.tables["current_weather"]["columns"]
    assert len(columns) > 30
    for name, column in columns.items():
        assert column["name"] == name
        assert column["data_type"]


def test_a_column_that_the_api_adds_shows_in_the_materialisation(run_job, duckdb, simulator):
    simulator.inject(Fault(path="/data/2.5/weather", set={"main.soil": 7.5}))
    outcome = run_job(duckdb, "current_weather")
    assert outcome.metadata["current_weather"]["new_columns"] == "current_weather.main_soil"
    columns = {column.name: column for column in outcome.metadata["current_weather"]["dagster/column_schema"].columns}
    assert columns["main_soil"].type == "double"
    assert columns["temp"].description == "Air temperature; K, °C or °F by units"


def test_no_hour_is_lost_or_doubled_over_hours_of_runs(run_job, duckdb, clock):
    for _ in range(3):
        assert run_job(duckdb, "air_pollution").success
        clock.pass_time(hours=1)
    rows = query(
        duckdb, "SELECT location_id, count(*), count(DISTINCT dt), max(dt) - min(dt) FROM air_pollution GROUP BY 1"
    )
    assert [row[1:] for row in rows] == [(51, 51, timedelta(hours=50))] * len(PLACES)


def test_the_assets_of_a_run_share_one_call_budget(run_job, duckdb, simulator, monkeypatch):
    monkeypatch.setattr("dlt_sources.weather.api.rate_limit.WINDOW_MILLISECONDS", 2000)
    monkeypatch.setenv("SOURCES__WEATHER__CALLS_PER_MINUTE", "2")
    outcome = run_job(duckdb, "current_weather", "forecast", "air_pollution_forecast")
    assert outcome.success, outcome.failures
    seconds = sum(metadata["seconds"] for metadata in outcome.metadata.values())
    assert simulator.stats.calls == 6
    assert seconds > 2 * 2.0 - 0.5, "two calls every two seconds"

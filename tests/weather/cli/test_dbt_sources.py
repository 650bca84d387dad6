"""The sources of dbt: the tables that loads write, their columns and types, their ages and tests."""

from __future__ import annotations

import pytest
import yaml

from dlt_sources.weather.contracts import TABLES
from dlt_sources.weather.destination.published.views import VIEWS as OF_VIEWS
from dlt_sources.weather.pipeline.load import load
from tests.helpers.command import run
from tests.helpers.support import columns, tables

DEFAULT_TABLES = {
    "locations",
    "current_weather",
    "forecast",
    "air_pollution",
    "air_pollution_forecast",
    "weather_raw",
    "rejects",
    "load_runs",
}
VIEWS = {"latest_weather", "weather_hourly", "forecast_accuracy", "air_quality_index"}


def sources(*options, **environment):
    printed = run("dbt-sources", *options, **environment)
    assert printed.code == 0, printed.said
    ((source),) = yaml.safe_load(printed.out)["sources"]
    return source, {table["name"]: table for table in source["tables"]}


def chosen_tests(table):
    found = [(next(iter(test)), "") for test in table.get("data_tests", [])]
    for column in table["columns"]:
        found += [
            (test if isinstance(test, str) else next(iter(test)), column["name"])
            for test in column.get("data_tests", [])
        ]
    return set(found)


@pytest.mark.usefixtures("duckdb")
def test_the_sources_are_the_tables_that_the_settings_load():
    assert set(sources()[1]) == DEFAULT_TABLES | VIEWS
    assert set(sources(SOURCES__WEATHER__VIEWS="false")[1]) == DEFAULT_TABLES
    assert VIEWS.intersection(sources("--resources", "air_pollution")[1]) == {
        name for name in VIEWS if "air_pollution" in OF_VIEWS[name].tables
    }
    only = sources("--resources", "weather_history_daily", SOURCES__WEATHER__VIEWS="false")[1]
    assert set(only) == {"locations", "weather_history_daily", "rejects", "load_runs"}
    every = {name for name in TABLES if not name.startswith("one_call") and name != "weather_history"}
    wide = "forecast_daily,forecast_hourly,forecast_climate,weather_history_daily"
    found = sources(
        "--resources",
        f"{','.join(DEFAULT_TABLES - {'weather_raw', 'rejects', 'load_runs'})},{wide}",
        SOURCES__WEATHER__PLAN="developer",
        SOURCES__WEATHER__VIEWS="false",
    )[1]
    assert set(found) == every


def test_columns_and_types_are_those_of_the_loaded_tables(target, settings, clock):
    load(target, settings(views=True), now=clock)
    source, listed = sources("--destination", target.destination)
    assert source["schema"] == target.dataset_name
    assert ("database" in source) is target.is_duckdb
    loaded = tables(target)
    assert loaded <= set(listed) - VIEWS <= loaded | {"rejects"}
    for name in VIEWS:
        assert [column["name"] for column in listed[name]["columns"]] == list(columns(target, name))
    for name in loaded:
        types = {
            column: kind.lower().replace("character varying", "varchar")
            for column, kind in columns(target, name).items()
        }
        assert {column["name"]: column["data_type"] for column in listed[name]["columns"]} == {
            column: kind for column, kind in types.items() if not column.startswith("_dlt_")
        }
        assert all(column["description"] for column in listed[name]["columns"])


@pytest.mark.usefixtures("duckdb")
def test_keys_are_tested_and_locations_are_related():
    listed = sources()[1]
    assert chosen_tests(listed["locations"]) == {("unique", "location_id"), ("not_null", "location_id")}
    assert chosen_tests(listed["forecast"]) == {
        ("unique", ""),
        ("not_null", "location_id"),
        ("relationships", "location_id"),
        ("not_null", "dt"),
        ("not_null", "issued_at"),
    }
    (unique,) = listed["forecast"]["data_tests"]
    assert unique["unique"]["arguments"]["column_name"] == (
        "location_id || '|' || cast(dt as varchar) || '|' || cast(issued_at as varchar)"
    )


@pytest.mark.usefixtures("duckdb")
def test_a_table_that_may_not_exist_has_neither_freshness_nor_tests():
    table = sources()[1]["rejects"]
    assert not chosen_tests(table)
    assert "config" not in table


@pytest.mark.usefixtures("duckdb")
@pytest.mark.parametrize(
    ("schedule", "table", "warn", "error"),
    [
        ("0 * * * *", "current_weather", 90, 150),
        ("0 * * * *", "air_pollution", 180, 240),
        ("0 * * * *", "weather_raw", 90, 150),
        ("0 */6 * * *", "load_runs", 390, 750),
    ],
)
def test_the_ages_follow_the_schedule(schedule, table, warn, error):
    config = sources(SOURCES__WEATHER__SCHEDULE=schedule)[1][table]["config"]
    assert config["freshness"] == {
        "warn_after": {"count": warn, "period": "minute"},
        "error_after": {"count": error, "period": "minute"},
    }
    assert config["loaded_at_field"] == ("finished_at" if table == "load_runs" else "fetched_at")


def test_the_demo_has_its_own_schema_and_file_and_the_first_line_says_the_command():
    source, _ = sources("--demo")
    assert (source["name"], source["schema"], source["database"]) == ("bronze", "bronze_demo", "weather_demo")
    printed = run("dbt-sources", "--demo", "--resources", "forecast").out
    assert printed.startswith("# Made by `weather dbt-sources --demo --resources forecast`")


def test_a_destination_needs_no_credentials_and_an_unknown_one_is_a_sentence():
    assert "database" not in sources("--destination", "postgres")[0]
    refused = run("dbt-sources", "--destination", "nonsense")
    assert refused.code == 2
    assert "nonsense" in refused.err

"""What the catalog shows of a table: address without secrets, lines of the source, units and origins of its columns."""

import linecache
import re
from pathlib import Path

import pytest
import yaml
from dagster import AssetKey

from dagster_project.assets.bronze import bronze_assets
from dagster_project.assets.catalog.address import table_address
from dagster_project.assets.catalog.columns import column_lineage, column_schema
from dagster_project.assets.catalog.views import view_assets
from dagster_project.assets.translator import GROUP
from dlt_sources.weather.api.endpoints import BY_NAME, RESOURCES
from dlt_sources.weather.contracts import TABLES, AirPollution, CurrentWeather, OneCallHourly
from dlt_sources.weather.destination.published.views import VIEWS
from dlt_sources.weather.destination.target import Target

ROOT = Path(__file__).parents[3]
# variables that a folder of the project reads by their names; settings have one each as well: docs/operations.md
READ = re.compile(r"""environ(?:\.get\(|\[)["']([A-Z_]+)["']""")
RESOLVED_BY_DLT = {
    "ALERTS__DAGSTER_URL",
    "ALERTS__MOST_AN_HOUR",
    "DESTINATION__POSTGRES__CREDENTIALS",
    "REPORT__DAYS",
    "REPORT__FOLDER",
    "REPORT__METRICS_PUSHGATEWAY",
    "REPORT__METRICS_TEXTFILE",
}


def test_the_address_of_a_table_holds_no_secret(monkeypatch):
    credentials = "postgresql://loader:s%40cret@db.example:5433/weather?sslmode=require&password=hidden"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", credentials)
    assert table_address(Target("postgres"), "locations") == {
        "dagster/table_name": "weather.bronze.locations",
        "dagster/uri": "postgresql://db.example:5433/weather/bronze/locations",
    }


def test_a_file_is_an_address_too(duckdb):
    assert table_address(duckdb, "locations") == {
        "dagster/table_name": f"{duckdb.file_path.stem}.{duckdb.dataset_name}.locations",
        "dagster/uri": f"duckdb://{duckdb.file_path.absolute()}/{duckdb.dataset_name}/locations",
    }


def test_every_asset_leads_to_the_lines_that_describe_it(monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__RESOURCES", str(list(RESOURCES)).replace("'", '"'))
    for assets in bronze_assets():
        (spec,) = assets.specs
        references = spec.metadata["dagster/code_references"].code_references
        assert references, spec.key
        for reference in references:
            line = linecache.getline(reference.file_path, reference.line_number)
            kind, name = reference.label.rsplit(" ", 1)
            expected = f"class {TABLES[name].__name__}(" if kind == "contract of" else f'"{name}"'
            assert expected in line, (reference, line)


def test_columns_name_their_unit():
    units = {column.name: column.tags.get("unit") for column in column_schema(CurrentWeather).columns}
    assert {name: units[name] for name in ("dt", "temp", "wind_gust", "pressure", "rain_1h", "weather_main")} == {
        "dt": None,
        "temp": "K, °C or °F",
        "wind_gust": "m/s or mph",
        "pressure": "hPa",
        "rain_1h": "mm",
        "weather_main": None,
    }


def test_columns_come_from_the_locations_and_from_the_verbatim_answers():
    deps = column_lineage(OneCallHourly, BY_NAME["one_call"], GROUP).deps_by_column
    origins = {name: (dep.asset_key.path[-1], dep.column_name) for name, (dep,) in deps.items()}
    assert origins["location_id"] == ("locations", "location_id")
    assert origins["temp"] == origins["timezone"] == ("weather_raw", "body")
    assert origins["fetched_at"] == ("weather_raw", "fetched_at")
    assert deps.keys() <= OneCallHourly.model_fields.keys()
    history = column_lineage(AirPollution, BY_NAME["air_pollution"], GROUP).deps_by_column
    assert list(history) == ["location_id"], "history is not kept verbatim: it can be requested again"
    assert history["location_id"][0].asset_key == AssetKey(["bronze", "locations"])


def test_views_stand_below_their_tables_where_loads_make_them(monkeypatch):
    views = {spec.key.path[-1]: spec for spec in view_assets("postgres", "bronze", ["locations", "current_weather"])}
    assert {"latest_weather", "weather_hourly"} <= views.keys()
    latest = views["latest_weather"]
    assert {dep.asset_key.path[-1] for dep in latest.deps} == {"locations", "current_weather"}
    assert latest.kinds == {"view", "postgres"}
    columns = {column.name: column.description for column in latest.metadata["dagster/column_schema"].columns}
    assert list(columns) == [column.name for column in VIEWS["latest_weather"].columns]
    assert "°C" in columns["temp"]
    lineage = latest.metadata["dagster/column_lineage"].deps_by_column
    assert [dep.asset_key.path[-1] for dep in lineage["temp"]] == ["current_weather"]
    assert view_assets("filesystem", "bronze", ["locations", "current_weather"]) == []
    monkeypatch.setenv("SOURCES__WEATHER__VIEWS", "false")
    assert view_assets("postgres", "bronze", ["locations", "current_weather"]) == []


def test_columns_of_views_have_type_and_unit_and_examples_name_the_dataset():
    views = {spec.key.path[-1]: spec for spec in view_assets("duckdb", "bronze_demo", list(RESOURCES))}
    assert views.keys() == VIEWS.keys()
    for name, spec in views.items():
        assert f"FROM bronze_demo.{name}" in (spec.description or "")
        assert "bronze." not in spec.description
    columns = {column.name: column for column in views["weather_hourly"].metadata["dagster/column_schema"].columns}
    shown = {name: (columns[name].type, columns[name].tags.get("unit")) for name in ("hour", "observed", "temp", "aqi")}
    assert shown == {
        "hour": ("timestamp", None),
        "observed": ("bool", None),
        "temp": ("double", "°C"),
        "aqi": ("bigint", None),
    }


@pytest.mark.parametrize("package", ["dagster_project", "dlt_sources"])
def test_every_variable_that_is_read_is_listed_for_dg(package):
    listed = {
        name
        for file in (ROOT / "dagster_project").glob("*/defs.yaml")
        for name in yaml.safe_load(file.read_text())["requirements"]["env"]
    }
    read = {name for file in (ROOT / package).rglob("*.py") for name in READ.findall(file.read_text())}
    assert read - listed == set()
    if package == "dagster_project":
        ours = {name for file in (ROOT / "dlt_sources").rglob("*.py") for name in READ.findall(file.read_text())}
        assert listed - read - ours == RESOLVED_BY_DLT

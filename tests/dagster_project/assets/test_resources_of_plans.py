"""Resources that need a plan or One Call 4.0 are assets like the others: freshness, checks, an order, backfills."""

import json
from datetime import datetime, timezone

import pytest
from dagster import AssetKey

from dagster_project.assets.bronze import bronze_assets
from dagster_project.assets.catalog.preview import MAIN_COLUMNS
from dagster_project.assets.translator import freshness_policy
from dagster_project.checks.asset_checks import bronze_checks
from dlt_sources.weather.contracts import TABLES

FORECASTS = ["forecast_daily", "forecast_hourly", "forecast_climate"]
SNAPSHOTS = [
    "one_call_current",
    "one_call_minutely",
    "one_call_quarter_hourly",
    "one_call_hourly_forecast",
    "one_call_daily_forecast",
]
HISTORY = ["weather_history", "weather_history_daily"]
NAMES = ["locations", *FORECASTS, *SNAPSHOTS, *HISTORY, "one_call_alerts"]


@pytest.fixture(scope="module")
def assets():
    """The assets of all these resources, by name."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("SOURCES__WEATHER__RESOURCES", json.dumps(NAMES))
        monkeypatch.setenv("SOURCES__WEATHER__PLAN", "developer")
        return {one.key.path[-1]: one for one in bronze_assets()}


def test_each_is_an_asset_with_freshness_and_a_step_in_its_place(assets):
    backfills = {"air_pollution_history", *(f"{name}_backfill" for name in HISTORY)}
    assert assets.keys() == {*NAMES, *backfills}
    for name in NAMES:
        assert assets[name].get_asset_spec(AssetKey(["bronze", name])).freshness_policy == freshness_policy(), name
    order = sorted(NAMES, key=lambda name: -int(assets[name].op.tags["dagster/priority"]))
    assert order[0] == "locations"
    assert order[-3:] == ["one_call_alerts", *HISTORY], "what cannot be asked for again goes first"
    assert {assets[name].op.tags["dagster/priority"] for name in backfills} == {"-5"}


def test_each_has_the_checks_that_its_tables_need(assets):  # noqa: ARG001 - the settings
    checks = {
        one.node_def.name.removeprefix("check_"): {spec.name for spec in one.check_specs}
        for one in bronze_checks(NAMES)
    }
    common = {"no_duplicate_keys", "accounting", "locations_are_recent", "reject_rate"}
    for name in [*FORECASTS, *SNAPSHOTS, *HISTORY]:
        ranges = {"physical_ranges"} if name != "one_call_minutely" else set()
        recent = {"newest_is_recent"} if name != "one_call_minutely" else set()
        gaps = {"no_gaps"} if name in HISTORY else set()
        assert checks[name] == common | ranges | recent | gaps, name
    assert checks["one_call_alerts"] == common


@pytest.mark.parametrize(
    ("name", "first", "second", "number"),
    [("weather_history", "1979-01-01", "1979-02-01", 569), ("weather_history_daily", "1979-01-01", "1980-01-01", 48)],
)
def test_history_has_an_asset_for_backfills_by_months_or_years(assets, name, first, second, number):
    asset = assets[f"{name}_backfill"]
    keys = asset.partitions_def.get_partition_keys(current_time=datetime(2026, 5, 20, tzinfo=timezone.utc))
    assert (*keys[:2], len(keys)) == (first, second, number)
    assert asset.backfill_policy.max_partitions_per_run is None, "one run at a time spends the calls, not one a month"
    spec = asset.get_asset_spec(asset.key)
    assert spec.freshness_policy is None
    assert spec.metadata["dagster/column_schema"]
    assert f"into the table of {name}" in spec.description


def test_the_columns_of_a_preview_exist():
    assert {
        table: [name for name in columns if name not in TABLES[table].model_fields]
        for table, columns in MAIN_COLUMNS.items()
    } == {table: [] for table in MAIN_COLUMNS}

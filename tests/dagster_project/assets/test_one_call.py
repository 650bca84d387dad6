"""One Call 4.0 through Dagster: each asset is loaded, warnings after the rows that name them, and checks pass."""

import json

import pytest
from dagster import materialize

from dagster_project.assets.bronze import bronze_assets
from dagster_project.assets.dagster_dlt import BronzeDltResource
from dagster_project.checks.asset_checks import bronze_checks
from tests.dagster_project.conftest import PLACES

NAMES = ["locations", "one_call_alerts", "one_call_current", "one_call_daily_forecast", "weather_history_daily"]


@pytest.mark.db
def test_a_run_loads_one_call_in_its_order_and_its_checks_pass(environment, instance, duckdb, simulator, monkeypatch):  # noqa: ARG001
    simulator.one_call_keys, simulator.one_call_version = "all", 4
    monkeypatch.setenv("WEATHER_DESTINATION", duckdb.destination)
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps(PLACES[:1]))
    monkeypatch.setenv("SOURCES__WEATHER__RESOURCES", json.dumps(NAMES))
    result = materialize(
        [*bronze_assets(), *bronze_checks(NAMES)],
        selection=[asset.key for asset in bronze_assets() if asset.key.path[-1] in NAMES],
        instance=instance,
        resources={"dlt_resource": BronzeDltResource()},
        raise_on_error=False,
    )
    assert result.success
    order = [event.asset_key.path[-1] for event in result.get_asset_materialization_events()]
    assert sorted(order) == sorted(NAMES)
    assert order[0] == "locations"
    assert order[-2:] == ["one_call_alerts", "weather_history_daily"]
    checks = {(one.asset_key.path[-1], one.check_name): one for one in result.get_asset_check_evaluations()}
    assert {key: one.description for key, one in checks.items() if not one.passed} == {}
    assert ("weather_history_daily", "no_gaps") in checks

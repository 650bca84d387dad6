"""Loads outside Dagster, by the command line or a CronJob: they count for freshness, and their failures alert."""

import json

import pytest
from dagster import AssetKey

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.pipeline.load import load
from tests.dagster_project.conftest import PLACES


def by_command(target, ticks, **overrides):
    """Load as the command line does."""
    return load(target, load_settings(**overrides), now=ticks.now)


def materialized(instance, name):
    record = instance.get_latest_materialization_event(AssetKey(["bronze", name]))
    return record.asset_materialization.metadata if record else {}


def use(monkeypatch, target):
    monkeypatch.setenv("WEATHER_DESTINATION", target.destination)


def test_a_load_by_the_command_line_keeps_assets_fresh_in_the_alert_and_in_dagsters_records(  # noqa: PLR0917
    run_job, duckdb, instance, receiver, to, ticks
):
    to(receiver.url)
    assert run_job(duckdb, "locations", "current_weather", "forecast").success
    ticks()
    own = materialized(instance, "forecast")["load_run_id"].value
    ticks(minutes=118)
    report = by_command(duckdb, ticks)
    ticks(minutes=3)
    assert receiver.titles == [], "121 minutes after Dagster's own load, a good one came three minutes ago"
    for name in ("locations", "current_weather", "forecast", "air_pollution"):
        found = materialized(instance, name)
        assert found["load_run_id"].value == report.run_id != own, name
        assert found["loaded_by"].value == "a load outside Dagster"
    ticks(minutes=2)
    assert sum(event.asset_key.path[-1] == "forecast" for event in ticks.checks) == 1, "it is reported once"


@pytest.mark.usefixtures("environment")
def test_loads_outside_dagster_that_fail_on_a_wrong_key_are_one_message_and_a_good_load_ends_it(  # noqa: PLR0917
    duckdb, simulator, receiver, to, ticks, monkeypatch
):
    to(receiver.url)
    use(monkeypatch, duckdb)
    ticks()
    simulator.inject(Fault(path="/data/", status=401))
    for _ in range(6):
        assert by_command(duckdb, ticks).error
        ticks(minutes=2)
    assert receiver.titles == ["Loads outside Dagster fail"]
    first = receiver.got[0]["message"]
    assert "refuses the API key" in first.splitlines()[0]
    assert "bronze/forecast" in first
    assert "log of its Job" in first
    simulator.clear_faults()
    assert not by_command(duckdb, ticks).error
    ticks(minutes=2)
    assert receiver.titles[1:] == ["Recovered: loads outside Dagster fail"]


@pytest.mark.usefixtures("environment")
def test_a_load_of_one_place_by_hand_makes_no_asset_fresh(duckdb, instance, ticks, monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps([*PLACES, "1,1"]))
    use(monkeypatch, duckdb)
    ticks()
    by_command(duckdb, ticks, locations=PLACES[:1])
    ticks(minutes=2)
    assert materialized(instance, "forecast") == {}


def test_loads_of_dagster_itself_are_none_from_outside(run_job, duckdb, ticks):
    ticks()
    assert run_job(duckdb, "forecast").success
    ticks(minutes=2)
    assert ticks.state.outside == []
    assert ticks.checks == []

"""Freshness: one incident for all assets that no run has loaded for too long."""

from dlt_sources.openweather_simulator import Fault


def test_assets_that_nothing_loads_any_more_are_one_warning_then_one_error_then_recovered(
    run_job, duckdb, receiver, to, ticks
):
    to(receiver.url)
    assert run_job(duckdb, "locations", "current_weather").success
    ticks(minutes=110)
    assert receiver.got == []
    ticks(minutes=15)
    ticks(minutes=1)
    assert receiver.titles == ["Warning: 2 assets are late"]
    assert "Where: bronze/current_weather, bronze/locations" in receiver.got[0]["message"]
    assert "hourly_weather_schedule" in receiver.got[0]["message"]
    ticks(hours=2)
    ticks(minutes=1)
    assert receiver.titles[1:] == ["2 assets are stale"]
    # the clock of the sensor back to the time of the load: the assets are fresh again
    ticks.ahead *= 0
    ticks()
    assert receiver.titles[2:] == ["Recovered: 2 assets are stale"]


def test_an_asset_is_not_late_as_well_while_an_incident_explains_it(run_job, duckdb, simulator, receiver, to, ticks):  # noqa: PLR0917
    to(receiver.url)
    assert run_job(duckdb, "forecast").success
    simulator.inject(Fault(path="/data/2.5/forecast", status=500))
    assert not run_job(duckdb, "forecast").success
    ticks()
    ticks(hours=2)
    assert receiver.titles == ["Loading bronze/forecast failed: Internal error: 500001"]
    ticks(hours=2)
    assert receiver.titles[1:] == ["1 asset is stale"], "nothing has even tried for hours"


def test_an_asset_that_was_old_before_alerts_began_is_late_when_it_is_old_again(run_job, duckdb, receiver, to, ticks):
    assert run_job(duckdb, "forecast").success
    to(receiver.url)
    ticks.cursor = None
    ticks(hours=5)
    ticks(minutes=110)
    assert receiver.got == []
    ticks(minutes=15)
    assert receiver.titles == ["Warning: 1 asset is late"]
    assert "for 425 minutes" in receiver.got[0]["message"]

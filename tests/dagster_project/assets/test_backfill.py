"""Backfills of air pollution by months, as from Dagster's dialog: bounded, estimated, resumable, never doubled."""

import warnings
from datetime import datetime, timezone

import pytest
from dagster import AssetKey, BackfillPolicy

from tests.dagster_project.conftest import PLACES
from tests.helpers.processes import load_and_die
from tests.helpers.support import assert_no_duplicates, count, query

HISTORY = AssetKey(["bronze", "air_pollution_history"])
HOURS_OF_NOVEMBER_2020 = 4 * 24
HOURS_TO_JANUARY_2021 = HOURS_OF_NOVEMBER_2020 + 31 * 24 + 31 * 24


@pytest.fixture
def backfill(environment, instance, monkeypatch):  # noqa: ARG001 - the settings in the environment
    """Run a range of months as Dagster's backfill daemon does: one run, with the range in its tags."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dagster_project.definitions import defs  # noqa: PLC0415
    job = defs.get_repository_def().get_implicit_job_def_for_assets([HISTORY])

    def run(target, first, last):
        monkeypatch.setenv("WEATHER_DESTINATION", target.destination)
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False, asset_selection=[HISTORY])
        assert result.success
        events = result.get_asset_materialization_events()
        metadata = {key: value.value for key, value in events[0].materialization.metadata.items()}
        return [event.partition for event in events], metadata

    return run


def test_months_are_loaded_whole_and_a_second_backfill_asks_nothing(backfill, duckdb, simulator):
    months, metadata = backfill(duckdb, "2020-11-01", "2021-01-01")
    assert months == ["2020-11-01", "2020-12-01", "2021-01-01"]
    assert metadata["calls_estimated"] == metadata["calls"] == len(PLACES)
    sql = "SELECT count(*), min(dt), max(dt) FROM air_pollution GROUP BY location_id"
    first = datetime(2020, 11, 27, tzinfo=timezone.utc)
    last = datetime(2021, 1, 31, 23, tzinfo=timezone.utc)
    expected = (HOURS_TO_JANUARY_2021, first, last)
    found = [(n, a.astimezone(timezone.utc), b.astimezone(timezone.utc)) for n, a, b in query(duckdb, sql)]
    assert found == [expected] * len(PLACES)
    calls = simulator.stats.calls
    _, again = backfill(duckdb, "2020-11-01", "2021-01-01")
    assert again["calls_estimated"] == again["calls"] == again["rows_new"] == 0
    assert simulator.stats.calls == calls


@pytest.mark.process
def test_a_backfill_that_was_killed_goes_on_where_it_stood(  # noqa: PLR0917 - fixtures
    backfill, duckdb, settings, clock, simulator, monkeypatch
):
    target = duckdb
    monkeypatch.setenv("SOURCES__WEATHER__HISTORY_DAYS_PER_CALL", "10")
    asked = {
        "locations": PLACES,
        "resources": ["air_pollution"],
        "since": "2020-11-27T00:00Z",
        "until": "2021-01-31T23:00Z",
        "history_days_per_call": 10,
        "chunk_rows": 400,
    }
    load_and_die(target, "load:3", dict(settings(**asked)), clock())
    before = simulator.stats.calls
    assert 0 < count(target, "air_pollution") < HOURS_TO_JANUARY_2021 * len(PLACES)
    _, metadata = backfill(target, "2020-11-01", "2021-01-01")
    assert metadata["loads_finished_before"] == 1
    assert count(target, "air_pollution") == HOURS_TO_JANUARY_2021 * len(PLACES)
    assert_no_duplicates(target, "air_pollution", "location_id", "dt")
    windows = 7 * len(PLACES)
    assert 0 < simulator.stats.calls - before < windows, "what had come is not asked for again"


def test_the_hourly_job_goes_on_from_the_newest_hour_whatever_was_backfilled(backfill, run_job, duckdb):
    assert run_job(duckdb, "air_pollution").success
    backfill(duckdb, "2020-11-01", "2020-11-01")
    outcome = run_job(duckdb, "air_pollution")
    assert outcome.metadata["air_pollution"]["rows_new"] == 0
    assert count(duckdb, "air_pollution") == (2 * 24 + 1 + HOURS_OF_NOVEMBER_2020) * len(PLACES)


def test_partitions_are_months_since_2020_11_with_the_present_one_and_a_run_takes_a_year_of_them():
    from dagster_project.definitions import defs  # noqa: PLC0415

    asset = defs.resolve_asset_graph().get(HISTORY)
    keys = asset.partitions_def.get_partition_keys(current_time=datetime(2026, 5, 20, tzinfo=timezone.utc))
    assert (keys[0], keys[-1], len(keys)) == ("2020-11-01", "2026-05-01", 67)
    assert asset.backfill_policy == BackfillPolicy.multi_run(12)
    assert asset.freshness_policy is None
    assert HISTORY not in defs.resolve_job_def("weather_ingestion_job").asset_layer.executable_asset_keys

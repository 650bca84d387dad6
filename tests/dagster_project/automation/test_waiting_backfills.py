"""A backfill whose calls are spent waits without a process, says why and until when, and goes on by itself."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SkipReason,
    build_sensor_context,
    materialize,
)
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from dagster_project.assets.bronze import bronze_assets
from dagster_project.assets.dagster_dlt import BronzeDltResource
from dagster_project.assets.estimate import costs_of_partition
from dagster_project.assets.materialize import JOB
from dagster_project.assets.waiting import BACKFILL_TAG, BECAUSE_TAG, STATE_TAG, waiting_runs
from dagster_project.automation.waiting_backfill_sensor import NOTHING_WAITS, waiting_backfill_sensor
from dagster_project.definitions import defs
from tests.dagster_project.conftest import PLACES
from tests.helpers.support import assert_no_duplicates, count, query

WEATHER, AIR = "weather_history_backfill", "air_pollution_history"
# 20 hours a page: January has 744 hours, February 672, March 744
PAGES = {"2021-01-01": 38, "2021-02-01": 34, "2021-03-01": 38}
HOURS = 744 + 672 + 744


@pytest.fixture
def clock(clock, monkeypatch):
    """The clock of loads, of the sensor and of the budget: half past ten in the evening."""
    clock.moment = datetime.now(timezone.utc).replace(hour=22, minute=30, second=0, microsecond=0)
    monkeypatch.setattr("dlt_sources.weather.budget.stores.wall_clock", lambda: round(clock().timestamp() * 1000))
    return clock


class Backfills:
    """Backfills as Dagster's daemon runs them: a range of partitions in the tags of one run."""

    def __init__(self, instance):
        self.instance = instance
        self.assets = {one.key.path[-1]: one for one in bronze_assets()}

    def run(self, name, first, last, *, config=None, **tags):
        """Run a range of partitions."""
        keys = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return materialize(
            [self.assets[name]],
            instance=self.instance,
            resources={"dlt_resource": BronzeDltResource()},
            tags=keys | tags,
            run_config=config,
            raise_on_error=False,
        )

    def tick(self, *, run=False):
        """Evaluate the sensor; return what it says, and the requests, which are run."""
        result = waiting_backfill_sensor(build_sensor_context(instance=self.instance))
        requests = result.run_requests or []
        for request in requests if run else ():
            tags = dict(request.tags)
            first, last = tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]
            assert [key.path[-1] for key in request.asset_selection] == [tags["weather/backfill_asset"]]
            assert self.run(tags["weather/backfill_asset"], first, last, config=request.run_config, **tags).success
        return result.skip_reason.skip_message if isinstance(result.skip_reason, SkipReason) else "", requests

    def loaded(self, name):
        """Return the partitions of an asset that count as materialised."""
        return sorted(self.instance.get_materialized_partitions(self.assets[name].key))


@pytest.fixture
def backfills(environment, instance, clock, duckdb, simulator, monkeypatch):  # noqa: ARG001, PLR0917
    simulator.one_call_keys, simulator.one_call_version = "all", 4
    monkeypatch.setenv("WEATHER_DESTINATION", duckdb.destination)
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS", json.dumps(PLACES[:1]))
    monkeypatch.setenv("SOURCES__WEATHER__RESOURCES", json.dumps(["locations", "weather_history"]))
    monkeypatch.setenv("SOURCES__WEATHER__ONE_CALL__CALLS_PER_DAY", "60")
    return Backfills(instance)


def test_it_waits_for_the_next_day_and_goes_on_by_itself(backfills, instance, duckdb, simulator, clock):
    result = backfills.run(WEATHER, "2021-01-01", "2021-03-01")
    assert result.success, "green"
    assert backfills.loaded(WEATHER) == ["2021-01-01"], "a month that is not complete is not materialised"
    said, requests = backfills.tick()
    tomorrow = f"{clock() + timedelta(days=1):%Y-%m-%d} 00:00 UTC"
    assert not requests
    assert said.startswith(
        "weather_history_backfill waits with 2021-02-01 to 2021-03-01: The budget of One Call is spent"
    )
    assert tomorrow in said
    (waiting,) = waiting_runs(instance)
    assert waiting.run.tags[BECAUSE_TAG] in said
    kinds = [event.event_type_value for event in result.all_events]
    assert "ASSET_OBSERVATION" in kinds
    assert not {"STEP_FAILURE", "STEP_UP_FOR_RETRY"} & {*kinds}
    assert simulator.stats.by_product["one_call"].calls == 60
    clock.pass_time(hours=2)
    assert backfills.tick(run=True)[1]
    assert backfills.loaded(WEATHER) == ["2021-01-01", "2021-02-01", "2021-03-01"]
    assert backfills.tick() == (NOTHING_WAITS, [])
    assert query(duckdb, "SELECT sum(requests) FROM load_runs WHERE resource = 'weather_history'") == [
        (sum(PAGES.values()),)
    ], "no page was asked for twice"
    assert count(duckdb, "weather_history") == HOURS
    assert_no_duplicates(duckdb, "weather_history", "location_id", "dt")


def test_a_run_that_continues_it_belongs_to_its_backfill_and_a_cancelled_backfill_ends(
    backfills, instance, clock, simulator
):
    add_backfill(instance, "abc")
    backfills.run(WEATHER, "2021-01-01", "2021-03-01", **{BACKFILL_TAG: "abc"})
    clock.pass_time(hours=2)
    (request,) = backfills.tick()[1]
    assert request.tags[BACKFILL_TAG] == "abc"
    (again,) = backfills.tick()[1]
    assert request.run_key == again.run_key, "Dagster starts one run, however often it is requested"
    instance.update_backfill(instance.get_backfill("abc").with_status(BulkActionStatus.CANCELING))
    calls = simulator.stats.calls
    assert backfills.tick(run=True) == (NOTHING_WAITS, [])
    assert backfills.tick() == (NOTHING_WAITS, [])
    assert simulator.stats.calls == calls
    (run,) = instance.get_runs(RunsFilter(tags={BACKFILL_TAG: "abc"}))
    assert run.tags[STATE_TAG] == "canceled"


def test_it_lets_an_hourly_load_that_waits_go_first(backfills, instance, monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__ONE_CALL__CALLS_PER_DAY", "1000")
    instance.create_run_for_job(defs.resolve_job_def(JOB), status=DagsterRunStatus.STARTED)
    assert backfills.run(WEATHER, "2021-01-01", "2021-02-01").success
    assert backfills.loaded(WEATHER) == ["2021-01-01"], "one month at least"
    assert backfills.tick(run=True)[1], "after it in the queue"
    assert backfills.loaded(WEATHER) == ["2021-01-01", "2021-02-01"]


def test_several_runs_of_one_backfill_go_on_in_turn_when_the_last_may(backfills, instance, clock, monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__CALLS_PER_DAY", "3")
    monkeypatch.setenv("SOURCES__WEATHER__HISTORY_DAYS_PER_CALL", "10")
    for month in ("2021-01-01", "2021-02-01"):
        assert backfills.run(AIR, month, month).success
    assert len(waiting_runs(instance)) == 2
    assert backfills.loaded(AIR) == []
    clock.pass_time(hours=2)
    assert len(backfills.tick(run=True)[1]) == 1
    assert backfills.loaded(AIR) == ["2021-01-01"]
    assert [one.first for one in waiting_runs(instance)] == ["2021-01-01", "2021-02-01"], "the first is continued"


def test_it_goes_on_at_once_when_a_person_raises_the_budget(backfills, monkeypatch):
    backfills.run(WEATHER, "2021-01-01", "2021-02-01")
    assert backfills.tick()[1] == []
    monkeypatch.setenv("SOURCES__WEATHER__ONE_CALL__CALLS_PER_DAY", "200")
    assert len(backfills.tick()[1]) == 1


def test_calls_and_money_are_said_before_the_first_call_and_with_the_month(backfills, instance, monkeypatch):
    monkeypatch.setenv("SOURCES__WEATHER__ONE_CALL__CALLS_PER_DAY", "1000")
    monkeypatch.setenv("SOURCES__WEATHER__ONE_CALL__FREE_CALLS_PER_DAY", "0")
    result = backfills.run(WEATHER, "2021-01-01", "2021-01-01")
    (event,) = result.get_asset_materialization_events()
    metadata = {name: value.value for name, value in event.materialization.metadata.items()}
    assert metadata["run_calls_estimated"] == metadata["calls_estimated"] == metadata["requests"] == 38
    assert metadata["run_money_estimated"] == "0.05 GBP"
    said = [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]
    assert "38 calls for 1 place," in said[0]
    assert "0.05 GBP" in said[0]
    backfills.assets = {one.key.path[-1]: one for one in bronze_assets()}
    description = backfills.assets[WEATHER].get_asset_spec(backfills.assets[WEATHER].key).description
    assert "at most 38 calls for the 1 configured place, 0.05 GBP where the 0 free calls" in description
    monkeypatch.setenv("SOURCES__WEATHER__LOCATIONS_FILE", "a file that is not read.csv")
    assert costs_of_partition("weather_history", 38).startswith("at most 38 calls for each place, 0.05 GBP")


def test_the_sensor_is_on_from_the_start():
    assert waiting_backfill_sensor.default_status == DefaultSensorStatus.RUNNING


def add_backfill(instance, backfill_id):
    instance.add_backfill(
        PartitionBackfill(
            backfill_id=backfill_id,
            status=BulkActionStatus.REQUESTED,
            from_failure=False,
            tags={},
            backfill_timestamp=0.0,
        )
    )

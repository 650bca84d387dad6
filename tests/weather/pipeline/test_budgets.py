"""Loads under a budget of calls a day or a month: what they ask first, how they end, and when they go on."""

from __future__ import annotations

import threading
from dataclasses import astuple
from datetime import datetime, timezone

import pytest

from dlt_sources.weather.api import rate_limit
from dlt_sources.weather.budget import stores
from dlt_sources.weather.budget.opening import ledger_file
from dlt_sources.weather.common.errors import BudgetSpentError, DestinationError
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.status.runs import read_unfinished
from tests.helpers.processes import start_worker
from tests.helpers.support import assert_no_duplicates, count, load_accounted, query

PLACES = [f"{number}.0000,{number}.0000" for number in range(4)]
DAY = 86_400_000
BUDGET = "The budget of the subscription plan is "


@pytest.fixture
def wall_clock(monkeypatch, clock):
    """Let the ledger's clock be the test's, in a file and in PostgreSQL; a function sets it again."""

    def follow():
        now = int(clock().timestamp() * 1000)
        monkeypatch.setattr(stores, "wall_clock", lambda: now)
        monkeypatch.setattr(stores, "SERVER_CLOCK", f"{now}::bigint")

    follow()
    return follow


def test_a_load_whose_day_is_spent_asks_snapshots_first_and_goes_on_the_next_day(
    target, settings, clock, wall_clock, simulator
):
    choice = settings(locations=PLACES, resources=["air_pollution", "current_weather"], calls_per_day=6, history_days=1)
    report = load_accounted(target, choice, clock)
    sentence = (
        f"{BUDGET}kept for what cannot be asked for again: 2 of 6 calls a day, calls_per_day. A load after 2026-05-21 "
        "00:00 UTC goes on."
    )
    assert report.error is None
    assert report.rows_rejected == 0
    assert {name: str(error) for name, error in report.budget.items()} == {"air_pollution": sentence}
    assert report.budget["air_pollution"].renewed_at == datetime(2026, 5, 21, tzinfo=timezone.utc)
    assert simulator.stats.calls == 6
    assert count(target, "current_weather") == 4, "what cannot be asked for again comes first"
    runs = query(target, "SELECT resource, status, error FROM load_runs WHERE resource <> 'locations' ORDER BY 1")
    assert runs == [("air_pollution", "partial", sentence), ("current_weather", "ok", None)]

    clock.pass_time(minutes=30)
    wall_clock()
    again = load_accounted(target, choice, clock)
    sentence = f"{BUDGET}spent: 6 of 6 calls a day, calls_per_day. A load after 2026-05-21 00:00 UTC goes on."
    assert {name: str(error) for name, error in again.budget.items()} == dict.fromkeys(choice.resources, sentence)
    assert simulator.stats.calls == 6

    clock.pass_time(hours=12)
    wall_clock()
    choice.calls_per_day = 100
    assert load_accounted(target, choice, clock).budget == {}
    assert query(target, "SELECT location_id, count(*) FROM air_pollution GROUP BY 1 HAVING count(*) < 25") == []
    assert_no_duplicates(target, "air_pollution", "location_id", "dt")


def test_a_backfill_leaves_hourly_loads_what_they_take_for_the_rest_of_the_day(
    duckdb, settings, clock, wall_clock, simulator
):
    clock.pass_time(hours=9)
    wall_clock()
    hourly = settings(locations=PLACES, resources=["current_weather"], calls_per_day=40)
    load_accounted(duckdb, hourly, clock)
    backfill = settings(
        locations=PLACES, resources=["air_pollution"], calls_per_day=40, since="2026-01-01", history_days_per_call=1
    )
    report = load_accounted(duckdb, backfill, clock)
    # 4 now, and 4 in each of the 2 hours that are left of the day
    assert simulator.stats.calls == 40 - 2 * 4
    assert str(report.budget["air_pollution"]) == (
        f"{BUDGET}kept for hourly loads: 32 of 40 calls a day, calls_per_day. A load of the same range after "
        "2026-05-20 22:00 UTC goes on."
    )
    for _ in range(2):
        clock.pass_time(hours=1)
        wall_clock()
        assert load_accounted(duckdb, hourly, clock).budget == {}
    assert simulator.stats.calls == 40


def test_a_range_that_a_budget_ended_is_unfinished_until_a_load_of_the_range_has_asked_the_rest(
    target, settings, clock, wall_clock
):
    def unfinished():
        with target.reader() as reader:
            return [one[1:3] for one in map(astuple, read_unfinished(reader))]

    chosen = {"locations": PLACES, "resources": ["air_pollution"], "history_days_per_call": 1}
    day = {"since": "2026-05-01", "until": "2026-05-01"}
    backfill = settings(**chosen, calls_per_day=6, since="2026-05-10", until="2026-05-12")
    load_accounted(target, backfill, clock)
    ((error,),) = query(target, "SELECT error FROM load_runs WHERE resource = 'air_pollution'")
    assert error == (
        f"{BUDGET}spent: 6 of 6 calls a day, calls_per_day. A load of the same range after 2026-05-21 00:00 UTC goes "
        "on. Calls that are left to ask: 6."
    )
    clock.pass_time(hours=13)
    wall_clock()
    load_accounted(target, settings(**chosen, history_days=1), clock)
    load_accounted(target, settings(**chosen, **day), clock)
    assert unfinished() == [("2026-05-10", "2026-05-12")], "neither an ordinary load nor another range continues it"
    backfill.calls_per_day = None
    load_accounted(target, backfill, clock)
    assert unfinished() == []


def test_a_backfill_in_the_run_of_its_snapshots_has_what_they_leave(duckdb, settings, clock, wall_clock, simulator):  # noqa: ARG001
    choice = settings(
        locations=["Madrid,ES", *PLACES],
        resources=["locations", "current_weather", "air_pollution"],
        since="2026-01-01",
        history_days_per_call=1,
        calls_per_day=90,
    )
    load_accounted(duckdb, choice, clock)
    # a look-up, 5 snapshots, and at most 6 calls in each of the 11 hours that are left of the day
    assert simulator.stats.calls == 90 - 11 * 6


def test_a_share_for_hourly_loads_can_be_configured(duckdb, settings, clock, wall_clock, simulator):  # noqa: ARG001
    choice = settings(
        locations=PLACES,
        resources=["air_pollution"],
        since="2026-01-01",
        history_days_per_call=1,
        calls_per_day=50,
        reserve_for_schedule=30,
    )
    load_accounted(duckdb, choice, clock)
    assert simulator.stats.calls == 20


def test_look_ups_that_the_budget_ends_leave_the_known_places_their_calls(duckdb, settings, clock, wall_clock):  # noqa: ARG001
    choice = settings(
        locations=["Madrid,ES", "Oslo,NO", *PLACES], resources=["locations", "current_weather"], calls_per_day=1
    )
    report = load_accounted(duckdb, choice, clock)
    assert set(report.budget) == {"locations", "current_weather"}
    assert count(duckdb, "locations") == 5
    statuses = query(duckdb, "SELECT DISTINCT status FROM load_runs")
    assert statuses == [("partial",)]


@pytest.mark.process
def test_what_a_killed_load_leased_counts_as_spent(duckdb, settings, clock, simulator):
    choice = settings(locations=PLACES, resources=["current_weather"], calls_per_minute=600, calls_per_day=6)
    killed = start_worker(duckdb, "convert:1", dict(choice), clock())
    killed.join(60)
    report = load_accounted(duckdb, choice, clock)
    assert simulator.stats.calls == 6
    assert set(report.budget) == {"current_weather"}


def test_a_plain_dlt_pipeline_keeps_to_the_budget_and_ends_well(settings, simulator, monkeypatch, tmp_path):
    import dlt  # noqa: PLC0415

    from dlt_sources.weather.extract.resources import resources_of  # noqa: PLC0415

    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "plain.duckdb"))
    choice = settings(locations=PLACES, resources=["current_weather"], calls_per_day=3)
    pipeline = dlt.pipeline("plain", destination="duckdb", dataset_name="bronze")
    for _ in range(2):
        pipeline.run(resources_of(choice), loader_file_format="parquet")
    assert simulator.stats.calls == 3
    assert ledger_file(None).exists()


def test_a_damaged_ledger_ends_the_run_in_a_sentence_that_says_what_to_do(duckdb, settings, clock, simulator):
    choice = settings(locations=PLACES, resources=["current_weather"])
    ledger_file(duckdb).write_bytes(b"no database" * 100)
    report = load(duckdb, choice, now=clock)
    assert isinstance(report.error, DestinationError)
    assert not isinstance(report.error, BudgetSpentError)
    assert "which is damaged (file is not a database), so none are made. Delete it to count from zero" in str(
        report.error
    )
    assert simulator.stats.calls == 0


def test_calls_wait_for_a_server_that_is_restarted_and_the_load_goes_on(own_server, settings, clock, simulator):
    choice = settings(locations=PLACES, resources=["current_weather"], calls_per_minute=240)
    stopped = []

    def restart(metrics):
        if metrics.resource == "current_weather" and not stopped:
            own_server.stop("immediate")
            stopped.append(threading.Timer(1.5, own_server.start))
            stopped[0].start()

    report = load_accounted(Target("postgres"), choice, clock, on_progress=restart)
    stopped[0].join()
    assert report.error is None
    assert simulator.stats.calls == 4
    assert count(Target("postgres"), "current_weather") == 4


def test_a_server_that_stays_away_ends_the_run_in_order_and_keeps_every_answer(
    own_server, settings, clock, simulator, monkeypatch
):
    monkeypatch.setattr(rate_limit, "SECONDS_WITHOUT_BUDGET", 0.5)
    monkeypatch.setattr(rate_limit, "SECONDS_BETWEEN_BUDGET_TRIES", 0.1)
    monkeypatch.setattr("dlt_sources.weather.destination.connection.RECONNECT_SECONDS", 0.5)
    # eight at a time, so that some are left when the server stops
    simulator.latency = 0.3
    places = [f"{number}.0000,{number}.0000" for number in range(40)]
    choice = settings(locations=places, resources=["current_weather"], calls_per_minute=240)
    target = Target("postgres")

    def stop(metrics):
        if metrics.resource == "current_weather" and own_server.is_running:
            own_server.stop("immediate")

    with pytest.raises(DestinationError, match="What was fetched is kept; the next run loads it"):
        load(target, choice, now=clock, on_progress=stop)
    asked = simulator.stats.calls
    assert 0 < asked < len(places)
    simulator.latency = 0
    own_server.start()
    clock.pass_time(minutes=10)
    assert load_accounted(target, choice, clock).error is None
    assert query(target, "SELECT count(*) FROM weather_raw") == [(simulator.stats.calls,)]


def test_the_moment_that_is_named_after_a_clock_was_ahead_is_the_first_at_which_calls_are_made(
    target, settings, clock, wall_clock, caplog
):
    choice = settings(locations=PLACES, resources=["current_weather"], calls_per_day=2)

    def load_after(**time):
        clock.pass_time(**time)
        wall_clock()
        return load(target, choice, now=clock).budget["current_weather"].renewed_at

    load_after(days=40)
    renewed_at = load_after(days=-40)
    assert renewed_at == datetime(2026, 6, 30, tzinfo=timezone.utc)
    assert "Calls are counted up to 2026-06-29 12:00 UTC, later than it is now" in caplog.text
    assert load_after(days=30) == renewed_at
    assert count(target, "current_weather") == 2
    clock.moment = renewed_at
    load_after(seconds=1)
    assert count(target, "current_weather") == 4

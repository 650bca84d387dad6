"""``weather prune``: what goes and what stays, on both databases."""

from datetime import datetime, timezone

import pytest

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.retention.stores import duckdb_store
from tests.helpers.support import count, query
from tests.weather.retention.rows import DAY, HOUR, NOW, dataset, forecasts, hours, issues, pruned

MIDNIGHT = NOW.replace(hour=0, minute=0)


def test_old_forecasts_are_thinned_to_the_issue_hours_and_very_old_ones_dropped(target):
    ancient, old, young = MIDNIGHT - 400 * DAY, MIDNIGHT - 20 * DAY, MIDNIGHT - 13 * DAY
    dataset(target, forecast=forecasts(*hours(ancient, 24), *hours(old, 24), *hours(young, 24)))
    expected = pruned(target, rehearse=True)
    assert {(one.table, one.kind): one.expected for one in expected.pruned} == {
        ("forecast", "dropped"): 48,
        ("forecast", "thinned"): 40,
    }
    assert count(target, "forecast") == 144, "a rehearsal deletes nothing"
    report = pruned(target)
    assert (report.rows, report.error) == (88, None)
    assert issues(target) == [*hours(old, 24, 6), *hours(young, 24)]
    assert pruned(target).rows == 0


def test_a_large_month_is_deleted_in_parts_with_the_same_result(duckdb, monkeypatch):
    monkeypatch.setattr(duckdb_store, "ROWS_AT_ONCE", 7)
    dataset(duckdb, forecast=forecasts(*hours(MIDNIGHT - 20 * DAY, 30)))
    assert pruned(duckdb).rows == 50
    assert issues(duckdb) == hours(MIDNIGHT - 20 * DAY, 30, 6)


def test_of_the_issues_from_one_issue_hour_to_the_next_the_first_of_each_place_remains(target):
    day = MIDNIGHT - 20 * DAY
    rows = forecasts(*hours(day + HOUR, 4), day + 13 * HOUR, day + 14 * HOUR, day + DAY)
    # periods may span midnight and months
    march = datetime(2026, 3, 31, tzinfo=timezone.utc)
    dataset(
        target,
        forecast=rows + forecasts(day + 3 * HOUR, location="oslo,no"),
        forecast_hourly=forecasts(*hours(march, 36)),
    )
    pruned(target)
    assert issues(target) == [day + HOUR, day + 3 * HOUR, day + 13 * HOUR, day + DAY]
    assert count(target, "forecast") == 8
    pruned(target, issue_hours=[18, 6])
    assert issues(target, "forecast_hourly") == [march, *hours(march + 6 * HOUR, 30, 12)]


def run(run_id, resource, days, status="ok", since=None):
    at = NOW - days * DAY
    return {"run_id": run_id, "resource": resource, "status": status, "since": since, "finished_at": at}


def test_each_table_goes_by_its_rule_and_observations_stay(target):
    """One dataset for all of them: a pruning is most of a test's time."""
    old = NOW - 100 * DAY
    raw = [{"location_id": "a", "endpoint": "forecast", "fetched_at": at, "body": "{}"} for at in (old, NOW)]
    rejects = [{"reject_id": str(at), "resource": "forecast", "kind": "row", "rejected_at": at} for at in (old, NOW)]
    ancient = NOW - 4000 * DAY
    observed = ("current_weather", "air_pollution", "weather_history", "one_call_current")
    row = {"location_id": "a", "dt": ancient, "fetched_at": ancient, "_dlt_load_id": "1"}
    runs = [
        run("1", "forecast", 900),
        run("2", "forecast", 800),
        run("3", "air_pollution", 700, "interrupted", "2024-01-01"),
        run("4", "air_pollution", 690, "interrupted", "2020-01-01"),
        run("5", "air_pollution", 680, "ok", "2020-01-01"),
        run("6", "air_pollution", 670, "interrupted", "2019-01-01"),
        run("7", "air_pollution", 1),
    ]
    dataset(
        target,
        weather_raw=raw,
        rejects=rejects,
        load_runs=runs,
        one_call_alerts=[{"location_id": "x", "alert_id": "y"}],
        **{table: [row] for table in observed},
    )
    assert pruned(target, enabled=False).rows == 0
    pruned(target, raw_days=0)
    assert (count(target, "weather_raw"), count(target, "rejects")) == (2, 1)
    kept = [row[0] for row in query(target, "SELECT run_id FROM load_runs ORDER BY 1")]
    assert kept == ["2", "6", "7"], "the newest run of each resource, and the backfill that is not finished"
    assert {count(target, table) for table in (*observed, "one_call_alerts")} == {1}


def test_a_failed_window_of_history_stays_until_it_is_loaded(target):
    start, end = NOW.replace(minute=0) - 300 * DAY, NOW.replace(minute=0) - 300 * DAY + 2 * HOUR
    common = {"kind": "request", "location_id": "a", "rejected_at": NOW - 299 * DAY}
    window = {"window_start": start, "window_end": end}
    air = [{"location_id": "a", "dt": start + number * HOUR} for number in (0, 2)]
    dataset(target, rejects=[{"reject_id": "1", "resource": "air_pollution", **common, **window}], air_pollution=air)
    pruned(target)
    assert count(target, "rejects") == 1, "an hour is missing"
    query(target, "INSERT INTO bronze.air_pollution (location_id, dt) VALUES ('a', %s)", start + HOUR)
    pruned(target)
    assert count(target, "rejects") == 0


def test_a_destination_without_deletes_is_refused_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    with pytest.raises(ConfigurationError, match=r"DuckDB and PostgreSQL only.*nothing was deleted"):
        pruned(Target("filesystem"))

"""``weather prune``: what goes and what stays, on both databases."""

from datetime import datetime, timezone

import pytest

from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.destination.target import Target
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


def test_where_an_issue_hour_failed_or_was_not_scheduled_the_first_later_issue_remains(target):
    day = MIDNIGHT - 20 * DAY
    rows = forecasts(*hours(day + HOUR, 4), day + 13 * HOUR, day + 14 * HOUR, day + DAY)
    dataset(target, forecast=rows + forecasts(day + 3 * HOUR, location="oslo,no"))
    pruned(target)
    assert issues(target) == [day + HOUR, day + 3 * HOUR, day + 13 * HOUR, day + DAY]
    assert count(target, "forecast") == 8


def test_periods_of_issue_hours_may_span_midnight_and_months(target):
    begin = datetime(2026, 3, 31, 18, tzinfo=timezone.utc)
    dataset(target, forecast=forecasts(*hours(begin, 36)))
    pruned(target, issue_hours=[18, 6])
    assert issues(target) == hours(begin, 36, 12)


def test_observations_and_history_are_never_deleted(target):
    old = NOW - 4000 * DAY
    row = {"location_id": "madrid,es", "dt": old, "fetched_at": old, "_dlt_load_id": "1"}
    tables = ("current_weather", "air_pollution", "weather_history", "one_call_current")
    dataset(target, **{table: [row] for table in tables}, one_call_alerts=[{"location_id": "x", "alert_id": "y"}])
    assert pruned(target, forecast_days=7, thin_after_days=3).rows == 0
    assert {count(target, table) for table in tables} == {1}
    assert count(target, "one_call_alerts") == 1


def test_raw_answers_rejects_and_runs_go_by_age_and_zero_days_keep_them(target):
    old = NOW - 100 * DAY
    raw = [{"location_id": "a", "endpoint": "forecast", "fetched_at": at, "body": "{}"} for at in (old, NOW)]
    rejects = [{"reject_id": str(at), "resource": "forecast", "kind": "row", "rejected_at": at} for at in (old, NOW)]
    dataset(target, weather_raw=raw, rejects=rejects)
    pruned(target, raw_days=0)
    assert (count(target, "weather_raw"), count(target, "rejects")) == (2, 1)
    pruned(target)
    assert count(target, "weather_raw") == 1


def test_disabled_retention_deletes_nothing(target):
    dataset(target, forecast=forecasts(NOW - 1000 * DAY))
    assert pruned(target, enabled=False).rows == 0
    assert count(target, "forecast") == 2


def test_the_newest_run_of_a_resource_and_unfinished_backfills_stay(target):
    def run(run_id, resource, days, status="ok", since=None):
        at = NOW - days * DAY
        return {"run_id": run_id, "resource": resource, "status": status, "since": since, "finished_at": at}

    dataset(
        target,
        load_runs=[
            run("1", "forecast", 900),
            run("2", "forecast", 800),
            run("3", "air_pollution", 700, "interrupted", "2024-01-01"),
            run("4", "air_pollution", 690, "interrupted", "2020-01-01"),
            run("5", "air_pollution", 680, "ok", "2020-01-01"),
            run("6", "air_pollution", 670, "interrupted", "2019-01-01"),
            run("7", "air_pollution", 1),
        ],
    )
    pruned(target)
    assert [row[0] for row in query(target, "SELECT run_id FROM load_runs ORDER BY 1")] == ["2", "6", "7"]


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

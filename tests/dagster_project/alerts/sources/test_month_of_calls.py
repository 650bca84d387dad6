"""80 % of the month's calls: told once a month, however many loads run after it."""

from datetime import datetime, timezone

from dlt_sources.weather.status.budget import BudgetStatus


def test_it_is_told_once_and_ends_with_the_month(run_job, duckdb, receiver, to, ticks, monkeypatch):  # noqa: PLR0917
    to(receiver.url)
    used = []
    end = datetime(2026, 6, 1, tzinfo=timezone.utc)
    monkeypatch.setattr(
        "dagster_project.reports.assets.read_budget",
        lambda *_: [BudgetStatus("one_call", "month", used[-1], 1000, 1000 - used[-1], 0, end)],
    )
    for number in (850, 930, 1000):
        used.append(number)
        outcome = run_job(duckdb, "reports/load_runs")
        assert outcome.success
        ticks(hours=1)
    assert receiver.titles == ["Warning: check month_of_one_call_lasts of reports/load_runs warns"]
    assert "850 of the 1,000 calls that One Call has for the month are used" in receiver.got[0]["message"]
    assert "`weather plan` says what" in receiver.got[0]["message"]
    used.append(3)
    assert run_job(duckdb, "reports/load_runs").success
    ticks(hours=1)
    assert receiver.titles[1:] == ["Recovered: check month_of_one_call_lasts of reports/load_runs warns"]

"""What ``status`` says of the calls that are used and left."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from dlt_sources.weather.budget import reading, stores
from dlt_sources.weather.status.budget import BudgetStatus, read_budget
from tests.helpers.command import run
from tests.helpers.support import load_accounted

PLACES = [f"{number}.0000,{number}.0000" for number in range(3)]
TOMORROW, NEXT_MONTH = (datetime(2026, *date, tzinfo=timezone.utc) for date in ((5, 21), (6, 1)))


@pytest.fixture
def at_noon(monkeypatch, clock):
    """Let the ledger's clock stand at the test's moment."""
    now = int(clock().timestamp() * 1000)
    for module in (stores, reading):
        monkeypatch.setattr(module, "wall_clock", lambda: now)
        monkeypatch.setattr(module, "SERVER_CLOCK", f"{now}::bigint")


def test_calls_of_the_day_and_the_month_are_told_with_what_is_left(target, settings, clock, at_noon):  # noqa: ARG001
    choice = settings(locations=PLACES, resources=["current_weather"], calls_per_day=100, calls_per_month=5000)
    assert [(one.used, one.left) for one in read_budget(target, choice)] == [(0, 100), (0, 5000)]
    load_accounted(target, choice, clock)
    # 3 in each of the 11 hours that are left today, and 72 in each of the 11 days that are left of the month
    assert read_budget(target, choice) == [
        BudgetStatus("free", "day", 3, 100, 97, 97 - 33, TOMORROW),
        BudgetStatus("free", "month", 3, 5000, 4997, 4997 - 33 - 11 * 72, NEXT_MONTH),
    ]


def test_without_a_key_the_calls_of_every_key_are_told(target, settings, clock, at_noon):  # noqa: ARG001
    for key in ("e" * 32, "f" * 32):
        load_accounted(target, settings(locations=PLACES, resources=["current_weather"], api_key=key), clock)
    choice = settings(resources=["current_weather"])
    choice.api_key = None
    (day, _) = read_budget(target, choice)
    assert day.used == 6


def test_calls_that_cost_money_are_told_with_their_cost(duckdb, settings, clock, at_noon, simulator):  # noqa: ARG001
    simulator.one_call_keys = "all"
    choice = settings(locations=PLACES, resources=["one_call"])
    choice.one_call.free_calls_per_day = 1
    choice.one_call.money_per_month = 1.2
    load_accounted(duckdb, choice, clock)
    found = {one.period: one for one in read_budget(duckdb, choice) if one.product == "one_call"}
    assert (found["month"].used, found["month"].money, found["month"].currency) == (3, pytest.approx(0.0024), "GBP")
    assert (found["money"].used, found["money"].limit, found["money"].left) == (2, 1000, 998)
    assert found["day"].share == 0.003


def test_the_command_line_says_that_only_the_same_range_goes_on_with_a_backfill(duckdb, api, monkeypatch):  # noqa: ARG001
    monkeypatch.setenv("SOURCES__WEATHER__CALLS_PER_DAY", "2")
    places = [option for place in PLACES for option in ("--location", place)]
    loaded = run("--resources", "air_pollution", "--since", "2026-01-01", "--until", "2026-01-02", *places, api=api)
    assert loaded.code == 0
    assert "The range is not complete: 1 call left to ask. Run the same command then, with the same" in loaded.err
    status = run("status", *places, api=api)
    assert "The backfill of air_pollution from 2026-01-01 until 2026-01-02 is not finished" in status.out
    check = run("status", "--check", *places, api=api)
    assert "backfill" not in check.err


def test_the_command_line_ends_well_and_says_when_a_spent_budget_goes_on(duckdb, api, monkeypatch):  # noqa: ARG001
    monkeypatch.setenv("SOURCES__WEATHER__CALLS_PER_DAY", "2")
    places = [option for place in PLACES for option in ("--location", place)]
    loaded = run("--resources", "current_weather", *places, api=api)
    assert loaded.code == 0
    sentence = (
        "current_weather: The budget of the subscription plan is spent: 2 of 2 calls a day, calls_per_day. A load"
    )
    assert sentence in loaded.err
    status = run("status", *places, api=api)
    assert status.code == 0
    (row,) = [line.split() for line in status.out.splitlines() if line.startswith("of the plan today")]
    assert row[4:8] == ["2", "2", "0", "0"]

"""Calls and money by schedule and by backfill, by arithmetic and as the command says them."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest

from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.common.subscription_plans import CallLimits
from dlt_sources.weather.pipeline.load import load
from dlt_sources.weather.pipeline.plan import plan
from dlt_sources.weather.pipeline.plan.costs import ScheduleCosts, Used, backfill_costs
from dlt_sources.weather.pipeline.plan.pace import Pace, calls_of, pace_of
from dlt_sources.weather.pipeline.plan.sentences import (
    backfill_said,
    excess_said,
    refresh_said,
    schedule_said,
    turns_said,
    used_said,
)

NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)
HOURLY = Pace(1, 24, 744)
ONE_CALL = CallLimits(60, 1_000, None, 1_000, None)
MADRID, OSLO = "40.4,-3.7", "59.9139,10.7522"


def costs(limits: CallLimits, a_day: int = 0) -> ScheduleCosts:
    """A schedule of One Call that takes so many calls a day."""
    return ScheduleCosts("one_call", Pace(0, a_day, a_day * 31), limits, 0.0012, "GBP")


@pytest.mark.parametrize(
    ("schedule", "pace"),
    [
        ("0 * * * *", (1, 24, 744)),
        ("0 */2 * * *", (1, 12, 372)),
        ("5,35 * * * *", (2, 48, 1488)),
        ("0 6 * * *", (1, 1, 31)),
        ("0 6 * * 1", (1, 1, 4)),
        ("0 6-8 1 * *", (1, 3, 3)),
    ],
)
def test_the_loads_of_a_schedule_are_counted(schedule, pace):
    assert pace_of(schedule, NOW) == pace


@pytest.mark.parametrize(
    ("resource", "loads", "calls"),
    [
        ("forecast", HOURLY, (5, 120, 3720)),
        ("air_pollution", HOURLY, (5, 120, 3720)),
        ("air_pollution", Pace(4, 96, 2976), (5, 120, 3720)),
        # a page an hour, and one each 20 hours for revisions
        ("weather_history", HOURLY, (5, 126, 3906)),
        ("weather_history", Pace(1, 1, 31), (10, 16, 496)),
        ("weather_history_daily", HOURLY, (0, 5, 155)),
        ("weather_history_daily", Pace(1, 1, 2), (0, 10, 20)),
    ],
)
def test_history_by_the_schedule_takes_a_page_for_what_is_new(resource, loads, calls):
    assert calls_of(BY_NAME[resource], loads, 5, 5) == calls


def test_a_backfill_takes_the_days_that_the_schedule_leaves_it():
    found = backfill_costs(costs(ONE_CALL, 480), 4_380, date(2026, 5, 20))
    assert (found.a_day, found.days, found.ends_on, found.money) == (520, 9, date(2026, 5, 28), 0.0)


def test_calls_beyond_the_free_ones_of_their_day_cost_money():
    found = backfill_costs(costs(ONE_CALL._replace(per_day=2_000), 500), 3_500, date(2026, 5, 20))
    assert (found.days, found.paid) == (3, 2_000)
    assert found.money == pytest.approx(2.4)


def test_the_money_of_a_month_is_spent_then_free_calls_remain_until_the_next():
    limits = ONE_CALL._replace(per_day=5_000, paid_per_month=6_000)
    found = backfill_costs(costs(limits), 5_000 + 3_000 + 10 * 1_000, date(2026, 5, 20))
    assert (found.days, found.paid, found.ends_on) == (12, 6_000, date(2026, 5, 31))
    assert backfill_costs(costs(limits), 19_000, date(2026, 5, 20)).ends_on == date(2026, 6, 1)


@pytest.mark.parametrize("limits", [(None, 41_666), (72_666, None)], ids=["money_per_month", "calls_per_month"])
def test_a_month_leaves_the_schedule_the_rest_of_its_days(limits):
    per_month, paid_per_month = limits
    # 331 paid calls a day: November leaves 40,011, December and January 31,405 each
    one_call = CallLimits(60, 100_000, None, 1_000, paid_per_month)
    free = CallLimits(60, 100_000, per_month, None, None)
    limited, name = (one_call, "money_per_month") if paid_per_month else (free, "calls_per_month")
    found = backfill_costs(costs(limited, 1_331), 113_735, date(2026, 11, 26))
    assert found.limited_by == (name,)
    assert found.ends_on == (date(2027, 2, 1) if paid_per_month else date(2027, 1, 1))


def test_what_is_used_already_counts():
    used = Used(today=900, this_month=900)
    assert backfill_costs(costs(ONE_CALL), 1_100, date(2026, 5, 20), used=used).days == 2
    limits = ONE_CALL._replace(per_month=1_000)
    assert backfill_costs(costs(limits), 200, date(2026, 5, 31), used=used).ends_on == date(2026, 6, 1)


def test_a_reserve_of_the_user_wins_over_the_schedules_needs():
    assert backfill_costs(costs(ONE_CALL, 480), 1_000, date(2026, 5, 20), reserve=0).days == 1


def test_a_schedule_that_takes_the_whole_budget_leaves_no_day_for_history():
    assert backfill_costs(costs(ONE_CALL, 1_000), 1, date(2026, 5, 20)).days is None


@pytest.fixture
def planned(duckdb, settings, clock):
    usual = {"calls_per_minute": None, "chunk_seconds": 900}
    return lambda **given: plan(duckdb, settings(**(usual | given)), clock())


def test_the_calls_of_the_schedule_are_said_by_hour_day_and_month(planned):
    found = planned(locations=[f"{n},{n}" for n in range(5)])
    assert schedule_said(found) == ["5 locations hourly: 20 calls an hour, 480 a day, 14,880 a month of 1,000,000."]
    assert (backfill_said(found), excess_said(found)) == ([], [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ["120 minutes"]),
        ({"plan": "developer"}, []),
        ({"plan": "developer", "schedule": "*/30 * * * *"}, ["60 minutes"]),
        ({"schedule": "0 */2 * * *"}, []),
        # rows of history and those of One Call do not follow the plan
        ({"resources": ["air_pollution", "one_call_current"]}, []),
    ],
)
def test_a_schedule_faster_than_the_data_of_the_plan_is_said(planned, given, said):
    found = refresh_said(planned(locations=[MADRID], **given))
    assert [sentence.split("every ")[1].split(";")[0] for sentence in found] == said


def test_one_call_is_said_apart_with_its_money(planned):
    chosen = ["forecast", "one_call_current", "weather_history_daily"]
    found = planned(resources=chosen, locations=[MADRID, OSLO], schedule="0 */2 * * *")
    assert schedule_said(found) == [
        "2 locations 12 times a day: 2 calls an hour, 24 a day, 744 a month of 1,000,000.",
        "One Call, 2 locations 12 times a day: 2 calls an hour, 26 a day of 1,000, 806 a month, all within the free "
        "1,000 a day.",
    ]
    one_call = {"calls_per_day": 2_000, "free_calls_per_day": 10, "money_per_month": 0.5}
    found = planned(resources=chosen, locations=[MADRID, OSLO], schedule="0 */2 * * *", one_call=one_call)
    assert schedule_said(found)[1].endswith("; beyond the free 10 a day, 0.02 GBP a day and 0.60 GBP a month.")
    (said,) = excess_said(found)
    assert said.startswith("The schedule costs 0.60 GBP a month, and money_per_month under [sources.weather.one_call]")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"calls_per_day": 100},
            "The schedule needs 192 calls a day, and calls_per_day under [sources.weather] is 100",
        ),
        ({"calls_per_month": 2_000}, "The schedule needs 5,952 calls a month, and calls_per_month under"),
        (
            {"schedule": "* * * * *", "calls_per_minute": 1},
            "The schedule needs 362 calls an hour, and calls_per_minute",
        ),
    ],
)
def test_what_exceeds_a_budget_is_said(planned, given, said):
    found = excess_said(planned(locations=[MADRID, OSLO], **given))
    assert found[0].startswith(said)


def test_a_backfill_says_calls_money_and_days(planned):
    one_call = {"calls_per_day": 100, "free_calls_per_day": 40}
    found = planned(
        resources=["weather_history_daily"], locations=[MADRID, OSLO], since="2016-05-20", one_call=one_call
    )
    assert backfill_said(found) == [
        "History of One Call: 732 calls, 0.51 GBP, on 8 days of about 98 calls beside the schedule, until 2026-05-27."
    ]
    assert found.money == pytest.approx(428 * 0.0012)
    free = planned(resources=["weather_history_daily"], locations=[MADRID, OSLO], since="2016-05-20")
    assert backfill_said(free) == ["History of One Call: 732 calls, all of them free, within the budget of a day."]
    assert planned(locations=[MADRID], resources=["weather_history"], history_days=2).backfill == ()


def test_a_backfill_by_command_of_several_packages_says_when_other_loads_go_in_between(planned):
    year = {"resources": ["weather_history"], "locations": [MADRID, OSLO], "since": "2025-05-20"}
    found = planned(**year, chunk_seconds=300)
    assert backfill_said(found)[0].startswith("History of One Call: 878 calls")
    assert turns_said(found) == [
        "Such a load takes about 0:14:00; other loads go first between its packages, after 300 seconds at most "
        "(chunk_seconds)."
    ]
    assert turns_said(planned(**year)) == []


def test_what_limits_a_backfill_over_months_is_said(planned):
    one_call = {"calls_per_day": 1_000, "calls_per_month": 1_500}
    found = planned(resources=["weather_history"], locations=[MADRID], since="1979-01-01", one_call=one_call)
    assert ", limited by calls_per_day and calls_per_month beside the schedule." in backfill_said(found)[0]


def test_what_the_ledger_has_counted_is_said_and_leaves_less_for_history(duckdb, settings):
    load(duckdb, settings(resources=["current_weather"], locations=[MADRID]))
    found = plan(duckdb, settings(resources=["current_weather"], locations=[MADRID]))
    assert used_said(found) == ["Used so far: 1 today, 1 of 1,000,000 this month."]
    used = Used(today=999, this_month=999, left_today=1)
    assert backfill_costs(costs(ONE_CALL), 1_001, date(2026, 5, 20), used=used).days == 2


def test_warnings_are_told_by_the_rows_of_the_load_where_it_has_any(planned):
    alone, beside = (
        planned(locations=[MADRID], resources=["one_call_alerts", *more]) for more in ([], ["one_call_current"])
    )
    assert (alone.calls, beside.calls) == (1, 1)
    assert schedule_said(alone)[-1].startswith("The text of each new warning is one more call")

"""The month's calls: a warning at 80 %, once a month, per product."""

from datetime import datetime, timezone

import pytest

from dagster_project.checks.load_report.budget import month_lasts
from dlt_sources.weather.status.budget import BudgetStatus


def used(product, period, number, limit):
    return BudgetStatus(product, period, number, limit, None, None, datetime(2027, 1, 1, tzinfo=timezone.utc))


@pytest.mark.parametrize(("number", "passed"), [(0, True), (799, True), (800, False), (1000, False), (1200, False)])
def test_it_warns_from_80_percent_on(number, passed):
    budget = [used("free", "month", 5, 1000), used("one_call", "day", 99, 100), used("one_call", "month", number, 1000)]
    assert month_lasts("one_call", budget).passed == passed
    assert month_lasts("free", budget).passed


def test_it_names_the_limit_that_ends_first_and_when_there_are_new_calls():
    budget = [used("one_call", "month", 900, 1000), used("one_call", "money", 190, 200)]
    result = month_lasts("one_call", budget)
    assert result.description == (
        "190 of the 200 calls that cost money that One Call has for the month are used; new ones come on 2027-01-01."
    )
    assert result.figures == {"used": 190, "limit": 200}


def test_without_a_limit_there_is_nothing_to_warn_of():
    assert month_lasts("free", [used("free", "month", 10**9, None)]).passed

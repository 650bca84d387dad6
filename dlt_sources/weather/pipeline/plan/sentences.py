"""Sentences about calls and money: of the schedule, of a backfill, and about what exceeds a budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from dlt_sources.weather.api.endpoints import ALERTS
from dlt_sources.weather.common.clock import DAY
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.pipeline.plan.calls import Plan
from dlt_sources.weather.pipeline.plan.costs import BackfillCosts, ScheduleCosts
from dlt_sources.weather.pipeline.plan.pace import DAYS, Pace
from dlt_sources.weather.status.budget import BudgetStatus

_SETTINGS: dict[Product, str] = {"free": "[sources.weather]", "one_call": "[sources.weather.one_call]"}
_LESS = "Load less often (schedule), leave places or resources out, or raise the budget if you have the calls."


def schedule_said(plan: Plan) -> list[str]:
    """Return the calls and the money of the schedule, a sentence a product."""
    found = [_schedule(costs, plan) for costs in plan.schedule if costs.calls.a_month]
    if any(step.resource == ALERTS for step in plan.steps):
        found.append("The text of each new warning is one more call of One Call, however many locations it names.")
    return found


def refresh_said(plan: Plan) -> list[str]:
    """Return a sentence if the schedule loads more often than data of the plan are said to change."""
    asked = any(step.product == "free" and step.by_schedule.a_day and not step.is_history for step in plan.steps)
    if not asked or plan.loads.a_day * plan.refresh_minutes <= DAY // timedelta(minutes=1):
        return []
    return [
        f"By OpenWeather's price page, data of this plan change every {plan.refresh_minutes} minutes; weather status "
        "shows after a day how many answers repeated the one before."
    ]


def backfill_said(plan: Plan) -> list[str]:
    """Return the calls, the money and the days of history that is to be loaded, a sentence a product."""
    return [_backfill(costs) for costs in plan.backfill]


def turns_said(plan: Plan) -> list[str]:
    """Return a sentence if the calls of a day take longer than a load package: then other loads go in between."""
    minutes = max((costs.most_at_once // plan.per_minute(costs.product) for costs in plan.backfill), default=0)
    if minutes * 60 <= plan.package_seconds:
        return []
    return [
        f"Such a load takes about {timedelta(minutes=minutes)}; other loads go first between its packages, after "
        f"{plan.package_seconds:,.0f} seconds at most (chunk_seconds)."
    ]


def excess_said(plan: Plan) -> list[str]:
    """Return a sentence about each budget that does not suffice."""
    return [sentence for costs in plan.schedule for sentence in _excess(costs)] + [
        f"The budget leaves no calls for history{_of(costs.product)} beside the schedule, or so few that it takes "
        f"decades. {_LESS}"
        for costs in plan.backfill
        if costs.days is None
    ]


def used_said(plan: Plan) -> list[str]:
    """Return the calls that the present day and month have had, a sentence a product, if there are any."""
    return [
        f"Used so far{_of(day.product)}: {day.used:,}{_most(day)} today, {month.used:,}{_most(month)} this month"
        f"{'' if month.money is None else f', {money_said(month.money, month.currency)}'}."
        for day, month in pairwise(one for one in plan.budgets if one.period != "money")
        if day.product == month.product and month.used
    ]


def _most(budget: BudgetStatus) -> str:
    return "" if budget.limit is None else f" of {budget.limit:,}"


def money_said(money: float, currency: str) -> str:
    """Return an amount of money: "4.80 GBP"."""
    return f"{money:,.2f} {currency}"


def _schedule(costs: ScheduleCosts, plan: Plan) -> str:
    calls, limits = costs.calls, costs.limits
    product = "One Call, " if costs.product == "one_call" else ""
    most_a_day = f" of {limits.per_day:,}" if limits.per_day else ""
    most_a_month = f" of {limits.per_month:,}" if limits.per_month else ""
    day, month = f"a day{most_a_day}", f"{calls.a_month:,} a month{most_a_month}"
    parts = [f"{_calls(calls.an_hour)} an hour", f"{calls.a_day:,} {day}"] if calls.an_hour else []
    parts = [*(parts or [f"{_calls(calls.a_day)} {day}"]), month]
    return f"{product}{_places(plan)} {_frequency(plan.loads)}: {', '.join(parts)}{_money(costs)}."


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number:,} calls"


def _places(plan: Plan) -> str:
    number = plan.locations + plan.to_resolve
    return "1 location" if number == 1 else f"{number:,} locations"


def _frequency(loads: Pace) -> str:
    if (loads.an_hour, loads.a_day) == (1, 24):
        return "hourly"
    if loads.a_month == loads.a_day * DAYS:
        return "once a day" if loads.a_day == 1 else f"{loads.a_day:,} times a day"
    return f"{loads.a_month:,} times a month"


def _money(costs: ScheduleCosts) -> str:
    if costs.limits.free_per_day is None:
        return ""
    if not costs.paid_a_day:
        return f", all within the free {costs.limits.free_per_day:,} a day"
    return (
        f"; beyond the free {costs.limits.free_per_day:,} a day, {money_said(costs.money_a_day, costs.currency)} a day "
        f"and {money_said(costs.money_a_month, costs.currency)} a month"
    )


def _excess(costs: ScheduleCosts) -> Iterator[str]:
    calls, limits, section = costs.calls, costs.limits, _SETTINGS[costs.product]
    of = _of(costs.product)
    if calls.an_hour > limits.per_minute * 60:
        yield (
            f"The schedule needs {calls.an_hour:,} calls{of} an hour, and calls_per_minute of {limits.per_minute:,} "
            f"allows {limits.per_minute * 60:,}. {_LESS}"
        )
    if limits.per_day is not None and calls.a_day > limits.per_day:
        yield (
            f"The schedule needs {calls.a_day:,} calls{of} a day, and calls_per_day under {section} is "
            f"{limits.per_day:,}: it is spent before midnight UTC, and the rest of the day gets no rows. {_LESS}"
        )
    if limits.per_month is not None and calls.a_month > limits.per_month:
        yield (
            f"The schedule needs {calls.a_month:,} calls{of} a month, and calls_per_month under {section}, or of the "
            f"plan, is {limits.per_month:,}: spent after {limits.per_month * DAYS // calls.a_month} days. {_LESS}"
        )
    if limits.paid_per_month is not None and costs.paid_a_month > limits.paid_per_month:
        budget = money_said(limits.paid_per_month * costs.price, costs.currency)
        yield (
            f"The schedule costs {money_said(costs.money_a_month, costs.currency)} a month, and money_per_month under "
            f"{section} allows {budget}: then the free calls of each day remain. {_LESS}"
        )


def _backfill(costs: BackfillCosts) -> str:
    text = f"History{_of(costs.product)}: {_calls(costs.calls)}"
    if costs.product == "one_call":
        text += f", {money_said(costs.money, costs.currency)}" if costs.paid else ", all of them free"
    if costs.days is None:
        return f"{text}."
    if costs.days <= 1:
        return f"{text}, within the budget of a day."
    end = f"until {costs.ends_on:%Y-%m-%d}"
    if costs.limited_by != ("calls_per_day",):
        return f"{text}, {end}, limited by {' and '.join(costs.limited_by)} beside the schedule."
    # the reserve for the schedule is estimated from what it has asked so far
    rest = "" if costs.a_day is None else f" of about {costs.a_day:,} calls beside the schedule"
    return f"{text}, on {costs.days:,} days{rest}, {end}."


def _of(product: Product) -> str:
    return " of One Call" if product == "one_call" else ""

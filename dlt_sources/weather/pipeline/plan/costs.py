"""Calls and money of a schedule and of a backfill, under the budget of a product. Pure arithmetic."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from dlt_sources.weather.common.subscription_plans import CallLimits, OneCallSettings, Product
from dlt_sources.weather.pipeline.plan.pace import DAYS, Pace

# a backfill that takes longer is told to take forever
MOST_DAYS = 366 * 20


class ScheduleCosts(NamedTuple):
    """The calls of one product by the schedule.

    Attributes:
        product: the product.
        calls: calls in the busiest hour, on the busiest day, in a month of 31 days.
        limits: limits on the product's calls.
        price: money for a call beyond the free ones of a day.
        currency: its currency.
    """

    product: Product
    calls: Pace
    limits: CallLimits
    price: float
    currency: str

    @property
    def paid_a_day(self) -> int:
        """Calls of a day that cost money."""
        return max(0, self.calls.a_day - self.limits.free_per_day) if self.limits.free_per_day is not None else 0

    @property
    def paid_a_month(self) -> int:
        """Calls of a month that cost money."""
        busy_days = min(DAYS, -(-self.calls.a_month // self.calls.a_day)) if self.calls.a_day else 0
        return self.paid_a_day * busy_days

    @property
    def money_a_day(self) -> float:
        """Money for the calls of a day."""
        return self.paid_a_day * self.price

    @property
    def money_a_month(self) -> float:
        """Money for the calls of a month."""
        return self.paid_a_month * self.price


class BackfillCosts(NamedTuple):
    """The calls of one product for history, beside the schedule.

    Attributes:
        product: the product.
        calls: all calls.
        a_day: most calls of a day that the budget leaves for history; None if days have no limit.
        days: days that the calls take, today included; None if the budget never suffices.
        ends_on: the last of them, UTC.
        limited_by: settings that leave a day less than is asked for, the first to do so first.
        most_at_once: calls of the day that has most.
        paid: calls that cost money.
        money: their price.
        currency: its currency.
    """

    product: Product
    calls: int
    a_day: int | None
    days: int | None
    ends_on: date | None
    limited_by: tuple[str, ...]
    most_at_once: int
    paid: int
    money: float
    currency: str


class Used(NamedTuple):
    """Calls of the present day and month, and what the day's budget leaves to history now, if that is known."""

    today: int = 0
    this_month: int = 0
    paid_this_month: int = 0
    left_today: int | None = None


NONE_USED = Used()


def backfill_costs(
    schedule: ScheduleCosts, calls: int, first_day: date, reserve: int | None = None, used: Used = NONE_USED
) -> BackfillCosts:
    """Return what a backfill costs, day after day, of what the schedule leaves.

    Args:
        schedule: the product's calls by the schedule.
        calls: calls of the backfill.
        first_day: the first day, UTC.
        reserve: calls of a day that are kept for the schedule; None for as many as it needs.
        used: calls made before.
    """
    limits, kept = schedule.limits, schedule.calls.a_day if reserve is None else reserve
    room = None if limits.per_day is None else max(0, limits.per_day - kept)
    left, paid, day, most = calls, 0, 0, 0
    limited_by: dict[str, None] = {}
    in_month, paid_in_month = used.this_month, used.paid_this_month
    while left > 0 and day < MOST_DAYS:
        present = first_day + timedelta(days=day)
        if day and present.day == 1:
            in_month = paid_in_month = 0
        month = NONE_USED._replace(this_month=in_month, paid_this_month=paid_in_month)
        today = used._replace(this_month=in_month, paid_this_month=paid_in_month) if day == 0 else month
        days_after = monthrange(present.year, present.month)[1] - present.day
        rooms = _rooms(limits, kept, today, days_after)
        setting = min(rooms, key=rooms.__getitem__, default=None)
        asked = left if setting is None else max(0, min(left, rooms[setting]))
        if setting is not None and asked < left:
            limited_by[setting] = None
        beyond = _beyond(limits, kept + asked) - _beyond(limits, kept)
        in_month += kept + asked
        paid_in_month += _beyond(limits, kept + asked)
        paid, left, day, most = paid + beyond, left - asked, day + 1, max(most, asked)
    return BackfillCosts(
        product=schedule.product,
        calls=calls,
        a_day=room,
        days=None if left else day,
        ends_on=None if left else first_day + timedelta(days=max(day - 1, 0)),
        limited_by=tuple(limited_by),
        most_at_once=most,
        paid=paid,
        money=paid * schedule.price,
        currency=schedule.currency,
    )


def _rooms(limits: CallLimits, kept: int, used: Used, days_after: int) -> dict[str, int]:
    """Return the calls that each limit leaves a day for a backfill, by the setting that limits them.

    Args:
        limits: the limits.
        kept: calls of each day that the schedule takes.
        used: calls of the day and the month before.
        days_after: days of the month after this one, of which the schedule has its calls too, as in the ledger.
    """
    found = {}
    if used.left_today is not None:
        found["calls_per_day"] = used.left_today
    elif limits.per_day is not None:
        found["calls_per_day"] = limits.per_day - max(kept, used.today)
    if limits.per_month is not None:
        found["calls_per_month"] = limits.per_month - used.this_month - kept * (1 + days_after)
    if limits.paid_per_month is not None and limits.free_per_day is not None:
        free = max(0, limits.free_per_day - max(kept, used.today))
        of_schedule = _beyond(limits, kept) * (1 + days_after)
        found["money_per_month"] = free + max(0, limits.paid_per_month - used.paid_this_month - of_schedule)
    return found


def _beyond(limits: CallLimits, calls: int) -> int:
    """Return the calls of a day that cost money."""
    return max(0, calls - limits.free_per_day) if limits.free_per_day is not None else 0


def schedule_costs(
    calls: Mapping[Product, Pace], limits: Mapping[Product, CallLimits], one_call: OneCallSettings
) -> tuple[ScheduleCosts, ...]:
    """Return the costs of each product that the schedule asks.

    Args:
        calls: the schedule's calls by product.
        limits: limits by product.
        one_call: price and currency of One Call; other calls cost nothing beyond the plan.
    """
    return tuple(
        ScheduleCosts(
            product,
            pace,
            limits[product],
            one_call.price_per_call if product == "one_call" else 0.0,
            one_call.currency,
        )
        for product, pace in calls.items()
    )

"""Decision whether more calls may be made: from what is counted, the limits, and what is left to more urgent calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from dlt_sources.weather.api.rate_limit import PURPOSES, Lane, Purpose
from dlt_sources.weather.budget.calendar import DAY, HOUR, as_datetime, floor, month_begin, month_end
from dlt_sources.weather.budget.reserve import Reserve, configured, scheduled
from dlt_sources.weather.common.errors import BudgetSpentError
from dlt_sources.weather.common.subscription_plans import CallLimits, Product

Period = Literal["day", "month", "money"]
# begin of the sentence about a spent budget, in load_runs too
BUDGET_OF = "The budget of "
TITLES: dict[Product, str] = {"free": "the subscription plan", "one_call": "One Call"}
_SETTINGS: dict[tuple[Product, Period], str] = {
    ("free", "day"): "calls_per_day",
    ("free", "month"): "calls_per_month",
    ("one_call", "day"): "one_call.calls_per_day",
    ("one_call", "month"): "one_call.calls_per_month",
    ("one_call", "money"): "one_call.money_per_month",
}


class Counts(NamedTuple):
    """Calls of one product that are counted at a moment.

    A call with a later date than the moment, from a clock that was ahead, counts as one of the present day and month.

    Attributes:
        now: the moment.
        days: calls of each day from the first of the month on, by the beginning of the day.
        hours: calls of each purpose in the last days, by the beginning of the hour.
    """

    now: int
    days: Mapping[int, int]
    hours: Mapping[Purpose, Mapping[int, int]]

    @property
    def today(self) -> int:
        """Calls of the present day."""
        day = floor(self.now, DAY)
        return sum(calls for begin, calls in self.days.items() if begin >= day)

    @property
    def month(self) -> int:
        """Calls of the present month."""
        return sum(self.days.values())

    def paid(self, free_per_day: int) -> int:
        """Return the calls of the present month beyond the free ones of their day."""
        return sum(max(0, calls - free_per_day) for calls in self.days.values())

    @property
    def days_left(self) -> int:
        """Whole days of the month after the present one."""
        return (month_end(self.now) - floor(self.now, DAY)) // DAY - 1

    def later(self) -> Iterator[Counts]:
        """Yield the counts at each beginning of a day from the next one on, as they are if no more calls are made.

        The last are those of a day after the present month, and after every call with a later date.
        """
        day = floor(self.now, DAY)
        end = max([month_end(self.now), *(month_end(one) for one in self.days if one > day)])
        for begin in range(day + DAY, end + DAY, DAY):
            first = month_begin(begin)
            yield self._replace(now=begin, days={one: calls for one, calls in self.days.items() if one >= first})


class Limit(NamedTuple):
    """One limit at a moment.

    Attributes:
        period: day, month, or money for the month's calls that cost money.
        limit: calls allowed in the period.
        spent: calls counted in the period.
        left: calls that may still be made.
        kept: calls of these that are left to more urgent purposes.
        renewed_at: moment from which on more may be made; the present one if they may be made now.
    """

    period: Period
    limit: int
    spent: int
    left: int
    kept: int
    renewed_at: int

    @property
    def available(self) -> int:
        """Calls that may be made now; 0 or less if none."""
        return self.left - self.kept


def limits_at(limits: CallLimits, counts: Counts, reserve: Reserve = Reserve(), keep: int = 0) -> list[Limit]:  # noqa: B008 - immutable
    """Return the limits of the day, the month and the month's money, as far as there are any.

    Args:
        limits: the limits of the product.
        counts: its calls.
        reserve: calls that are left to more urgent purposes.
        keep: calls that are left to more urgent purposes at least.
    """
    found = []
    for period, (limit, spent, left) in _left(limits, counts).items():
        kept = _kept(reserve, counts.days_left, period, limits, keep)
        renewed_at = counts.now if left > kept else _renewed_at(period, limits, counts, reserve, keep)
        found.append(Limit(period, limit, spent, left, kept, renewed_at))
    return found


def _left(limits: CallLimits, counts: Counts) -> dict[Period, tuple[int, int, int]]:
    """Return each limit, and the calls that are spent and left of it."""
    found: dict[Period, tuple[int, int, int]] = {}
    if limits.per_day is not None:
        found["day"] = (limits.per_day, counts.today, limits.per_day - counts.today)
    if limits.per_month is not None:
        found["month"] = (limits.per_month, counts.month, limits.per_month - counts.month)
    if limits.paid_per_month is not None:
        # each day has free calls, whatever is paid for
        free = limits.free_per_day or 0
        paid = counts.paid(free)
        left = max(0, free - counts.today) + max(0, limits.paid_per_month - paid)
        found["money"] = (limits.paid_per_month, paid, left)
    return found


def _kept(reserve: Reserve, days_left: int, period: Period, limits: CallLimits, keep: int = 0) -> int:
    """Return the calls of a period that are left to more urgent purposes."""
    free = limits.free_per_day or 0
    a_day = {"day": 0, "month": reserve.a_day, "money": max(0, reserve.a_day - free)}[period]
    return max(reserve.today, keep) + a_day * days_left


def _renewed_at(period: Period, limits: CallLimits, counts: Counts, reserve: Reserve, keep: int) -> int:
    """Return when more may be made: in the next hour if only an estimated reserve is in the way, else on a later day.

    That day is the first on which the limit leaves any, with the calls that have a later date.
    """
    if _left(limits, counts)[period][2] > keep and not reserve.is_fixed:
        return floor(counts.now, HOUR) + HOUR
    # what loads will have taken by then is not known
    whole = Reserve(reserve.a_day, reserve.a_day) if reserve.is_fixed else Reserve()
    moment = counts.now
    for at in counts.later():
        moment = at.now
        if _left(limits, at)[period][2] > _kept(whole, at.days_left, period, limits):
            break
    return moment


def reserve_for(purpose: Purpose, counts: Counts, configured_reserve: int | None) -> Reserve:
    """Return the calls that a purpose leaves to more urgent ones.

    Args:
        purpose: the purpose.
        counts: the calls of the product.
        configured_reserve: calls a day that a backfill leaves to hourly loads; None to estimate them.
    """
    if purpose == "snapshot":
        return Reserve()
    urgent = PURPOSES[: PURPOSES.index(purpose)]
    if purpose == "backfill" and configured_reserve is not None:
        return configured(configured_reserve, [counts.hours.get(one, {}) for one in urgent], counts.now)
    reserve = scheduled(counts.hours.get("snapshot", {}), counts.now)
    if purpose == "backfill":
        # a history may catch up on many hours at once, which is no measure of the hours to come
        reserve += scheduled(counts.hours.get("history", {}), counts.now, min)
    return reserve


def spent_error(lane: Lane, limit: Limit) -> BudgetSpentError:
    """Return the error of a lane for which a limit leaves nothing."""
    moment = f"{as_datetime(limit.renewed_at):%Y-%m-%d %H:%M} UTC"
    if limit.left <= 0:
        state = f"is spent: {_amount(limit)} {_SETTINGS[lane.product, limit.period]}"
    else:
        urgent = "hourly loads" if lane.purpose == "backfill" else "what cannot be asked for again"
        state = f"is kept for {urgent}: {_amount(limit)} {_SETTINGS[lane.product, limit.period]}"
    # a load without the range does not go on with a backfill
    is_backfill = lane.purpose == "backfill"
    goes_on = f"A load of the same range after {moment} goes on." if is_backfill else f"A load after {moment} goes on."
    text = f"{BUDGET_OF}{TITLES[lane.product]} {state}. {goes_on}"
    return BudgetSpentError(
        text,
        product=lane.product,
        is_backfill=is_backfill,
        period=limit.period,
        limit=limit.limit,
        spent=limit.spent,
        renewed_at=as_datetime(limit.renewed_at),
    )


def _amount(limit: Limit) -> str:
    spent = f"{max(0, limit.spent):,} of {limit.limit:,}"
    if limit.period == "money":
        return f"the free calls of today, and {spent} calls a month that cost money,"
    return f"{spent} calls a {limit.period},"

"""Budgets of calls: what is used and left of each day and month, by product."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, get_args

from dlt_sources.weather.api.endpoints import BY_NAME, DEFAULT_RESOURCES
from dlt_sources.weather.budget.calendar import DAY, as_datetime, floor, month_end
from dlt_sources.weather.budget.decision import Counts, Limit, limits_at, reserve_for
from dlt_sources.weather.budget.reading import read_counts
from dlt_sources.weather.common.settings import WeatherSettings
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.destination.reader import DestinationReader
from dlt_sources.weather.destination.target import Target


class BudgetStatus(NamedTuple):
    """Calls of one product in the present day or month, UTC.

    Attributes:
        product: the product.
        period: day, month, or money for the calls of the month that cost money.
        used: calls counted in the period.
        limit: calls allowed in the period; None if there is no limit.
        left: calls that may still be made, for what cannot be asked for again; None if there is no limit.
        left_for_backfill: calls of these that a backfill may make now; None if there is no limit.
        renewed_at: end of the period; later if calls with a later date fill the next one too.
        money: cost of the month's calls so far; None where calls cost nothing, and for the period day.
        currency: currency of the cost; "" without one.
    """

    product: Product
    period: Literal["day", "month", "money"]
    used: int
    limit: int | None
    left: int | None
    left_for_backfill: int | None
    renewed_at: datetime
    money: float | None = None
    currency: str = ""

    @property
    def share(self) -> float:
        """Used share of the limit, from 0.0; 0.0 without a limit."""
        return self.used / self.limit if self.limit else 0.0


def read_budget(
    target: Target, settings: WeatherSettings, reader: DestinationReader | None = None
) -> list[BudgetStatus]:
    """Return the budgets of the products that are configured or were asked this month, those of each day first.

    Args:
        target: the destination and dataset.
        settings: the key, the limits and the resources.
        reader: an open reader of the target, if there is one.

    Raises:
        DestinationError: the destination cannot be reached.
    """
    chosen = {BY_NAME[name].product for name in settings.resources or DEFAULT_RESOURCES if name in BY_NAME}
    found: list[BudgetStatus] = []
    for product in get_args(Product):
        counts = read_counts(target, settings, product, reader)
        if counts.month or product in chosen:
            found += _of_product(product, counts, settings)
    return found


def _of_product(product: Product, counts: Counts, settings: WeatherSettings) -> list[BudgetStatus]:
    limits = settings.limits_of(product)
    reserve = reserve_for("backfill", counts, settings.reserve_for_schedule)
    by_period = {limit.period: limit for limit in limits_at(limits, counts, reserve)}
    money, currency = None, ""
    if limits.free_per_day is not None:
        money, currency = (
            counts.paid(limits.free_per_day) * settings.one_call.price_per_call,
            settings.one_call.currency,
        )
    ends = {"day": floor(counts.now, DAY) + DAY, "month": month_end(counts.now), "money": month_end(counts.now)}

    def status(period: Literal["day", "month", "money"], used: int, limit: Limit | None) -> BudgetStatus:
        return BudgetStatus(
            product,
            period,
            used,
            limit and limit.limit,
            limit and max(0, limit.left),
            limit and max(0, limit.available),
            as_datetime(max(ends[period], limit.renewed_at if limit and limit.left <= 0 else 0)),
            None if period == "day" else money,
            currency,
        )

    found = [
        status("day", counts.today, by_period.get("day")),
        status("month", counts.month, by_period.get("month")),
    ]
    if paid := by_period.get("money"):
        found.append(status("money", paid.spent, paid))
    return found

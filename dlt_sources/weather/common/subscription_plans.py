"""Subscription plans of OpenWeather, and the limits on calls that follow from one.

Source of limits: openweathermap.org/full-price (2026). Limits count per account, over all its keys.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

# products of the API that are billed, limited and refused separately; "free" is 2.5 and geocoding on any plan
Product = Literal["free", "one_call"]
PlanName = Literal["free", "startup", "developer", "professional", "expert"]
PLAN_NAMES: tuple[PlanName, ...] = get_args(PlanName)
# openweathermap.org/api/china-endpoints, "Endpoint mapping": Free and Startup have the first host, Developer and above
# the second. The pages of geocoding (/api/geocoding-api) and of One Call (/api/one-call-4) name the first for any plan.
API_URL = "https://api.openweathermap.org"
PRO_URL = "https://pro.openweathermap.org"
STANDARD_HOSTS = {PRO_URL: API_URL, "https://cn-pro.openweathermap.org": "https://cn-api.openweathermap.org"}


class SubscriptionPlan(NamedTuple):
    """One column of the price page.

    Attributes:
        calls_per_minute: most calls in a minute.
        calls_per_month: most calls in a month.
        refresh_minutes: minutes after which the data are said to change.
        url: base URL of the 2.5 endpoints.
    """

    calls_per_minute: int
    calls_per_month: int
    refresh_minutes: int
    url: str


PLANS: dict[PlanName, SubscriptionPlan] = {
    "free": SubscriptionPlan(60, 1_000_000, 120, API_URL),
    "startup": SubscriptionPlan(600, 10_000_000, 120, API_URL),
    "developer": SubscriptionPlan(3_000, 100_000_000, 60, PRO_URL),
    "professional": SubscriptionPlan(30_000, 1_000_000_000, 10, PRO_URL),
    "expert": SubscriptionPlan(100_000, 3_000_000_000, 10, PRO_URL),
}
# the smallest plan that may ask for a resource; all others are in every plan, or in One Call
LEAST_PLANS: dict[str, PlanName] = {
    "forecast_daily": "startup",
    "forecast_hourly": "developer",
    "forecast_climate": "developer",
}


class CallLimits(NamedTuple):
    """Limits on the calls of one product. None is no limit.

    A day's calls beyond ``free_per_day`` cost money, whatever other days left unused: so money is limited by the calls
    that are paid for, and not by the calls of the month.

    Attributes:
        per_minute: most calls in any 60 seconds.
        per_day: most calls in a day, UTC.
        per_month: most calls in a month, UTC.
        free_per_day: calls of a day, UTC, that cost nothing; None if no call costs anything.
        paid_per_month: most calls beyond the free ones of their day in a month, UTC.
    """

    per_minute: int
    per_day: int | None = None
    per_month: int | None = None
    free_per_day: int | None = None
    paid_per_month: int | None = None


def lacks(plan: PlanName, resource: str) -> bool:
    """Return whether a resource needs a larger plan."""
    least = LEAST_PLANS.get(resource, "free")
    return PLAN_NAMES.index(plan) < PLAN_NAMES.index(least)


@configspec
class OneCallSettings(BaseConfiguration):
    """Settings of One Call, whose calls are billed one by one: ``[sources.weather.one_call]``.

    Source of the defaults: openweathermap.org/full-price, "Pay as you call".
    """

    calls_per_minute: int | None = None
    calls_per_day: int = 1_000
    calls_per_month: int | None = None
    free_calls_per_day: int = 1_000
    price_per_call: float = 0.0012
    currency: str = "GBP"
    money_per_month: float | None = None
    daily_forecast_days: int = 10

    @property
    def paid_calls_per_month(self) -> int | None:
        """Calls that the month's money buys; None if money is not limited."""
        if self.money_per_month is None or not self.price_per_call:
            return None
        # in whole millionths of the currency: 0.3 / 0.0012 is 250, and not 249.99
        return round(self.money_per_month * 1_000_000) // max(1, round(self.price_per_call * 1_000_000))

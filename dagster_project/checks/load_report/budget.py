"""Check of a month's calls: a warning before they end, so that nobody learns of it from missing rows."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_project.checks.names import MONTH_OF_ONE_CALL, MONTH_OF_PLAN
from dagster_project.checks.queries import CheckResult
from dlt_sources.weather.common.subscription_plans import Product
from dlt_sources.weather.status.budget import BudgetStatus

MOST_USED = 0.8
# by product: the check, and whose calls they are
CHECKS: dict[Product, str] = {"free": MONTH_OF_PLAN, "one_call": MONTH_OF_ONE_CALL}
OWNERS: dict[Product, str] = {"free": "the subscription plan", "one_call": "One Call"}


def describe(product: Product) -> str:
    """Return the description of the check of a product."""
    return f"Less than {MOST_USED:.0%} of the calls that {OWNERS[product]} has for the month are used."


def month_lasts(product: Product, budget: Sequence[BudgetStatus]) -> CheckResult:
    """Return whether less than ``MOST_USED`` of a product's calls of the month are used, or of those that cost money.

    Once it fails it fails until the month ends, so that it is told once.

    Args:
        product: the product.
        budget: used calls and limits of all products.
    """
    months = (one for one in budget if one.product == product and one.period != "day" and one.limit)
    worst = max(months, key=lambda one: one.share, default=None)
    if worst is None or worst.share < MOST_USED:
        return CheckResult(passed=True)
    kind = " that cost money" if worst.period == "money" else ""
    description = (
        f"{worst.used:,} of the {worst.limit:,} calls{kind} that {OWNERS[product]} has for the month are used; new "
        f"ones come on {worst.renewed_at:%Y-%m-%d}."
    )
    return CheckResult(passed=False, figures={"used": worst.used, "limit": worst.limit}, description=description)

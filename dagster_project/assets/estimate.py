"""Calls and money of a backfill, said before its first call: in the asset's description, the run's log and metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dagster import AssetExecutionContext

from dagster_project.common import clock
from dlt_sources.weather.api.endpoints import BY_NAME
from dlt_sources.weather.common.errors import WeatherError, counted
from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.destination.target import Target
from dlt_sources.weather.pipeline.plan import plan
from dlt_sources.weather.pipeline.plan.costs import backfill_costs
from dlt_sources.weather.pipeline.plan.sentences import backfill_said, money_said


def costs_of_partition(resource: str, most_calls: int) -> str:
    """Return a clause about the calls and the money of a partition for the configured places.

    A file of places is not read: every process that loads the definitions would take seconds for 200,000 of them.

    Args:
        resource: the dlt resource.
        most_calls: most calls of a partition for each place.
    """
    try:
        settings = load_settings()
    except WeatherError:
        return f"at most {counted(most_calls, 'call')} for each place"
    number = 1 if settings.locations_file else len(settings.locations or [])
    calls = number * most_calls
    places = "each place" if settings.locations_file else f"the {counted(number, 'configured place')}"
    text = f"at most {counted(calls, 'call')} for {places}"
    one_call = settings.one_call
    if BY_NAME[resource].product != "one_call":
        return text
    money = money_said(calls * one_call.price_per_call, one_call.currency)
    return f"{text}, {money} where the {one_call.free_calls_per_day:,} free calls of the day are used"


def log_estimate(context: AssetExecutionContext, target: Target, settings: WeatherSettings) -> dict[str, Any]:
    """Log the calls and the money of a backfill, beside the schedule of all configured resources.

    Args:
        context: the step's.
        target: the destination and dataset.
        settings: the resource, and the period of the backfill.

    Returns:
        Entries for the metadata.

    Raises:
        WeatherError: a setting cannot work, or the destination cannot be read.
    """
    now = clock.now()
    planned = plan(target, settings, now)
    product = BY_NAME[(settings.resources or [""])[0]].product
    schedules = (*plan(target, load_settings(), now).schedule, *planned.schedule)
    schedule = next(one for one in schedules if one.product == product)
    costs = backfill_costs(schedule, planned.calls, now.date(), settings.reserve_for_schedule)
    context.log.info(
        "From %s to %s: %s for %s, about %s at %s a minute; what is complete costs none. %s",
        settings.since,
        settings.until,
        counted(planned.calls, "call"),
        counted(planned.locations + planned.to_resolve, "place"),
        planned.duration,
        counted(planned.calls_per_minute, "call"),
        " ".join(backfill_said(replace(planned, backfill=(costs,) if planned.calls else ()))),
    )
    metadata: dict[str, Any] = {"run_calls_estimated": planned.calls}
    if product == "one_call":
        metadata["run_money_estimated"] = money_said(costs.money, costs.currency)
    return metadata


def calls_estimated(target: Target, settings: WeatherSettings) -> dict[str, Any]:
    """Return the calls of a load of a period for the metadata; nothing for an hourly load, which asks for new hours."""
    return {"calls_estimated": plan(target, settings, clock.now()).calls} if settings.since else {}

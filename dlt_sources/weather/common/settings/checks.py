"""Checks of the settings, each with a sentence that names the setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import get_type_hints
from urllib.parse import urlsplit

import dlt
from dlt.common.configuration.specs import BaseConfiguration
from pydantic import TypeAdapter, ValidationError

from dlt_sources.weather.common.configuration import InvalidSettingError
from dlt_sources.weather.common.configuration.names import how_to_set
from dlt_sources.weather.common.settings.names import ONE_CALL_RESOURCES, ResourceName, unknown_resources
from dlt_sources.weather.common.settings.schedule import is_schedule
from dlt_sources.weather.common.subscription_plans import LEAST_PLANS, CallLimits, PlanName, Product, lacks

_YEARS = 10 * 366  # days; more history than exists
_MOST_CALLS = 100_000_000_000  # more than any plan has in a month
# resources that a backfill loads, by product
_HISTORIES: dict[Product, tuple[ResourceName, ...]] = {
    "free": ("air_pollution",),
    "one_call": ("weather_history", "weather_history_daily"),
}
_BY_DEFAULT = ("air_pollution",)
RANGES: dict[str, tuple[float, float]] = {
    "history_days": (0, _YEARS),
    "history_overlap_hours": (0, _YEARS * 24),
    "history_days_per_call": (1, _YEARS),
    "calls_per_minute": (1, 1_000_000),
    "calls_per_day": (1, _MOST_CALLS),
    "calls_per_month": (1, _MOST_CALLS),
    "reserve_for_schedule": (0, _MOST_CALLS),
    "timeout_seconds": (0.01, 3600),
    "max_answer_mb": (0.001, 1000),
    "attempts": (1, 100),
    "backoff_seconds": (0, 3600),
    "rate_limit_backoff_seconds": (0, 3600),
    "rate_limit_patience_seconds": (0, 7 * 86_400),
    "chunk_rows": (1, 100_000_000),
    "chunk_seconds": (0, 86_400),
    "lock_wait_seconds": (0, 7 * 86_400),
    "volume_gib": (0.001, 1_000_000),
}
ONE_CALL_RANGES: dict[str, tuple[float, float]] = {
    "calls_per_minute": (1, 1_000_000),
    "calls_per_day": (1, _MOST_CALLS),
    "calls_per_month": (1, _MOST_CALLS),
    "free_calls_per_day": (0, _MOST_CALLS),
    "price_per_call": (0, 1_000),
    "money_per_month": (0, 1_000_000_000),
    "daily_forecast_days": (1, 548),  # a year and a half: openweathermap.org/api/one-call-4
}


def check_types(settings: BaseConfiguration, table: str = "") -> None:
    """Raise on values of the wrong type: dlt converts those that it reads, but takes arguments unchanged.

    Args:
        settings: the settings, or a table within them.
        table: the table's name with a dot.
    """
    for name, hint in get_type_hints(type(settings)).items():
        if name.startswith("__") or (isinstance(hint, type) and issubclass(hint, BaseConfiguration)):
            continue
        try:
            TypeAdapter(hint).validate_python(getattr(settings, name), strict=True)
        except ValidationError as error:
            problem = error.errors()[0]
            given = "" if name == "api_key" else f", not {getattr(settings, name)!r}"
            raise InvalidSettingError(table + name, f"{table}{name}: {problem['msg'].lower()}{given}.") from None


def check_ranges(settings: BaseConfiguration, ranges: dict[str, tuple[float, float]], table: str = "") -> None:
    """Raise on a number that cannot work; None is no number.

    Args:
        settings: the settings, or a table within them.
        ranges: smallest and largest value of each number.
        table: the table's name with a dot.
    """
    for name, (least, most) in ranges.items():
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            raise InvalidSettingError(table + name, f"{table}{name} must be from {least:,} to {most:,}, not {value}.")


def check_currency(currency: str) -> None:
    """Raise on a currency that has no letters only, such as a price: dlt reads a number as a text."""
    if not currency.isalpha():
        raise InvalidSettingError(
            "one_call.currency", f"one_call.currency must be letters, such as GBP, not {currency!r}."
        )


def check_table(name: str, sections: tuple[str, ...], example: str) -> None:
    """Raise on a table of settings that is set as a whole, as one value: dlt ignores it.

    Args:
        name: the table's name.
        sections: the section that it is in.
        example: one of its settings.
    """
    value: object = dlt.config.get(".".join((*sections, name)))
    if value is not None and not isinstance(value, Mapping):
        raise InvalidSettingError(
            name,
            f"{name} is a table, whose settings are set one by one: for instance by "
            f"{how_to_set(*sections, name, example)}.",
        )


def check_reserve(reserve: int | None, chosen: list[str] | None, limits_of: Callable[[Product], CallLimits]) -> None:
    """Raise on calls kept for hourly loads that leave none to a backfill on any day.

    Args:
        reserve: the calls that are kept each day; None if they are estimated.
        chosen: names of the resources; None for those that are loaded by default.
        limits_of: returns the limits of a product.
    """
    for product, names in _HISTORIES.items():
        if reserve is None or not (set(names) & set(_BY_DEFAULT if chosen is None else chosen)):
            continue
        limits, table = limits_of(product), "" if product == "free" else "one_call."
        paid = None if limits.paid_per_month is None else limits.paid_per_month + (limits.free_per_day or 0)
        caps = {
            f"{table}calls_per_day": limits.per_day,
            f"{table}calls_per_month": limits.per_month,
            f"the calls that {table}money_per_month allows on a day": paid,
        }
        for name, cap in caps.items():
            if cap is not None and reserve >= cap:
                raise InvalidSettingError(
                    "reserve_for_schedule",
                    f"reserve_for_schedule ({reserve:,}) leaves nothing of {name} ({cap:,}) for backfills; set it "
                    "lower, or leave it out to have it estimated.",
                )


def check_schedule(schedule: str) -> None:
    """Raise on a schedule that is none."""
    if not is_schedule(schedule):
        raise InvalidSettingError(
            "schedule",
            f'schedule must be five fields of cron in UTC, like "0 */2 * * *" for every second hour, not {schedule!r}.',
        )


def checked_version(version: int | None, chosen: list[str]) -> int:
    """Return the version of One Call that the account has; refuse resources of the other one.

    Args:
        version: the setting; None to take the version that the resources need, and 4 if they need none.
        chosen: names of the resources.
    """
    old, new = ([name for name in ONE_CALL_RESOURCES[version] if name in chosen] for version in (3, 4))
    version = (3 if old else 4) if version is None else version
    if version not in ONE_CALL_RESOURCES:
        raise InvalidSettingError("one_call_version", f"one_call_version must be 3 or 4, not {version}.")
    if old and new:
        raise InvalidSettingError(
            "resources",
            f"resources: one_call is One Call 3.0, and {', '.join(new)} {_are(new)} One Call 4.0; an account has one "
            "of the two, so leave out what yours does not have.",
        )
    if old and version == 4:
        raise InvalidSettingError(
            "resources",
            "resources: one_call is One Call 3.0, which an account with One Call 4.0 does not have; choose "
            "one_call_current, one_call_hourly_forecast or one_call_daily_forecast, or set one_call_version = 3 if "
            "your subscription is to 3.0.",
        )
    if new and version == 3:
        raise InvalidSettingError(
            "resources",
            f"resources: {', '.join(new)} {_are(new)} One Call 4.0, which an account with One Call 3.0 does not have; "
            "choose one_call, or set one_call_version = 4 if your subscription is to 4.0.",
        )
    return version


def _are(names: list[ResourceName]) -> str:
    return "is" if len(names) == 1 else "are"


def check_plan(plan: PlanName, chosen: list[str]) -> None:
    """Raise on resources that the plan lacks: the API would refuse each call.

    Args:
        plan: name of the plan.
        chosen: names of the resources.
    """
    refused = [name for name in chosen if lacks(plan, name)]
    if refused:
        said = "; ".join(f"{name} needs the plan {LEAST_PLANS[name]} or a larger one" for name in refused)
        raise InvalidSettingError(
            "resources",
            f"resources: {said}, and plan is {plan} (openweathermap.org/full-price). Set plan to the one that "
            f"you pay for, or leave {'it' if len(refused) == 1 else 'them'} out.",
        )


def checked_resources(names: list[str]) -> list[str]:
    """Return the names, each once."""
    if not names:
        raise InvalidSettingError("resources", "resources is empty, so there is nothing to load; leave it out for all.")
    if said := unknown_resources(names):
        raise InvalidSettingError("resources", said)
    return list(dict.fromkeys(names))


def checked_base_url(url: str) -> str:
    """Return the URL without a slash at its end; raise if the key would be sent in clear, or nowhere."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is no number raises only when it is read
    except ValueError as error:
        raise InvalidSettingError("base_url", f"base_url is not a URL: {error}.") from None
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return url.rstrip("/")
    raise InvalidSettingError(
        "base_url",
        f"base_url must start with https://, so that the key is never sent in clear, not "
        f"{parts.scheme or 'without a scheme'}; http:// is accepted for this machine only (http://127.0.0.1).",
    )


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: ``localhost``, or an address such as 127.0.0.1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

"""The schedule of the loads, and the ages of assets that follow from it. Definitions read it once a process."""

from __future__ import annotations

import math
from datetime import timedelta
from functools import cache

from dlt_sources.weather.common.clock import HOUR
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import WeatherSettings, load_settings
from dlt_sources.weather.common.settings.schedule import schedule_gap


@cache
def configured_schedule() -> str:
    """Return the schedule in cron's form, UTC; the default if the settings are wrong, which every run says then."""
    try:
        return load_settings().schedule
    except ConfigurationError:
        return WeatherSettings.schedule


def warn_after() -> timedelta:
    """Return the age from which on an asset is late: one load is an hour late."""
    return _whole_hours(schedule_gap(configured_schedule()) + HOUR)


def fail_after() -> timedelta:
    """Return the age from which on an asset is stale: two loads are missing."""
    return _whole_hours(2 * schedule_gap(configured_schedule()) + HOUR)


def _whole_hours(duration: timedelta) -> timedelta:
    """Round up, because Dagster's pages show 90 minutes as 2 hours."""
    return math.ceil(duration / HOUR) * HOUR

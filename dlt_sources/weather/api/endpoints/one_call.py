"""Endpoints of One Call, 3.0 and 4.0.

Source of paths and shapes: openweathermap.org/api/one-call-3 and openweathermap.org/api/one-call-4.
"""

from __future__ import annotations

from datetime import timedelta

from dlt_sources.weather.api.endpoints.model import MOST_LARGE, Endpoint, Part, Timeline
from dlt_sources.weather.api.one_call import alert_texts
from dlt_sources.weather.common.settings import ResourceName
from dlt_sources.weather.contracts import (
    Contract,
    OneCallAlerts,
    OneCallCurrent,
    OneCallDaily,
    OneCallDailyForecast,
    OneCallHourly,
    OneCallHourlyForecast,
    OneCallMinutely,
    OneCallQuarterHourly,
    WeatherHistory,
    WeatherHistoryDaily,
)
from dlt_sources.weather.contracts.base import EARLIEST

_AROUND = (("timezone", "timezone"), ("timezone_offset", "timezone_offset"))
_NOT_KEPT = frozenset({"lat", "lon"})
# rows an answer and reach: "Response record limits" and the timelines' sections of openweathermap.org/api/one-call-4
_MINUTES = Timeline(timedelta(minutes=1), 60, None, timedelta(hours=1))
_QUARTER_HOURS = Timeline(timedelta(minutes=15), 50, None, timedelta(hours=48))
_HOURS = Timeline(timedelta(hours=1), 20, EARLIEST, timedelta(hours=48))
_DAYS = Timeline(timedelta(days=1), 10, EARLIEST, timedelta(days=548))


def _version_4(
    name: ResourceName,
    path: str,
    contract: type[Contract],
    description: str,
    *,
    timeline: Timeline | None = None,
    has_units: bool = True,
    incremental: bool = False,
) -> Endpoint:
    """Return an endpoint of One Call 4.0 whose answers list their rows."""
    return Endpoint(
        name=name,
        path=f"/data/4.0/onecall/{path}",
        parts=(Part(contract, "data", around=_AROUND),),
        description=description,
        product="one_call",
        version=4,
        timeline=timeline,
        by_default=False,
        has_units=has_units,
        incremental=incremental,
        not_kept=_NOT_KEPT,
    )


# its requests are of two kinds, see extract.requests.alerts
ALERTS: ResourceName = "one_call_alerts"
ONE_CALL_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        name="one_call",
        path="/data/3.0/onecall",
        parts=(
            Part(OneCallHourly, "hourly", around=_AROUND),
            Part(OneCallDaily, "daily", around=_AROUND),
            Part(OneCallMinutely, "minutely", optional=True, around=_AROUND),
            Part(OneCallAlerts, "alerts", optional=True),
        ),
        description="One Call 3.0: the next hours, days and minutes, and warnings. Needs a separate subscription.",
        not_kept=_NOT_KEPT | {"current"},
        product="one_call",
        version=3,
        by_default=False,
        has_units=True,
        most_at_once=MOST_LARGE,
    ),
    _version_4(
        "one_call_current",
        "current",
        OneCallCurrent,
        "One Call 4.0: current weather, one row per location and observation.",
    ),
    _version_4(
        "one_call_minutely",
        "timeline/1min",
        OneCallMinutely,
        "One Call 4.0: precipitation of the next hour, one row per location, minute and hour of issue.",
        timeline=_MINUTES,
        # the rate of precipitation is in mm/h in all units
        has_units=False,
    ),
    _version_4(
        "one_call_quarter_hourly",
        "timeline/15min",
        OneCallQuarterHourly,
        "One Call 4.0: forecast of 48 hours, one row per location, quarter of an hour and hour of issue.",
        timeline=_QUARTER_HOURS,
    ),
    _version_4(
        "one_call_hourly_forecast",
        "timeline/1h",
        OneCallHourlyForecast,
        "One Call 4.0: forecast of 48 hours, one row per location, hour and hour of issue.",
        timeline=_HOURS,
    ),
    _version_4(
        "one_call_daily_forecast",
        "timeline/1day",
        OneCallDailyForecast,
        "One Call 4.0: forecast by day, up to 1.5 years, one row per location, day and hour of issue.",
        timeline=_DAYS,
    ),
    _version_4(
        "weather_history",
        "timeline/1h",
        WeatherHistory,
        "One Call 4.0: weather since 1979, one row per location and hour, loaded incrementally.",
        timeline=_HOURS,
        incremental=True,
    ),
    _version_4(
        "weather_history_daily",
        "timeline/1day",
        WeatherHistoryDaily,
        "One Call 4.0: weather since 1979, one row per location and day, loaded incrementally.",
        timeline=_DAYS,
        incremental=True,
    ),
    Endpoint(
        name=ALERTS,
        path="/data/4.0/onecall/alert",
        parts=(Part(OneCallAlerts, read=alert_texts),),
        description="One Call 4.0: texts of the warnings in force, one row per location and warning.",
        product="one_call",
        version=4,
        by_default=False,
    ),
)

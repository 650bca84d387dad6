"""Paths of the service, the functions that answer them, and the time between two computations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

from dlt_sources.openweather_simulator.answers import air_pollution, current, forecast, geocoding, paid
from dlt_sources.openweather_simulator.answers.errors import INVALID_KEY, ApiError
from dlt_sources.openweather_simulator.answers.one_call import days, version_3, version_4
from dlt_sources.openweather_simulator.answers.one_call.rules import Rules
from dlt_sources.openweather_simulator.answers.places import Params
from dlt_sources.openweather_simulator.service.cache import REFRESH
from dlt_sources.openweather_simulator.service.stats import Product

# The model of One Call 4.0 is recomputed every ten minutes; whole hours and days begin with a computation.
_TEN_MINUTES = 600


# From the smallest to the largest; what one has, the larger ones have too (openweathermap.org/full-price).
Plan = Literal["free", "startup", "developer", "professional", "expert"]
PLANS: tuple[Plan, ...] = get_args(Plan)


class Endpoint(NamedTuple):
    """Path of the service.

    Attributes:
        answer: Function that returns the body, from the parameters, the moment of computation (Unix seconds) and the
            rules of the timelines.
        refresh: Seconds between two computations; 0 computes for every call.
        own_phase: Whether every query is recomputed at separate times, so that `dt` differs between queries.
        one_call: The version of One Call that it belongs to; it needs the subscription.
        least_plan: The smallest plan that has it.
    """

    answer: Callable[[Params, int, Rules], bytes]
    refresh: int
    own_phase: bool = False
    one_call: Literal[3, 4] | None = None
    least_plan: Plan = "free"

    @property
    def product(self) -> Product:
        """The product whose limits its calls count against."""
        return "free" if self.one_call is None else "one_call"


def _free(answer: Callable[[Params, int], bytes], refresh: int, *, own_phase: bool = False) -> Endpoint:
    return Endpoint(lambda params, moment, _: answer(params, moment), refresh, own_phase)


def _closed(*_: object) -> bytes:
    raise ApiError(401, INVALID_KEY)


ENDPOINTS = {
    "/data/2.5/weather": _free(current.weather, REFRESH, own_phase=True),
    "/data/2.5/forecast": _free(forecast.forecast, 3600),
    "/data/2.5/forecast/daily": Endpoint(paid.daily, 3600, least_plan="startup"),
    "/data/2.5/forecast/hourly": _free(paid.hourly, 3600)._replace(least_plan="developer"),
    "/data/2.5/forecast/climate": Endpoint(paid.climate, 3600, least_plan="developer"),
    "/data/2.5/air_pollution": _free(air_pollution.current, REFRESH, own_phase=True),
    "/data/2.5/air_pollution/forecast": _free(air_pollution.forecast, 3600),
    "/data/2.5/air_pollution/history": _free(air_pollution.history, 0),
    "/geo/1.0/direct": _free(geocoding.direct, 3600),
    "/geo/1.0/reverse": _free(geocoding.reverse, 3600),
    "/geo/1.0/zip": _free(geocoding.zip_code, 3600),
    "/data/3.0/onecall": Endpoint(version_3.one_call, 60, own_phase=True, one_call=3),
    "/data/3.0/onecall/timemachine": Endpoint(version_3.timemachine, 60, own_phase=True, one_call=3),
    "/data/3.0/onecall/day_summary": Endpoint(days.day_summary, 3600, one_call=3),
    "/data/3.0/onecall/overview": Endpoint(version_3.overview, 3600, one_call=3),
    "/data/4.0/onecall/current": Endpoint(version_4.current, 60, own_phase=True, one_call=4),
    "/data/4.0/onecall/timeline/1min": Endpoint(version_4.minutes, 60, one_call=4),
    "/data/4.0/onecall/timeline/15min": Endpoint(version_4.quarter_hours, _TEN_MINUTES, one_call=4),
    "/data/4.0/onecall/timeline/1h": Endpoint(version_4.hours, _TEN_MINUTES, one_call=4),
    "/data/4.0/onecall/timeline/1day": Endpoint(version_4.days, _TEN_MINUTES, one_call=4),
    # Closed in June 2024 (One Call 2.5) and July 2025 (the others); they still answer.
    "/data/2.5/onecall": Endpoint(_closed, 0),
    "/data/2.5/group": Endpoint(_closed, 0),
    "/data/2.5/box/city": Endpoint(_closed, 0),
    "/data/2.5/find": Endpoint(_closed, 0),
}

# The id of a warning is a part of the path.
ALERT = "/data/4.0/onecall/alert"


def endpoint_of(path: str) -> tuple[str, Endpoint | None]:
    """Return the name that calls of a path are counted under, and its endpoint."""
    found = ENDPOINTS.get(path)
    if found is not None:
        return path, found
    parent, _, name = path.rpartition("/")
    if parent == ALERT and name:
        return ALERT, Endpoint(lambda *_: version_4.alert(name), 0, one_call=4)
    return "unknown", None

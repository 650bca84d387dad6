"""Paths of the service, the functions that answer them, and the time between two computations."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dlt_sources.openweather_simulator.answers import (
    air_pollution,
    current,
    days,
    forecast,
    geocoding,
    one_call,
)
from dlt_sources.openweather_simulator.answers.places import Params
from dlt_sources.openweather_simulator.service.cache import REFRESH


class Endpoint(NamedTuple):
    """Path of the service.

    Attributes:
        answer: Function that returns the body, from the parameters and the moment of computation (Unix seconds).
        refresh: Seconds between two computations; 0 computes for every call.
        own_phase: Whether every query is recomputed at separate times, so that `dt` differs between queries.
        one_call: Whether it needs the One Call subscription.
    """

    answer: Callable[[Params, int], bytes]
    refresh: int
    own_phase: bool = False
    one_call: bool = False


ENDPOINTS = {
    "/data/2.5/weather": Endpoint(current.weather, REFRESH, own_phase=True),
    "/data/2.5/forecast": Endpoint(forecast.forecast, 3600),
    "/data/2.5/air_pollution": Endpoint(air_pollution.current, REFRESH, own_phase=True),
    "/data/2.5/air_pollution/forecast": Endpoint(air_pollution.forecast, 3600),
    "/data/2.5/air_pollution/history": Endpoint(air_pollution.history, 0),
    "/geo/1.0/direct": Endpoint(geocoding.direct, 3600),
    "/geo/1.0/reverse": Endpoint(geocoding.reverse, 3600),
    "/geo/1.0/zip": Endpoint(geocoding.zip_code, 3600),
    "/data/3.0/onecall": Endpoint(one_call.one_call, 60, own_phase=True, one_call=True),
    "/data/3.0/onecall/timemachine": Endpoint(one_call.timemachine, 60, own_phase=True, one_call=True),
    "/data/3.0/onecall/day_summary": Endpoint(days.day_summary, 3600, one_call=True),
    "/data/3.0/onecall/overview": Endpoint(one_call.overview, 3600, one_call=True),
}

# Closed in June 2024 (One Call 2.5) and July 2025 (the others); they still answer, with 401.
RETIRED = frozenset({"/data/2.5/group", "/data/2.5/box/city", "/data/2.5/find", "/data/2.5/onecall"})

"""The rate limiter: no window holds more calls than the subscription allows, and all are let through."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from pyrate_limiter import InMemoryBucket, Rate, RateItem

from dlt_sources.openweather_simulator import Fault
from dlt_sources.weather.api import rate_limit as throttle
from dlt_sources.weather.api.rate_limit import LocalRateLimiter, SlidingWindow
from tests.weather.api.asking import ask

# as in earnest, the limiter's window (milliseconds) is a second longer than the one (seconds) that must hold
SHORT_WINDOW = 2000
SERVER_WINDOW = 1.0


def granted_within(throttle_, count):
    """The moments at which so many calls were let through, asked for all at once."""

    async def one(moments):
        await throttle_.acquire()
        moments.append(time.monotonic())

    async def everyone():
        moments = []
        await asyncio.gather(*(one(moments) for _ in range(count)))
        return sorted(moments)

    return asyncio.run(everyone())


def test_no_window_holds_more_calls_than_allowed_and_all_are_let_through(monkeypatch):
    monkeypatch.setattr(throttle, "WINDOW_MILLISECONDS", SHORT_WINDOW)
    moments = granted_within(LocalRateLimiter("https://a", 10), 25)
    assert len(moments) == 25
    assert all(later - earlier > SERVER_WINDOW for earlier, later in zip(moments, moments[10:], strict=False))
    assert moments[-1] - moments[0] < 60


def test_two_throttles_for_one_api_share_its_calls(monkeypatch):
    monkeypatch.setattr(throttle, "WINDOW_MILLISECONDS", SHORT_WINDOW)
    first = granted_within(LocalRateLimiter("https://b", 10), 10)
    second = granted_within(LocalRateLimiter("https://b", 10), 1)
    assert second[0] - first[0] > SERVER_WINDOW


def test_the_client_keeps_to_the_rate_over_real_http(monkeypatch, client, simulator):
    monkeypatch.setattr(throttle, "WINDOW_MILLISECONDS", SHORT_WINDOW)
    asked = client(calls_per_minute=20, attempts=6)
    simulator.inject(Fault(status=500, times=5))
    ask(asked, 40)
    times = [request.received_at for request in simulator.requests]
    assert len(times) == 45
    assert all(later - earlier > SERVER_WINDOW for earlier, later in zip(times, times[20:], strict=False))


def test_a_window_is_longer_than_the_minute_in_which_the_api_counts():
    assert throttle.WINDOW_MILLISECONDS >= 60_000


@pytest.mark.parametrize("seed", range(20))
def test_the_window_decides_as_the_librarys_own_bucket_does(seed):
    chance = random.Random(seed)
    limit, milliseconds = chance.randint(1, 12), chance.randint(1, 300)
    ours, librarys = SlidingWindow(limit, milliseconds), InMemoryBucket([Rate(limit, milliseconds)])
    moment = 0
    for _ in range(300):
        moment += chance.choice([0, 0, 1, 2, 5, 20, 100])
        call = RateItem("openweather", moment)
        assert ours.put(call) == librarys.put(call)
        assert ours.waiting(call) == librarys.waiting(call)
    assert ours.count() < 2 * limit

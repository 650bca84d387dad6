"""A process that leases calls from the ledger of a dataset, and says when each might go."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from dlt_sources.weather.api import rate_limit as throttle
from dlt_sources.weather.budget.opening import run_rate_limiter
from dlt_sources.weather.common.settings import load_settings
from dlt_sources.weather.destination.target import Target


def work(number: int, settings: dict[str, object], window: int, environment: dict[str, str], moments: Any) -> None:
    """Ask for so many calls, all at once, within a shorter window; put the moments into the queue."""
    os.environ.update(environment)
    throttle.WINDOW_MILLISECONDS = window
    granted: list[float] = []

    async def one(rate_limiter: throttle.RateLimiter) -> None:
        await rate_limiter.acquire()
        granted.append(time.time())

    async def everything(rate_limiter: throttle.RateLimiter) -> None:
        await asyncio.gather(*(one(rate_limiter) for _ in range(number)))

    with run_rate_limiter(Target("postgres"), load_settings(**settings)) as rate_limiter:
        asyncio.run(everything(rate_limiter))
    moments.put(granted)

"""A process that asks the shared budget for calls, and says when each might go."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from dlt_sources.weather.api import rate_limit as throttle
from dlt_sources.weather.api.shared_rate_limit import Budget, SharedThrottle
from dlt_sources.weather.destination.target import Target


def work(number: int, limit: int, window: int, environment: dict[str, str], moments: Any) -> None:
    """Ask for so many calls, all at once, within a shorter window; put the moments into the queue."""
    os.environ.update(environment)
    throttle.WINDOW_MILLISECONDS = window
    granted: list[float] = []

    async def one(turns: SharedThrottle) -> None:
        await turns.wait_turn()
        granted.append(time.time())

    async def everything(turns: SharedThrottle) -> None:
        await asyncio.gather(*(one(turns) for _ in range(number)))

    with SharedThrottle(Budget(Target("postgres").connection, limit), limit) as turns:
        asyncio.run(everything(turns))
    moments.put(granted)

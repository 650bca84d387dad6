"""The simulated API on a shifted clock, and its own count of the calls: by minute, by UTC day, by month."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from dlt_sources.openweather_simulator import Simulator
from dlt_sources.openweather_simulator.service.faults import Fault
from tests.chaos.budgets.clock import ShiftedClock

MINUTE = 60.0


class Arrival(NamedTuple):
    """A call as it arrived: Unix seconds, path, parameters without the key."""

    moment: float
    path: str
    params: Mapping[str, str]

    @property
    def product(self) -> str:
        """The product that it is billed to."""
        return "one_call" if "/onecall" in self.path else "free"

    @property
    def place(self) -> str:
        """For whom, as a location_id; empty for a look-up or a warning's text."""
        if "lat" not in self.params:
            return ""
        return f"{float(self.params['lat']):.4f},{float(self.params['lon']):.4f}"

    @property
    def is_history(self) -> bool:
        """Whether it can be asked for again."""
        return self.path.endswith(("timeline/1h", "timeline/1day"))

    @property
    def day(self) -> str:
        """The UTC day."""
        return f"{datetime.fromtimestamp(self.moment, timezone.utc):%Y-%m-%d}"


class CountedCalls:
    """Count of the calls that a simulator gets, whatever becomes of them.

    Args:
        simulator: the API.
        clock: its clock.
    """

    def __init__(self, simulator: Simulator, clock: ShiftedClock) -> None:
        self.arrivals: list[Arrival] = []
        simulator.clock, simulator.monotonic = clock.time, clock.monotonic
        take_fault = simulator.take_fault

        def arrive(path: str, params: Mapping[str, str]) -> Fault | None:
            self.arrivals.append(Arrival(clock.time(), path, dict(params)))
            return take_fault(path, params)

        # the first thing that becomes of a call
        simulator.take_fault = arrive  # type: ignore[method-assign]

    def fullest_minute(self, product: str | None = None) -> tuple[int, float]:
        """Return the most calls within any 60 seconds, and when these began."""
        moments = sorted(one.moment for one in self.arrivals if product in (None, one.product))
        windows = [(bisect_left(moments, begin + MINUTE) - n, begin) for n, begin in enumerate(moments)]
        return max(windows, default=(0, 0.0))

    def by_day(self, product: str) -> Counter[str]:
        """Return the calls of a product by UTC day."""
        return Counter(one.day for one in self.arrivals if one.product == product)

    def by_month(self, product: str) -> Counter[str]:
        """Return the calls of a product by UTC month."""
        return Counter(one.day[:7] for one in self.arrivals if one.product == product)

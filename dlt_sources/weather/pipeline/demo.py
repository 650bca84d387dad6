"""The demo: the whole pipeline against a simulated API, into a database of its own, without key or network.

Simulated rows never stand beside real ones: the demo has its own DuckDB file and dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dlt_sources.weather.destination.target import Target

DEMO_TARGET = Target("duckdb", "bronze_demo", pipeline_name="weather_demo", file="weather_demo.duckdb")
DEMO_KEY = "0" * 32


@contextmanager
def simulated_api() -> Iterator[dict[str, object]]:
    """Run the simulator while the demo lasts; yield the settings that point the source to it."""
    # imported here so that no real load ever imports the simulator
    from dlt_sources.openweather_simulator import Simulator, serve  # noqa: PLC0415

    with serve(Simulator(), port=0) as url:
        yield {"base_url": url, "api_key": DEMO_KEY, "calls_per_minute": 3000}

"""Demo: the whole pipeline against a simulated API, without key or network.

Simulated rows never mix with real ones: the demo has a separate DuckDB file and dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dlt_sources.weather.destination.target import Target

DEMO_TARGET = Target(dataset_name="bronze_demo", pipeline_name="weather_demo", file="weather_demo.duckdb")
DEMO_KEY = "0" * 32


@contextmanager
def simulated_api() -> Iterator[dict[str, object]]:
    """Run the simulator.

    Yields:
        Settings with which the source calls it: ``base_url``, ``api_key``, ``calls_per_minute``.
    """
    # imported here so that a real load never imports the simulator
    from dlt_sources.openweather_simulator import Simulator, serve  # noqa: PLC0415

    # every resource can be tried: no setting is refused that a plan or subscription would allow
    simulator = Simulator(plan="expert", one_call_keys="all", one_call_version=None)
    with serve(simulator, port=0) as url:
        yield {"base_url": url, "api_key": DEMO_KEY, "calls_per_minute": 3000}

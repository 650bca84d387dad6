"""The same endpoints and as many tables by plain dlt: its ``rest_api`` source and its default loader.

Places, then each endpoint for each place, merged by key. dlt makes child tables of ``weather``: seven tables of data,
as the product has in such a load (it keeps answers and counts instead). Air quality is asked from two hours back.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import dlt
from dlt.sources.rest_api import RESTAPIConfig, rest_api_resources

from tests.benchmarks.simulated import KEY
from tests.benchmarks.workload import FIVE_PLACES

HISTORY_HOURS = 2


def places() -> list[dict[str, Any]]:
    """The places, with what identifies their rows."""
    points = [place.split(",") for place in FIVE_PLACES]
    return [
        {"location_id": place, "lat": lat, "lon": lon} for place, (lat, lon) in zip(FIVE_PLACES, points, strict=True)
    ]


def endpoint(name: str, path: str, key: list[str], selector: str = "$", **params: Any) -> dict[str, Any]:
    """The configuration of a resource that asks an endpoint for each place."""
    asked = {"lat": "{resources.locations.lat}", "lon": "{resources.locations.lon}", "appid": KEY, "units": "metric"}
    return {
        "name": name,
        "endpoint": {
            "path": path,
            "params": asked | params,
            "data_selector": selector,
            "paginator": "single_page",
        },
        "include_from_parent": ["location_id"],
        "primary_key": ["_locations_location_id", *key],
        "write_disposition": "merge",
    }


def resources(base_url: str) -> Iterator[Any]:
    """The resources of the product's default load."""
    now = int(datetime.now(tz=timezone.utc).timestamp()) // 3600 * 3600
    config: RESTAPIConfig = {  # type: ignore[typeddict-item]
        "client": {"base_url": base_url},
        "resources": [
            dlt.resource([places()], name="locations", primary_key="location_id", write_disposition="merge"),
            endpoint("current_weather", "data/2.5/weather", ["dt"]),
            endpoint("forecast", "data/2.5/forecast", ["dt"], "list"),
            endpoint(
                "air_pollution",
                "data/2.5/air_pollution/history",
                ["dt"],
                "list",
                start=now - HISTORY_HOURS * 3600,
                end=now,
            ),
            endpoint("air_pollution_forecast", "data/2.5/air_pollution/forecast", ["dt"], "list"),
        ],
    }
    yield from rest_api_resources(config)


def main() -> None:
    """Load into the destination that the first argument names from the simulator that the second names."""
    destination, base_url = sys.argv[1:]
    pipeline = dlt.pipeline("plain", destination=destination, dataset_name="plain")
    pipeline.run(list(resources(base_url)))


if __name__ == "__main__":
    main()

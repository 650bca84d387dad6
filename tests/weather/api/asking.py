"""Questions to the simulated API, and their results."""

from __future__ import annotations

from datetime import datetime, timezone

from dlt_sources.weather.api.responses import Request

PATH = "/data/2.5/weather"
NOW = datetime(2026, 5, 20, 12, 20, tzinfo=timezone.utc)


def question(number=0, path=PATH):
    """One of many requests that differ by their place."""
    return Request("current_weather", path, {"lat": f"{number / 100:.4f}", "lon": "7.5000"}, number)


def ask(client, count):
    """Ask many questions and return the outcomes by number; none may be lost or come twice."""
    results = {}
    for result in client.fetch_all(question(number) for number in range(count)):
        assert result.request.about not in results
        results[result.request.about] = result
    assert sorted(results) == list(range(count))
    return results
